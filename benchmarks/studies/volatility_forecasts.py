"""Forecasts of the next days' variance: the product's two estimates, a pooled HAR, and two that need no fit."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from strategy.market.bars import Bars, FloatArray, TimeArray
from strategy.signals.har import HORIZON_BARS, LEAST_DAY, MOST_DAY, day_variance, har_ratios
from strategy.signals.rolling import change, daily_volatility, exponential_weights, mean, weighted

#: Rows of all symbols together without which nothing is fitted.
LEAST_ROWS = 1_000
#: Span and rows of a faster exponential average.
FAST_SPAN, FAST_BARS = 20, 126


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Forecasts:
    """Daily variances of one symbol by row, each (T,), NaN where unknown.

    `ewma` is the product's estimate from closes, `har` the one from ranges, NaN where it is not fitted. `ranges` is
    that of each day. `averages` (T, 3) are what HAR regresses on. `returns_later` and `ranges_later` are the means over
    the horizon after each row, of squared returns and of `ranges`.
    """

    open_time: TimeArray
    ewma: FloatArray
    har: FloatArray
    averages: FloatArray
    fast: FloatArray
    fast_ranges: FloatArray
    returns_later: FloatArray
    ranges_later: FloatArray


def forecasts(bars: Bars) -> Forecasts:
    """The forecasts of one symbol; those of row t are of rows up to t, what is `later` of those after it."""
    ewma = daily_volatility(bars.adjusted_close) ** 2
    before = np.concatenate([[np.nan], ewma[:-1]])
    ranges = np.clip(day_variance(bars), LEAST_DAY * before, MOST_DAY * before)
    squares = change(bars.adjusted_close, 1) ** 2
    found, weights = har_ratios(bars), exponential_weights(FAST_SPAN, FAST_BARS)
    return Forecasts(
        open_time=bars.open_time,
        ewma=ewma,
        har=np.where((found.coefficients != 0.0).any(axis=1), ewma * found.ratio, np.nan),
        averages=found.averages,
        fast=weighted(squares, weights),
        fast_ranges=weighted(ranges, weights),
        returns_later=_later(squares),
        ranges_later=_later(ranges),
    )


def _later(values: FloatArray) -> FloatArray:
    result = np.full(len(values), np.nan)
    result[:-HORIZON_BARS] = mean(values, HORIZON_BARS)[HORIZON_BARS:]
    return result


def pooled(
    symbols: Mapping[str, Forecasts], years: Sequence[int]
) -> tuple[dict[str, FloatArray], dict[int, FloatArray]]:
    """Daily variances (T,) by symbol with coefficients of all symbols together, and each year's coefficients (4,).

    They are fitted on all rows before the year; NaN where those are too few.
    """
    result = {symbol: np.full(len(forecasts.ewma), np.nan) for symbol, forecasts in symbols.items()}
    coefficients = {}
    for year in years:
        first, last = (np.datetime64(f"{each}-01-01", "us") for each in (year, year + 1))
        coefficients[year] = _fitted(symbols.values(), first)
        for symbol, forecasts in symbols.items():
            at = slice(*np.searchsorted(forecasts.open_time, [first, last]))
            result[symbol][at] = forecasts.ewma[at] * np.exp(_inputs(forecasts)[at] @ coefficients[year])
    return result, coefficients


def _inputs(forecasts: Forecasts) -> FloatArray:
    return np.concatenate([np.ones((len(forecasts.ewma), 1)), forecasts.averages], axis=1)


def _fitted(symbols: Iterable[Forecasts], before: np.datetime64) -> FloatArray:
    parts = []
    for forecasts in symbols:
        stop = max(0, int(np.searchsorted(forecasts.open_time, before)) - HORIZON_BARS)
        with np.errstate(divide="ignore", invalid="ignore"):
            later, met = np.log(forecasts.ranges_later / forecasts.ewma), forecasts.returns_later / forecasts.ewma
        rows = np.column_stack([_inputs(forecasts), later, met])[:stop]
        parts.append(rows[np.isfinite(rows).all(axis=1)])
    known = np.concatenate(parts)
    inputs, later, met = known[:, :-2], known[:, -2], known[:, -1]
    if len(known) < LEAST_ROWS:
        return np.full(inputs.shape[1], np.nan)
    result = np.asarray(np.linalg.lstsq(inputs, later, rcond=None)[0])
    result[0] += np.log(np.mean(met / np.exp(inputs @ result)))
    return result
