"""HAR: volatility from each day's gap and range, relative to that of the closes.

A heterogeneous autoregression (Corsi 2009) of the log of the next days' variance on averages of the log of a day's
variance, over a day, a week and a month. A day's variance is its squared gap plus its range's estimate (Garman and
Klass 1980). All logs are relative to the exponentially weighted variance of closes: a regression that finds nothing is
that estimate. A month's coefficients are fitted on the symbol's own rows before the month.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np

from strategy.market.bars import Bars, FloatArray
from strategy.signals.rolling import VOLATILITY_BARS, change, daily_volatility, mean

#: Rows over which the variance is forecast.
HORIZON_BARS = 5
#: Rows averaged: a day, a week, a month.
AVERAGES = (1, 5, 22)
PERIODS = ("day", "week", "month")
#: Rows before a month on which its coefficients are fitted, and the fewest known ones among them that suffice.
FIT_BARS, LEAST_BARS = 1_008, 252
#: Most sessions in a month.
MONTH_BARS = 31
#: Closes on which one row depends: those before its month, behind the oldest row fitted, and its month's own.
HAR_BARS = FIT_BARS + MONTH_BARS + VOLATILITY_BARS + 1 + AVERAGES[-1]
#: A day's variance is kept within these multiples of the closes' estimate the day before: it bounds one wrong print.
LEAST_DAY, MOST_DAY = 0.01, 100.0
#: A forecast is kept within these multiples of the closes' estimate: a volatility within a fifth and five times.
LEAST_RATIO, MOST_RATIO = 0.04, 25.0
#: Share of bars with a high or low beyond open and close, below which the bars have no ranges of their own.
LEAST_RANGED = 0.5
#: Added to the sums of squares, so that equations without a solution have one.
_RIDGE = 1e-6


class VolatilityEstimator(StrEnum):
    """Ways to estimate the volatility by which positions are sized."""

    #: The exponentially weighted root mean square of the returns of closes.
    EWMA = "ewma"
    #: That of closes, corrected by what daily ranges and gaps say of the next days.
    HAR = "har"

    @property
    def history_bars(self) -> int:
        """Return the closes on which one value depends."""
        return HAR_BARS if self is VolatilityEstimator.HAR else VOLATILITY_BARS + 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HarRatios:
    """HAR's variance over that of the closes, by row.

    `ratio` (T,) is 1 where nothing could be fitted. `averages` (T, 3) are the logs that it is computed from, NaN where
    unknown. `coefficients` (T, 4) are the level and the weights of the averages; 0 where nothing could be fitted.
    `ranged` (T,) is the share of bars, among those fitted on, with ranges of their own.
    """

    ratio: FloatArray
    averages: FloatArray
    coefficients: FloatArray
    ranged: FloatArray


class Ranges:
    """Daily ranges of one symbol's bars, from which HAR is computed when it is first asked for."""

    def __init__(self, bars: Bars) -> None:
        self.bars = bars

    @cached_property
    def har(self) -> HarRatios:
        """Return HAR's ratios at every row."""
        return har_ratios(self.bars)

    @cached_property
    def volatility_ratio(self) -> FloatArray:
        """Return HAR's volatility over that of the closes, (T,)."""
        result: FloatArray = np.sqrt(self.har.ratio)
        return result


def day_variance(bars: Bars) -> FloatArray:
    """Return the variance of each day from its gap and its range, (T,); NaN in the first row.

    >>> from strategy.market.bars import make_bars
    >>> day_variance(make_bars("A", ["2020-01-02", "2020-01-03"], close=[10.0, 11.0], open=[10.0, 11.0])).round(4)
    array([   nan, 0.0091])
    """
    before = np.concatenate([[np.nan], bars.adjusted_close[:-1]])
    gap = np.log(bars.open * bars.factor / before)
    reach, body = np.log(bars.high / bars.low), np.log(bars.close / bars.open)
    result: FloatArray = gap**2 + 0.5 * reach**2 - (2.0 * np.log(2.0) - 1.0) * body**2
    return result


