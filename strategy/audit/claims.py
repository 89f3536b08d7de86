"""Audit of the seed document's claims, against perfect foresight and the hit rate that the claims require."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from strategy.kernel.simulate import AccountPath, simulate
from strategy.market.bars import Bars, FloatArray
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.leverage_cap import book_caps, portfolio_exposures
from strategy.training.training_panel import TrainingPanel, training_panel


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """Four headline figures of an account, as fractions; the Sharpe ratio is annualised."""

    total_return: float
    sharpe: float
    max_drawdown: float
    win_rate: float


#: The seed document, under Performance Highlights; it names neither the symbol nor the years.
CLAIMED = Headline(total_return=3.5099, sharpe=5.77, max_drawdown=0.0943, win_rate=0.682)


def foresight(bars: Mapping[str, Bars], config: AccountConfig, first: np.datetime64) -> AccountPath:
    """Run the configured account from the date on, with a signal that knows the sign of what each decision will earn.

    A decision is filled at the next open and held until the open after it. This looks ahead on purpose: no rule that
    takes one side a day can be right more often. Equity starts at 1 and is a float: years of perfect calls exceed what
    an exact account can hold. Limits on turnover, order size and lots are left out.
    """
    panel = training_panel(bars, config)
    start = int(np.searchsorted(panel.open_time, first))
    signal = np.stack([panel.dates.spread(*column) for column in enumerate(map(sides, _ordered(bars, panel)))], axis=-1)
    most, caps = config.sizing.max_position_size, book_caps(config.sizing, panel.dates.symbols)
    exposure = portfolio_exposures(np.nan_to_num(signal[start:]), panel.weight[start:], most, caps)
    market = panel.market(np.array([start]), len(panel) - start, 1.0)
    return simulate(np.maximum(exposure, panel.floor)[:, :, None], market, config.sizing)


def _ordered(bars: Mapping[str, Bars], panel: TrainingPanel) -> list[Bars]:
    return [bars[symbol] for symbol in panel.dates.symbols]


def sides(bars: Bars) -> FloatArray:
    """Return the sign of the adjusted return from the next open to the one after it, (T,); 0 in the last two rows.

    >>> from strategy.market.bars import make_bars
    >>> sides(make_bars("A", ["2020-01-01", "2020-01-02", "2020-01-03"], close=[9.0] * 3, open=[9.0, 8.0, 7.0]))
    array([-1.,  0.,  0.])
    """
    opening = bars.open * bars.factor
    signal = np.zeros(len(bars))
    signal[:-2] = np.sign(opening[2:] - opening[1:-1])
    return signal


def days_right_needed(sharpe: float, returns: FloatArray, days_per_year: int) -> float | None:
    """Return the fraction of days that must be called right for an annual Sharpe ratio, on one symbol's returns (T,).

    One unit long or short every day without costs, right with the same probability p on large days as on small: the
    mean is (2p − 1)·E|r| and the variance E r² less its square. None if no fraction is enough, or all returns are 0.

    >>> draw = np.random.default_rng(1).standard_normal(100_000)
    >>> round(days_right_needed(0.0, draw, 252), 3), round(days_right_needed(5.77, draw, 252), 3)
    (0.5, 0.714)
    """
    size = float(np.mean(np.abs(returns)))
    if size == 0.0:
        return None
    daily = sharpe / math.sqrt(days_per_year)
    edge = daily * math.sqrt(float(np.mean(returns**2)) / (1.0 + daily**2)) / size
    share = (1.0 + edge) / 2.0
    return share if 0.0 <= share <= 1.0 else None
