"""Paired intervals of Sharpe ratios and of drawdowns at equal volatility, dates resampled jointly across panels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.studies.panel_accounts import Traded
from strategy.evaluation.bootstrap import Blocks, stationary_rows
from strategy.market.bars import FloatArray, TimeArray

#: Yearly volatility to which the returns above the rate are scaled before drawdowns are compared.
EQUAL_VOLATILITY = 0.10
#: Mean block, in dates of all panels together: a quarter of calendar days, which holds 63 sessions of any panel.
BLOCK_DATES = 91
RESAMPLES = 2_000
COVERAGE = 0.95
#: No scaled return of a day loses more: its logarithm must exist.
MOST_LOST = 0.99
#: Resamples computed at once.
_CHUNK = 50
#: The least share of resamples that have figures of every panel.
LEAST_TOLD = 0.95


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Figures:
    """Sharpe ratio, and deepest loss and Calmar ratio of the curve scaled to EQUAL_VOLATILITY, of N accounts, (..., N).

    The Calmar ratio is the curve's yearly growth over its deepest loss.
    """

    sharpe: FloatArray
    deepest_loss: FloatArray
    calmar: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A difference with its 95 % interval, and the probability of one as large if the first were no better.

    `low` and `high` are the value less the quantiles of its errors (basic interval), as in `strategy.evaluation`; the
    other two are the quantiles of the resampled values (percentile interval). Both agree if the errors are symmetric.
    """

    value: float
    low: float
    high: float
    low_percentile: float
    high_percentile: float
    p: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """An account less its rival: of Sharpe ratios, and log((1 + Calmar) / (1 + the rival's Calmar))."""

    sharpe: Interval
    calmar: Interval


def figures(net: FloatArray, known: FloatArray, days_per_year: int) -> Figures:
    """The figures of returns above the rate (..., D, N); `known` (..., D, 1) is 1 on the dates that count, else 0."""
    days = known.sum(axis=-2)
    counted = net * known
    mean = counted.sum(axis=-2) / days
    spread = np.sqrt(np.maximum((counted**2).sum(axis=-2) - days * mean**2, 0.0) / (days - 1))
    scale = EQUAL_VOLATILITY / (spread * np.sqrt(days_per_year))
    growth = np.cumsum(np.log1p(np.maximum(counted * scale[..., None, :], -MOST_LOST)), axis=-2)
    fall = np.maximum.accumulate(np.maximum(growth, 0.0), axis=-2) - growth
    deepest = -np.expm1(-fall.max(axis=-2))
    yearly = np.expm1(growth[..., -1, :] * days_per_year / days)
    return Figures(sharpe=mean / spread * np.sqrt(days_per_year), deepest_loss=deepest, calmar=yearly / deepest)


def figures_of(accounts: Sequence[Traded]) -> Figures:
    """The figures of accounts on the same dates, each (N,)."""
    net = np.stack([account.net for account in accounts], axis=-1)
    return figures(net, np.ones((len(net), 1)), accounts[0].days_per_year)


def differences(
    panels: Mapping[str, Sequence[tuple[Traded, Traded]]], seed: int, resamples: int = RESAMPLES
) -> tuple[dict[str, list[Difference]], list[Difference]]:
    """The differences of pairs of accounts on each panel, and their means over the panels.

    Every panel has the same pairs. The stationary bootstrap (Politis and Romano 1994) draws the dates of all panels
    together, so that a resample holds a date of all panels that have it; each has its volatility equalised anew.
    A resample in which a short panel has hardly a date, or lost more than its deepest loss a year, has no figure of
    it and is left out; ValueError if those are more than 5 %.
    """
    union = np.unique(np.concatenate([pairs[0][0].dates for pairs in panels.values()]))
    blocks = Blocks(days=float(BLOCK_DATES), random=np.random.default_rng(seed))
    spread = [_by_date(union, pairs) for pairs in panels.values()]
    drawn: list[list[FloatArray]] = [[] for _ in panels]
    for first in range(0, resamples, _CHUNK):
        rows = stationary_rows(len(union), min(_CHUNK, resamples - first), blocks)
        for number, (net, known, year) in enumerate(spread):
            with np.errstate(divide="ignore", invalid="ignore"):
                drawn[number].append(_statistics(figures(net[rows], known[rows], year)))
    values = np.stack([_statistics(figures(net, known, year)) for net, known, year in spread])
    errors = np.stack([np.concatenate(parts, axis=1) for parts in drawn]) - values[:, :, None]
    told = np.isfinite(errors).all(axis=(0, 1, 3))
    if told.mean() < LEAST_TOLD:
        raise ValueError(
            f"{told.mean():.1%} of the resamples have dates of every panel, at least {LEAST_TOLD:.0%} must"
        )
    errors = errors[:, :, told]
    own = {name: _told(values[number], errors[number]) for number, name in enumerate(panels)}
    return own, _told(values.mean(axis=0), errors.mean(axis=0))


def _by_date(union: TimeArray, pairs: Sequence[tuple[Traded, Traded]]) -> tuple[FloatArray, FloatArray, int]:
    """The returns (U, 2 N) of the pairs' accounts on all dates, 0 where there is none, and 1 where there is, (U, 1)."""
    dates = pairs[0][0].dates
    at = np.searchsorted(union, dates)
    net, known = np.zeros((len(union), 2 * len(pairs))), np.zeros((len(union), 1))
    net[at] = np.stack([account.net for pair in pairs for account in pair], axis=-1)
    known[at] = 1.0
    return net, known, pairs[0][0].days_per_year


def _statistics(found: Figures) -> FloatArray:
    """Of each pair the difference of Sharpe ratios and of log(1 + Calmar), (2, ..., N)."""
    sharpe, calmar = found.sharpe, np.log1p(found.calmar)
    return np.stack([sharpe[..., ::2] - sharpe[..., 1::2], calmar[..., ::2] - calmar[..., 1::2]])


def _told(values: FloatArray, errors: FloatArray) -> list[Difference]:
    """The differences of values (2, N) with errors (2, resamples, N)."""
    return [
        Difference(
            sharpe=_interval(values[0, number], errors[0, :, number]),
            calmar=_interval(values[1, number], errors[1, :, number]),
        )
        for number in range(values.shape[1])
    ]


def _interval(value: float, errors: FloatArray) -> Interval:
    tail = (1.0 - COVERAGE) / 2
    low, high = np.quantile(errors, [tail, 1.0 - tail])
    p = (1 + int((errors >= value).sum())) / (1 + len(errors))
    return Interval(
        value=float(value),
        low=float(value - high),
        high=float(value - low),
        low_percentile=float(value + low),
        high_percentile=float(value + high),
        p=p,
    )