def har_ratios(bars: Bars) -> HarRatios:
    """Return HAR's variance relative to that of the closes at every row; row t uses HAR_BARS rows up to t.

    A month's coefficients minimise the squared error of the log; their level is then set so that the squared returns
    of the rows fitted on are met on average, since the exponential of a mean log is not the mean.
    """
    ewma = daily_volatility(bars.adjusted_close) ** 2
    before = np.concatenate([[np.nan], ewma[:-1]])
    days = np.clip(day_variance(bars), LEAST_DAY * before, MOST_DAY * before)
    squares = change(bars.adjusted_close, 1) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        level, logs = np.log(ewma), np.log(days)
        averages = np.stack([mean(logs, count) - level for count in AVERAGES], axis=1)
        later = np.log(_ahead(days)) - level
        met = _ahead(squares) / ewma
    ranged = (bars.high > np.maximum(bars.open, bars.close)) | (bars.low < np.minimum(bars.open, bars.close))
    rows = _FitRows(averages=averages, later=later, met=met, ranged=ranged.astype(np.float64))
    months = bars.open_time.astype("datetime64[M]")
    starts = np.flatnonzero(np.concatenate([[True], months[1:] != months[:-1]])) if len(bars) else np.empty(0, int)
    fits = [_fit(rows, int(start)) for start in starts]
    counts = np.diff([*starts, len(bars)])
    coefficients = np.repeat(np.array([fit[0] for fit in fits]).reshape(-1, 1 + len(AVERAGES)), counts, axis=0)
    return HarRatios(
        ratio=_ratio(coefficients, averages),
        averages=averages,
        coefficients=coefficients,
        ranged=np.repeat([fit[1] for fit in fits], counts),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _FitRows:
    """What is regressed: `later` (T,) on `averages` (T, 3); `met` (T,) are the squared returns over the estimate."""

    averages: FloatArray
    later: FloatArray
    met: FloatArray
    ranged: FloatArray


def _ahead(values: FloatArray) -> FloatArray:
    """Return the mean of the HORIZON_BARS rows after each row, (T,); NaN in the last ones."""
    result = np.full(len(values), np.nan)
    result[:-HORIZON_BARS] = mean(values, HORIZON_BARS)[HORIZON_BARS:]
    return result


def _fit(rows: _FitRows, start: int) -> tuple[FloatArray, float]:
    """Return the coefficients (4,) from the rows whose horizon ends before row `start`, and the share with ranges.

    Sums are numpy's own and not a matrix product's, whose order of addition may depend on the number of threads.
    """
    nothing = np.zeros(1 + len(AVERAGES))
    at = slice(max(0, start - FIT_BARS), max(0, start - HORIZON_BARS))
    averages, later, met = rows.averages[at], rows.later[at], rows.met[at]
    known = np.isfinite(averages).all(axis=1) & np.isfinite(later) & np.isfinite(met)
    if known.sum() < LEAST_BARS:
        return nothing, np.nan
    share = float(rows.ranged[at][known].mean())
    if share < LEAST_RANGED:
        return nothing, share
    inputs = np.concatenate([np.ones((len(known), 1)), averages], axis=1)[known]
    squares = (inputs[:, :, None] * inputs[:, None, :]).sum(axis=0) + _RIDGE * np.eye(inputs.shape[1])
    products = (inputs * later[known, None]).sum(axis=0)
    result = np.linalg.solve(squares, products)
    result[0] += np.log((met[known] / _ratio(result, inputs[:, 1:])).mean())
    return result if np.isfinite(result).all() else nothing, share


def _ratio(coefficients: FloatArray, averages: FloatArray) -> FloatArray:
    """Return the ratio of variances, (T,), within its limits; 1 where an average is unknown or nothing was fitted."""
    total = coefficients[..., 0].copy()
    for number in range(len(AVERAGES)):
        total = total + coefficients[..., 1 + number] * averages[:, number]
    fitted = np.isfinite(total) & (coefficients != 0.0).any(axis=-1)
    return np.where(fitted, np.clip(np.exp(np.where(fitted, total, 0.0)), LEAST_RATIO, MOST_RATIO), 1.0)
