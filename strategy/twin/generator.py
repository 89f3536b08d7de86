"""Twin generator: synthetic joint market paths, resampled from the past in long blocks with continuous volatility."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from strategy.market.bars import Bars, FloatArray
from strategy.market.instruments import CALENDAR_DAYS_PER_YEAR
from strategy.market.panel import Panel, side_by_side
from strategy.signals.regime import regimes
from strategy.signals.rolling import VOLATILITY_BARS, daily_volatility
from strategy.twin.block_sampler import Succession, succession

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

#: Mean length of a block in account dates; the lengths are geometric (Politis and Romano 1994).
BLOCK_ROWS = 126
#: Fewer common account dates hold less than two blocks, so that paths would not differ.
LEAST_ROWS = 252
#: A path of this many account dates spans almost three centuries; beyond that, prices could leave the range of a float.
MOST_ROWS = 100_000
#: Account dates in which half of the volatility that a block inherits decays: the half-life of EWMA-60 itself.
HALF_LIFE_ROWS = 21
#: A block is scaled to the volatility before it by at most this factor, so that no path's volatility can diverge.
MOST_SCALE = 2.0
#: Below this daily volatility a price does not move, and its logarithm carries no information.
LEAST_VOLATILITY = 1e-6
OPEN, HIGH, LOW, CLOSE = range(4)
EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Jitter:
    """Random variation of paths besides their blocks; both draws are normal with mean 0, once per path.

    `drift` is the deviation of a shift of each symbol's return, in units of its annual Sharpe ratio; `volatility` that
    of the logarithm of one factor for the volatility of all symbols. Raises ValueError outside 0 to 1.
    """

    drift: float = 0.25
    volatility: float = 0.1

    def __post_init__(self) -> None:
        for name, size in (("drift", self.drift), ("volatility", self.volatility)):
            if not 0 <= size <= 1:
                raise ValueError(f"the jitter of the {name} is {size}; it must lie between 0 and 1")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Twin:
    """Source of paths: the N account dates on which all S symbols were listed, oldest first.

    `session` (N, S) marks symbols with a session; `shape` (N, S, 4) holds the logarithms of adjusted open, high, low
    and close over the previous adjusted close, 0 without a session; `volume` (N, S) is as published, else NaN.
    `log_volatility` (N, S) is the logarithm of the daily volatility known before the row. `first_close` (S,) are
    adjusted closes before the first row; `sessions_per_year` (S,) annualises.
    """

    symbols: tuple[str, ...]
    rows: Succession
    session: BoolArray
    shape: FloatArray
    volume: FloatArray
    log_volatility: FloatArray
    first_close: FloatArray
    sessions_per_year: FloatArray

    def __len__(self) -> int:
        return len(self.rows.day)

    @property
    def first(self) -> date:
        """Return the oldest source date of paths."""
        return EPOCH + timedelta(days=int(self.rows.day[0]))

    @property
    def last(self) -> date:
        """Return the newest source date of paths."""
        return EPOCH + timedelta(days=int(self.rows.day[-1]))

    @property
    def drift_unit(self) -> FloatArray:
        """Return the daily log return of each symbol, (S,), that adds 1 to its annual Sharpe ratio."""
        close = self.shape[:, :, CLOSE]
        squares = (close * close).sum(axis=0) / self.session.sum(axis=0)
        result: FloatArray = np.sqrt(squares / self.sessions_per_year)
        return result


def common_period(bars: Mapping[str, Bars]) -> tuple[np.datetime64, np.datetime64]:
    """Return the first and last date on which every symbol is listed and has a previous close.

    Raises ValueError if there is no symbol, or one with less than two bars.
    """
    if not bars:
        raise ValueError("the twin was given no symbol; give at least one")
    for symbol, series in sorted(bars.items()):
        if len(series) < 2:
            raise ValueError(
                f"{symbol} has {len(series)} {'bar' if len(series) == 1 else 'bars'}, hence no return; a twin needs "
                f"{LEAST_ROWS} dates: leave it out or give more history"
            )
    return max(series.open_time[1] for series in bars.values()), min(series.open_time[-1] for series in bars.values())


def fit(bars: Mapping[str, Bars]) -> Twin:
    """Fit the twin of these symbols to all the rows given; the caller cuts them at its `as_of` (`Bars.until`).

    Prices are adjusted (raw × factor), rows are the union of the symbols' dates in their common period; earlier history
    serves only as warm-up of the volatility. Without it, the first known volatility is used for the rows before.
    Raises ValueError if the common period is shorter than LEAST_ROWS, or a symbol hardly traded in it.
    """
    first, last = common_period(bars)
    panel = side_by_side({symbol: series.open_time for symbol, series in bars.items()})
    rows = np.flatnonzero((panel.open_time >= first) & (panel.open_time <= last))
    if len(rows) < LEAST_ROWS:
        raise ValueError(
            f"{', '.join(panel.symbols)} {'have' if len(panel.symbols) > 1 else 'has'} {len(rows)} dates in common; a "
            f"twin needs {LEAST_ROWS}: leave out the youngest symbol or give more history"
        )
    session = panel.session[rows]
    counts = session.sum(axis=0)
    for symbol, count in zip(panel.symbols, counts, strict=True):
        if count <= VOLATILITY_BARS:
            raise ValueError(
                f"{symbol} has {count} sessions in the {len(rows)} dates that all symbols share; its volatility needs "
                f"{VOLATILITY_BARS + 1}: leave it out or give more history"
            )
    shape, volume, log_volatility = _columns(bars, panel, rows)
    open_time = panel.open_time[rows]
    listed = [bars[symbol] for symbol in panel.symbols]
    before = [int(np.searchsorted(series.open_time, first)) - 1 for series in listed]
    years = (last - first) / np.timedelta64(1, "D") / CALENDAR_DAYS_PER_YEAR
    return Twin(
        symbols=panel.symbols,
        rows=succession(open_time, _state(shape[:, :, CLOSE], session, log_volatility)),
        session=session,
        shape=shape,
        volume=volume,
        log_volatility=log_volatility,
        first_close=np.array(
            [series.close[row] * series.factor[row] for series, row in zip(listed, before, strict=True)]
        ),
        sessions_per_year=counts / years,
    )


def _columns(bars: Mapping[str, Bars], panel: Panel, rows: IntArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return `shape`, `volume` and `log_volatility` of these rows of the panel."""
    shape = np.zeros((len(rows), len(panel.symbols), 4))
    volume = np.full(shape.shape[:2], np.nan)
    log_volatility = np.empty(shape.shape[:2])
    for column, symbol in enumerate(panel.symbols):
        series = bars[symbol]
        traded, own = panel.session[rows, column], panel.row[rows, column]
        # Some vendors' ranges do not contain their own open and close.
        high = np.maximum.reduce([series.open, series.high, series.close])
        low = np.minimum.reduce([series.open, series.low, series.close])
        prices = np.stack([series.open, high, low, series.close], axis=-1) * series.factor[:, None]
        at = own[traded]
        shape[traded, column] = np.log(prices[at] / prices[at - 1, CLOSE][:, None])
        volume[traded, column] = series.volume[at]
        volatility = daily_volatility(prices[:, CLOSE])
        volatility[:VOLATILITY_BARS] = volatility[VOLATILITY_BARS]
        # The volatility that standardises a date's return must not include the date's own bar.
        log_volatility[:, column] = np.log(np.maximum(volatility[own - traded], LEAST_VOLATILITY))
    return shape, volume, log_volatility


