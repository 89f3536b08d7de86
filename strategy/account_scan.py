"""The account that training optimises: the recursion of the real one as a differentiable scan over bars."""

from dataclasses import dataclass

import torch
from torch import Tensor

from strategy.sizing import SizingParams

DAYS_PER_YEAR = 365.0
#: Annualisation counts bars per calendar year, leap years included.
CALENDAR_DAYS_PER_YEAR = 365.25
#: Far below any real variance of daily returns; it keeps an account that never trades at a defined Sharpe of 0.
LEAST_VARIANCE = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountMarket:
    """What N accounts, each in one symbol, meet over T bars: at row t what happens from close t to close t+1.

    `open_ratio` is O[t+1]/C[t], `close_ratio` C[t+1]/C[t] and `days` the calendar days between the two bars, each
    (N, T) of adjusted prices; `cost` (N,) is fee and slippage as a fraction of the traded notional; `financing_rate` is
    per year.
    """

    open_ratio: Tensor
    close_ratio: Tensor
    days: Tensor
    cost: Tensor
    financing_rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPath:
    """What became of N accounts: `returns` (N, T) net of all costs up to close t+1, `equity` (N, T) at close t+1."""

    returns: Tensor
    equity: Tensor


def account_scan(target: Tensor, market: AccountMarket, params: SizingParams) -> AccountPath:
    """The paths of N accounts that start with equity 1 and no position and follow target exposures x (N, T).

    Decide e[t] = x[t]·d(drawdown) at close t, fill at open t+1, pay cost on the traded notional and financing on what
    was carried from close t. Drawdown is from the highest equity of the path so far: a path must not be longer than
    params.lookback_period. Written in exposures, so that prices and equity cancel: u is the holding carried into row t
    over E[t]. The exposures must leave equity positive, as the real account would be closed otherwise.

    Raises ValueError if the path is longer than the look-back.
    """
    if target.shape[1] > params.lookback_period:
        raise ValueError(
            f"a path of {target.shape[1]} bars exceeds the look-back of {params.lookback_period}; cut it into windows"
        )
    slope = (1.0 - params.drawdown_floor) / (params.drawdown_full - params.drawdown_start)
    carried = torch.zeros_like(target[:, 0])
    equity = torch.ones_like(carried)
    peak = equity
    returns, equities = [], []
    # Unbound once: indexing row by row would allocate a full-size gradient per row on the way back.
    rate = (market.financing_rate / DAYS_PER_YEAR) * market.days
    columns = (target, market.open_ratio, market.close_ratio, market.cost[:, None] * market.open_ratio, rate)
    for wanted, opening, closing, cost, financing in zip(*(column.unbind(1) for column in columns), strict=True):
        drawdown = 1.0 - equity / peak
        depth = slope * (drawdown - params.drawdown_start)
        exposure = wanted * (1.0 - depth.clamp(0.0, 1.0 - params.drawdown_floor))
        borrowed = (carried - 1.0).relu() + (-carried).relu()
        result = (
            carried * (opening - 1.0)
            + exposure * (closing - opening)
            - cost * (exposure - carried).abs()
            - financing * borrowed
        )
        growth = 1.0 + result
        carried = exposure * closing / growth
        equity = equity * growth
        peak = torch.maximum(peak, equity)
        returns.append(result)
        equities.append(equity)
    return AccountPath(returns=torch.stack(returns, dim=1), equity=torch.stack(equities, dim=1))


def sharpe(returns: Tensor, days: Tensor) -> Tensor:
    """Annualised Sharpe ratio, a scalar, of all returns pooled; `days` are the calendar days that each return took.

    The risk-free rate is 0; returns that never vary give 0 for a mean of 0.
    """
    bars_per_year = CALENDAR_DAYS_PER_YEAR / days.mean()
    spread = (returns.var() + LEAST_VARIANCE).sqrt()
    result: Tensor = returns.mean() / spread * bars_per_year.sqrt()
    return result
