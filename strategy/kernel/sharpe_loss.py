"""The Sharpe ratio of an account's returns as a torch function: training maximises it."""

import torch
from torch import Tensor

from strategy.market.instruments import CALENDAR_DAYS_PER_YEAR

#: Far below any real variance of daily returns; it gives an account that never trades a defined Sharpe ratio of 0.
LEAST_VARIANCE = 1e-12


def returns_of(equity: Tensor, riskless: Tensor | float = 0.0) -> Tensor:
    """Return the net returns (T − 1, N) from each row of equity (T, N) to the next; 0 once no equity is left.

    `riskless`, (T − 1, 1) or (T − 1, N), is what the risk-free rate returns, which is subtracted.

    >>> returns_of(torch.tensor([[1.0], [1.5], [-0.5], [-0.5]])).flatten().tolist()
    [0.5, -1.3333333730697632, 0.0]
    """
    before, after = equity[:-1], equity[1:]
    alive = before > 0
    # Selected before and after the division, so that no gradient passes through a division by zero.
    return torch.where(alive, (after - before) / torch.where(alive, before, 1.0) - riskless, 0.0)


def sharpe(returns: Tensor, days: Tensor) -> Tensor:
    """Return the annualised Sharpe ratio, a scalar, of all returns pooled; `days` are the calendar days of each return.

    Returns are those above the risk-free rate; constant returns give 0 if their mean is 0.
    """
    bars_per_year = CALENDAR_DAYS_PER_YEAR / days.mean()
    spread = (returns.var() + LEAST_VARIANCE).sqrt()
    result: Tensor = returns.mean() / spread * bars_per_year.sqrt()
    return result
