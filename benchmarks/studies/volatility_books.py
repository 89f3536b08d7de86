"""Accounts sized by one estimate of volatility or another, and how near they come to their target."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from strategy.account.fees_and_slippage import Costs
from strategy.builtin.registry import VOL_TARGET
from strategy.kernel.grid import Point
from strategy.kernel.grid_accounts import SweepPanel, sweep_panel, swept
from strategy.market.bars import Bars, FloatArray, TimeArray
from strategy.market.instruments import Calendar, Instrument
from strategy.portfolio.aligned_signals import aligned_signals
from strategy.portfolio.allocation import portfolio_volatilities
from strategy.portfolio.estimates import estimates
from strategy.portfolio.sizing import SizingParams, risk_budgets
from strategy.signals.har import VolatilityEstimator
from strategy.signals.outlook import symbol_signals
from strategy.signals.rolling import change, mean
from strategy.signals.strategies import Sizing, Strategy

#: Dates over which realised volatility is taken.
REALISED_BARS = 63
#: Fewer dates make no account.
LEAST_BARS = 4 * REALISED_BARS
#: A year's return decides on the trend.
TREND_BARS = 252
#: The target as a share of the book's median volatility: the cap on leverage then seldom binds.
TARGET_SHARE = 0.75


def _hold_and_trend(bars: Bars) -> FloatArray:
    """1 after a year of gains, 0 after one of losses: the mean of holding and of the trend."""
    result: FloatArray = (1.0 + np.sign(change(bars.adjusted_close, TREND_BARS))) / 2.0
    return result


HOLD_AND_TREND = Strategy(
    name="hold-and-trend", signal=_hold_and_trend, history_bars=TREND_BARS + 1, sizing=Sizing.VOLATILITY, trusted=True
)
BOOKS = (VOL_TARGET, HOLD_AND_TREND)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Account:
    """An account by either of two estimates, HAR first, EWMA second.

    `net` (D, 2) are daily returns in units of the target's daily volatility. `deviation` (D, 2) is the distance of the
    realised volatility from the target, as a share of it; NaN where a signal was not 1 on all the dates that it covers.
    `turnover` (2,) is per year, in units of equity.
    """

    dates: TimeArray
    net: FloatArray
    deviation: FloatArray
    turnover: FloatArray
    days_per_year: int


def account(
    bars: Mapping[str, Bars], calendar: Calendar, har: Mapping[str, FloatArray], book: Strategy
) -> Account | None:
    """The account of a book on all these symbols together; None where there are too few dates.

    `har` are daily variances (T,) by symbol. Dates begin with the first of them; a symbol without one is sized by EWMA.
    """
    known = [series.open_time[np.isfinite(har[symbol])] for symbol, series in bars.items()]
    dates = np.unique(np.concatenate(known))
    if len(dates) < LEAST_BARS:
        return None
    instruments = {symbol: Instrument(symbol=symbol, calendar=calendar) for symbol in bars}
    panel = sweep_panel(bars, instruments, book, dates[0])
    panels = _sized(panel, bars, {symbol: np.sqrt(har[symbol] * calendar.days_per_year) for symbol in bars})
    target = TARGET_SHARE * float(np.nanmedian(panels[1].sizing.volatility))
    point = Point(
        symbols=tuple(sorted(bars)), strategy=book, sizing=SizingParams(target_annual_vol=target), costs=Costs()
    )
    held = ((panel.signal == 1.0) | (panel.sizing.budgets == 0.0)).all(axis=1)
    found = [swept(each, [point]) for each in panels]
    net = np.concatenate([each.net for each in found], axis=1) / target * np.sqrt(panel.days_per_year)
    return Account(
        dates=panel.open_time[1:],
        net=net,
        deviation=deviation_from_target(net, held[:-1]),
        turnover=np.array([each.metrics[0].turnover_per_year for each in found]),
        days_per_year=panel.days_per_year,
    )


def _sized(panel: SweepPanel, bars: Mapping[str, Bars], har: Mapping[str, FloatArray]) -> tuple[SweepPanel, SweepPanel]:
    """The panel sized by annual volatilities of HAR, and by those of the product.

    A portfolio's volatility has the correlations of the product's estimate: each symbol's returns are scaled by the
    ratio of its two volatilities.
    """
    calendars = {instrument.symbol: instrument.calendar for instrument in panel.instruments}
    outlooks = symbol_signals(bars, calendars, panel.strategy)
    symbols = sorted(bars)
    view = aligned_signals(outlooks, symbols)
    swapped = {
        symbol: replace(one, volatility=np.where(np.isfinite(har[symbol]), har[symbol], one.volatility))
        for symbol, one in outlooks.items()
    }
    plain = estimates(view, panel.open_time, VolatilityEstimator.EWMA).volatility
    other = estimates(aligned_signals(swapped, symbols), panel.open_time, VolatilityEstimator.EWMA).volatility
    sized, stops = panel.sizing.budgets > 0, np.searchsorted(view.union, panel.open_time, side="right")
    result = []
    for volatility in (other, plain):
        budgets = risk_budgets(np.where(sized, volatility, np.nan))
        scaled = budgets * np.nan_to_num(volatility / plain, nan=1.0)
        whole = portfolio_volatilities(view.changes, stops, scaled, panel.days_per_year)
        result.append(replace(panel, sizing=replace(panel.sizing, budgets=budgets, volatility=whole)))
    return result[0], result[1]


def deviation_from_target(net: FloatArray, held: NDArray[np.bool_]) -> FloatArray:
    """|realised / target − 1| over the last REALISED_BARS returns, (D, N); NaN unless the book was `held` (D,) on all.

    `net` (D, N) are daily returns in units of the target's daily volatility. Where a signal is not 1, the target is not
    what the book aims at.
    """
    realised = np.sqrt(np.stack([mean(column * column, REALISED_BARS) for column in net.T], axis=1))
    throughout = mean(held.astype(np.float64), REALISED_BARS) == 1.0
    result: FloatArray = np.where(throughout[:, None], np.abs(realised - 1.0), np.nan)
    return result


def merged(accounts: Sequence[Account]) -> Account:
    """The mean over accounts, date by date."""
    dates, net = by_date([(traded.dates, traded.net) for traded in accounts])
    known = [np.isfinite(traded.deviation).all(axis=1) for traded in accounts]
    deviation = np.full(net.shape, np.nan)
    if any(rows.any() for rows in known):
        at, values = by_date(
            [(traded.dates[rows], traded.deviation[rows]) for traded, rows in zip(accounts, known, strict=True)]
        )
        deviation[np.searchsorted(dates, at)] = values
    return Account(
        dates=dates,
        net=net,
        deviation=deviation,
        turnover=np.mean([traded.turnover for traded in accounts], axis=0),
        days_per_year=max(traded.days_per_year for traded in accounts),
    )


def by_date(parts: Sequence[tuple[TimeArray, FloatArray]]) -> tuple[TimeArray, FloatArray]:
    """The dates (D,) of all parts, and on each the mean (D, N) of the parts that have it."""
    dates, at = np.unique(np.concatenate([times for times, _ in parts]), return_inverse=True)
    values = np.concatenate([rows for _, rows in parts])
    total = np.stack([np.bincount(at, weights=column, minlength=len(dates)) for column in values.T], axis=1)
    return dates, total / np.bincount(at, minlength=len(dates))[:, None]
