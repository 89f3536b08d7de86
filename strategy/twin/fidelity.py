"""Fidelity of the twin: stylised facts of its paths, against a band from a bootstrap of the real data."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strategy.evaluation.bootstrap import Blocks, stationary_rows
from strategy.market.bars import Bars, FloatArray
from strategy.market.instruments import CALENDAR_DAYS_PER_YEAR
from strategy.twin.generator import Twin, common_period, simulate
from strategy.twin.stylised_facts import fact_labels, joint_returns, measured
from strategy.work_progress import WorkName, counted

#: Fraction of the bootstrap samples inside the band.
LEVEL = 0.95
SAMPLES = 500
#: Mean block length of the band's bootstrap in account dates, independent of the twin's: five times the longest lag of
#: a fact, so that four fifths of the days it compares come from one block. Politis and White's rule (2004), which is
#: meant for means, gives less: 45 to 65 for the absolute returns of SPY, TLT, GLD and BTCUSDT.
BAND_BLOCK_ROWS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One stylised fact of a symbol, or of a pair A/B: the real value, the band, and the median of the paths.

    A value is None if it is undefined, as for a price that never moves.
    """

    name: str
    symbol: str
    real: float | None
    low: float | None
    high: float | None
    twin: float | None

    @property
    def passed(self) -> bool | None:
        """Return whether the paths' median lies in the band; None if there is no band."""
        if self.low is None or self.high is None:
            return None
        return self.twin is not None and self.low <= self.twin <= self.high


def facts(bars: Mapping[str, Bars], twin: Twin, *, paths: int, seed: int) -> tuple[Fact, ...]:
    """Return the facts of `paths` simulated paths, as long as the real bars' common period, against those bars.

    Give the bars on which the twin was fitted. Raises ValueError for fewer than one path.
    """
    if paths < 1:
        raise ValueError(f"{paths} paths were requested; give at least 1")
    draws = counted(np.random.default_rng(seed).spawn(paths), WorkName(name="Twin", unit="paths"), paths)
    return judge(bars, (simulate(twin, rows=len(twin), seed=draw) for draw in draws), seed=seed)


def judge(bars: Mapping[str, Bars], paths: Iterable[Mapping[str, Bars]], *, seed: int) -> tuple[Fact, ...]:
    """Return the facts of any generator's paths of the same symbols, against the real bars in their common period.

    The band holds the middle LEVEL of SAMPLES stationary bootstraps (Politis and Romano 1994) of the real
    cross-sections: values that the same market could have produced. Raises ValueError if there is no path.
    """
    first, last = common_period(bars)
    real = {symbol: _between(series, first, last) for symbol, series in bars.items()}
    returns = joint_returns(real)
    years = (last - first) / np.timedelta64(1, "D") / CALENDAR_DAYS_PER_YEAR
    year = np.isfinite(returns).sum(axis=0) / years
    simulated = [measured(joint_returns(path), year) for path in paths]
    if not simulated:
        raise ValueError("the twin was judged by no path; give at least one")
    draw = np.random.default_rng([seed, SAMPLES])
    samples = [
        measured(returns[resampled_rows(len(returns), draw)], year)
        for _ in counted(range(SAMPLES), WorkName(name="Band of the real bars", unit="samples"), SAMPLES)
    ]
    low, high = np.quantile(np.array(samples), [(1.0 - LEVEL) / 2.0, (1.0 + LEVEL) / 2.0], axis=0)
    values = np.stack([measured(returns, year), low, high, np.median(np.array(simulated), axis=0)], axis=-1)
    return tuple(
        _fact(name, symbol, row) for (name, symbol), row in zip(fact_labels(tuple(sorted(bars))), values, strict=True)
    )


def resampled_rows(rows: int, draw: np.random.Generator) -> NDArray[np.int64]:
    """Return one stationary bootstrap of `rows` rows, (rows,): circular blocks of mean length BAND_BLOCK_ROWS."""
    (drawn,) = stationary_rows(rows, 1, Blocks(days=BAND_BLOCK_ROWS, random=draw))
    return np.asarray(drawn, dtype=np.int64)


def _between(bars: Bars, first: np.datetime64, last: np.datetime64) -> Bars:
    """Return the bars of the common period and the bar before it, from which the first return is computed."""
    start, stop = np.searchsorted(bars.open_time, [first, last + np.timedelta64(1, "us")])
    return bars.rows(int(start) - 1, int(stop))


def _fact(name: str, symbol: str, row: FloatArray) -> Fact:
    real, low, high, twin = (float(value) if np.isfinite(value) else None for value in row)
    return Fact(name=name, symbol=symbol, real=real, low=low, high=high, twin=twin)