def _state(change: FloatArray, session: BoolArray, log_volatility: FloatArray) -> FloatArray:
    """Return the market's state before each row, (N,): a whole number per regime, plus the rank of its volatility.

    The middle regime runs from high to low volatility, so that neighbours across the border of two regimes are similar.
    """
    volatility = (log_volatility - log_volatility.mean(axis=0)).mean(axis=1)
    moved = np.where(session, change / np.exp(log_volatility), 0.0).sum(axis=1) / session.sum(axis=1)
    # An equal-risk index at 1 % a day; the clip keeps a price that jumps after standing still from dominating it.
    index = np.exp(np.concatenate([[0.0], np.cumsum(0.01 * np.clip(moved, -10.0, 10.0))[:-1]]))
    code = regimes(index).code.astype(np.float64)
    rank = np.argsort(np.argsort(volatility, kind="stable"), kind="stable") / len(volatility)
    return code + np.where(code == 1.0, 1.0 - rank, rank)


def simulate(
    twin: Twin, *, rows: int, seed: int | np.random.Generator, jitter: Jitter | None = None
) -> dict[str, Bars]:
    """Simulate one path of `rows` account dates: Bars of every symbol, with factor 1.

    The same seed gives the same bytes. Whole cross-sections are drawn in blocks of geometric length (stationary
    bootstrap, Politis and Romano 1994); the next block starts on the right weekday, in a similar market state. Returns
    are standardised by the volatility before them and scaled to the path's, which is continuous at a join and then
    reverts to the source's (filtered as by Barone-Adesi, Giannopoulos and Vosper 1999). Dates are invented and never
    later than the twin's newest. A symbol has no bar if its source date had none. Raises ValueError for rows outside 1
    to MOST_ROWS.
    """
    if not 1 <= rows <= MOST_ROWS:
        raise ValueError(f"a path of {rows} rows was requested; it must have 1 to {MOST_ROWS}")
    draw = np.random.default_rng(seed)
    source, log_scale = _blocks(twin, rows, draw)
    wobble = jitter or Jitter()
    log_scale += wobble.volatility * draw.standard_normal()
    drift = wobble.drift * draw.standard_normal(len(twin.symbols)) * twin.drift_unit
    open_time = twin.rows.dates(source)
    path = {}
    for column, symbol in enumerate(twin.symbols):
        traded = twin.session[source, column]
        own = source[traded]
        # All four prices are scaled and shifted alike, which preserves the bar's shape and the order of its prices.
        logs = twin.shape[own, column] * np.exp(log_scale[traded, column])[:, None] + drift[column]
        level = np.log(twin.first_close[column]) + np.cumsum(logs[:, CLOSE]) - logs[:, CLOSE]
        prices = np.exp(level[:, None] + logs)
        path[symbol] = Bars(
            symbol=symbol,
            open_time=open_time[traded],
            open=prices[:, OPEN],
            high=prices.max(axis=-1),
            low=prices.min(axis=-1),
            close=prices[:, CLOSE],
            volume=twin.volume[own, column],
            factor=np.ones(len(own)),
        )
    return path


def _blocks(twin: Twin, rows: int, draw: np.random.Generator) -> tuple[IntArray, FloatArray]:
    """Return the source row of every row of the path, (rows,), and the logarithm of its scale, (rows, S)."""
    fade = 0.5 ** (np.arange(len(twin) + 1) / HALF_LIFE_ROWS)
    most = np.log(MOST_SCALE)
    source = np.empty(rows, dtype=np.int64)
    log_scale = np.empty((rows, len(twin.symbols)))
    start, inherited, done = int(draw.integers(len(twin))), np.zeros(len(twin.symbols)), 0
    while done < rows:
        length = min(int(draw.geometric(1.0 / BLOCK_ROWS)), rows - done, len(twin) - start)
        source[done : done + length] = np.arange(start, start + length)
        log_scale[done : done + length] = fade[:length, None] * inherited
        done, after = done + length, start + length
        start = twin.rows.instead_of(after, draw)
        reached = twin.log_volatility[min(after, len(twin) - 1)] + fade[length] * inherited
        inherited = np.clip(reached - twin.log_volatility[start], -most, most)
    return source, log_scale
