"""Stylised facts of daily returns (Cont 2001): the statistics that a realistic path must share with the real market.

A fact that cannot be computed (a price that never moves, too few rows) is NaN.
"""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from strategy.market.bars import Bars, FloatArray

#: Sessions in the windows in which volatility is measured: a month.
MONTH_BARS = 21
#: Lags over which the autocorrelation of absolute returns is averaged.
SHORT_LAGS, LONG_LAGS = 5, 20
LEVERAGE_LAGS = 10
#: Fraction of days, those with the highest market volatility, that count as stress; the others are calm.
STRESS_SHARE = 0.2
#: Fewer days than this give no correlation.
LEAST_DAYS = 10
#: A variance below this is the rounding error of a price that stands still or grows evenly.
STILL = 1e-20
SYMBOL_FACTS = (
    "excess_kurtosis",
    "quantile_1pct",
    "quantile_99pct",
    "abs_autocorrelation_1_5",
    "abs_autocorrelation_1_20",
    "autocorrelation_1",
    "leverage_effect",
    "annual_volatility",
    "volatility_of_volatility",
    "max_drawdown",
    "longest_under_water",
    "mean_under_water",
)
PAIR_FACTS = ("correlation_calm", "correlation_stress")


def joint_returns(bars: Mapping[str, Bars]) -> FloatArray:
    """Return the log returns of adjusted closes on the union of the dates, (U, S), symbols sorted.

    NaN where a symbol has no session, and on its first.
    """
    union = np.unique(np.concatenate([own.open_time for own in bars.values()]))
    returns = np.full((len(union), len(bars)), np.nan)
    for column, symbol in enumerate(sorted(bars)):
        series = bars[symbol]
        returns[np.searchsorted(union, series.open_time[1:]), column] = np.diff(np.log(series.close * series.factor))
    return returns


def fact_labels(symbols: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return the name and symbol of every fact, in the order of `measured`; a pair is written A/B.

    >>> fact_labels(("A", "B"))[0], fact_labels(("A", "B"))[-1]
    (('excess_kurtosis', 'A'), ('correlation_stress', 'A/B'))
    """
    alone = [(name, symbol) for symbol in symbols for name in SYMBOL_FACTS]
    return (*alone, *((name, f"{first}/{other}") for first, other in combinations(symbols, 2) for name in PAIR_FACTS))


def measured(returns: FloatArray, sessions_per_year: FloatArray) -> FloatArray:
    """Return all facts of joint log returns (U, S), in the order of `fact_labels`.

    `sessions_per_year` (S,) annualises.
    """
    columns = returns.T
    alone = [
        _symbol_facts(column[np.isfinite(column)], year)
        for column, year in zip(columns, sessions_per_year, strict=True)
    ]
    return np.concatenate([*alone, _pair_facts(returns)])


def _symbol_facts(returns: FloatArray, sessions_per_year: float) -> FloatArray:
    """Return the facts of one symbol's log returns (T,), in the order of SYMBOL_FACTS."""
    size = len(returns)
    facts = np.full(len(SYMBOL_FACTS), np.nan)
    if size < 2 * MONTH_BARS:
        return facts
    centred = returns - returns.mean()
    deviation = np.sqrt((centred * centred).mean())
    absolute = np.abs(returns)
    spread = absolute - absolute.mean()
    if deviation**2 > STILL and (spread * spread).mean() > STILL:
        clustering = autocorrelations(absolute, LONG_LAGS)
        facts[:8] = (
            ((centred / deviation) ** 4).mean() - 3.0,
            np.quantile(centred, 0.01) / deviation,
            np.quantile(centred, 0.99) / deviation,
            clustering[:SHORT_LAGS].mean(),
            clustering.mean(),
            autocorrelations(returns, 1)[0],
            _leverage(centred / deviation, spread / spread.std()),
            deviation * np.sqrt(sessions_per_year),
        )
        facts[8] = _volatility_of_volatility(returns)
    facts[9:] = _under_water(returns)
    return facts


def autocorrelations(values: FloatArray, lags: int) -> FloatArray:
    """Return the autocorrelations at lags 1 to `lags`, (lags,), of values (T,) that are not all equal.

    >>> autocorrelations(np.array([1.0, -1.0, 1.0, -1.0]), 2)
    array([-0.75,  0.5 ])
    """
    centred = values - values.mean()
    products = [centred[lag:] @ centred[:-lag] for lag in range(1, lags + 1)]
    result: FloatArray = np.array(products) / (centred @ centred)
    return result


def _leverage(returns: FloatArray, sizes: FloatArray) -> float:
    """Return the mean correlation of a return with the sizes of the next ones, both standardised.

    It is negative if losses raise volatility.
    """
    total = sum(float(returns[:-lag] @ sizes[lag:]) for lag in range(1, LEVERAGE_LAGS + 1))
    return total / (LEVERAGE_LAGS * len(returns))


def _volatility_of_volatility(returns: FloatArray) -> float:
    """Return the standard deviation of the log of monthly volatility."""
    months = sliding_window_view(returns, MONTH_BARS).std(axis=-1)
    moving = months[months > 0]
    return float(np.log(moving).std()) if len(moving) >= LEAST_DAYS else float("nan")


def _under_water(returns: FloatArray) -> tuple[float, float, float]:
    """Return the maximum drawdown, and the longest spell and all days below a high as fractions of the days."""
    wealth = np.concatenate([[0.0], np.cumsum(returns)])
    below = wealth - np.maximum.accumulate(wealth)
    highs = np.append(np.flatnonzero(below == 0.0), len(wealth))
    longest = int(np.diff(highs).max()) - 1
    return 1.0 - float(np.exp(below.min())), longest / len(returns), float((below < 0).mean())


def _pair_facts(returns: FloatArray) -> FloatArray:
    """Return the correlations of every pair in calm and in stress, in the order of PAIR_FACTS."""
    pairs = list(combinations(range(returns.shape[1]), 2))
    if not pairs or len(returns) < MONTH_BARS + LEAST_DAYS:
        return np.full(len(PAIR_FACTS) * len(pairs), np.nan)
    known = np.isfinite(returns)
    counts = np.maximum(known.sum(axis=0), 1)
    values = np.where(known, returns, 0.0)
    centred = np.where(known, values - values.sum(axis=0) / counts, 0.0)
    variance = (centred * centred).sum(axis=0) / counts
    standard = centred / np.where(variance > STILL, np.sqrt(variance), np.inf)
    today = (standard * standard).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    month = sliding_window_view(today, MONTH_BARS).mean(axis=-1)
    stress = np.zeros(len(returns), dtype=np.bool_)
    stress[MONTH_BARS - 1 :] = month > np.quantile(month, 1.0 - STRESS_SHARE)
    left, right = np.array(pairs).T
    facts = [_correlations(standard[when], known[when])[left, right] for when in (~stress, stress)]
    return np.stack(facts, axis=-1).ravel()


def _correlations(values: FloatArray, known: NDArray[np.bool_]) -> FloatArray:
    """Return Pearson's correlation of every two columns (T, S) on days known for both, (S, S).

    Unknown values are 0 in `values`.
    """
    here = known.astype(np.float64)
    days = here.T @ here
    sums = values.T @ here
    with np.errstate(divide="ignore", invalid="ignore"):
        squares = (values * values).T @ here - sums * sums / days
        products = values.T @ values - sums * sums.T / days
        result: FloatArray = products / np.sqrt(squares * squares.T)
    # On standardised values, anything below this is rounding error of the differences above.
    moving = np.minimum(squares, squares.T) > 1e-9 * days
    return np.where(moving & (days >= LEAST_DAYS), result, np.nan)
