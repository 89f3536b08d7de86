"""What the network learns from: every symbol's rows, cut into windows of the past and of the purged validation."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from strategy.bars import Bars, FloatArray, TimeArray
from strategy.execution import Costs
from strategy.features import FEATURE_BARS, features
from strategy.instruments import Instrument
from strategy.prior import PRIOR_BARS, prior
from strategy.regime import regimes
from strategy.rolling import annual_volatility
from strategy.sizing import SizingParams, regime_multiplier, volatility_multiplier

#: Row of a series' first window: features and prior are both known from here on.
FIRST_ROW = max(FEATURE_BARS, PRIOR_BARS) - 1
#: Fewer validation bars than a quarter's could not tell one network from another.
LEAST_VALIDATION_BARS = 63


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingSeries:
    """One symbol's rows: what is known at each close, and what happens up to the next one.

    `features` (T, F), `prior` (T,) and `multiplier` (T,), the g·v of sizing, are known at close t. `open_ratio` is
    O[t+1]/C[t], `close_ratio` C[t+1]/C[t] of adjusted prices, `days` the calendar days between the bars, each (T,) with
    NaN in the last row. `cost` is fee and slippage as a fraction of the traded notional.
    """

    symbol: str
    open_time: TimeArray
    features: FloatArray
    prior: FloatArray
    multiplier: FloatArray
    open_ratio: FloatArray
    close_ratio: FloatArray
    days: FloatArray
    cost: float

    def __len__(self) -> int:
        return len(self.open_time)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSet:
    """The series of all symbols and the account they are traded in; raises ValueError if there is no series."""

    series: tuple[TrainingSeries, ...]
    params: SizingParams = field(default_factory=SizingParams)
    financing_rate: float = 0.05

    def __post_init__(self) -> None:
        if not self.series:
            raise ValueError("training was given no symbol; give at least one")


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitRule:
    """How rows become windows: their length, the share of newest rows that validates, the bars left out before it."""

    context_bars: int
    validation_share: float
    purge_bars: int

    @property
    def scored_bars(self) -> int:
        """Rows of a window that count: its second half, which has at least half the context before it."""
        return self.context_bars - self.context_bars // 2

    @property
    def least_bars(self) -> int:
        """Closes from which a single symbol can be split."""
        past = np.ceil((self.context_bars + self.purge_bars + 1) / (1.0 - self.validation_share))
        recent = np.floor((LEAST_VALIDATION_BARS - 1) / self.validation_share) + 1.0
        return FIRST_ROW + 1 + int(max(past, recent))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Split:
    """Windows as (N, 2) rows of series number and first row; `validation_scored` (N, scored_bars) marks what counts."""

    training: NDArray[np.int64]
    validation: NDArray[np.int64]
    validation_scored: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Windows:
    """A batch of N windows as float32: `features` (N, context, F), else (N, scored_bars), and `cost` (N,)."""

    features: NDArray[np.float32]
    prior: NDArray[np.float32]
    multiplier: NDArray[np.float32]
    open_ratio: NDArray[np.float32]
    close_ratio: NDArray[np.float32]
    days: NDArray[np.float32]
    cost: NDArray[np.float32]


def training_series(
    bars: Bars, *, regime_multiplier: FloatArray, volatility_multiplier: FloatArray, cost: float
) -> TrainingSeries:
    """One symbol's rows from raw bars (T,) and the g and v of sizing, each (T,); where they are NaN nothing is held.

    `cost` is fee and slippage as a fraction of the traded notional.
    Raises ValueError if the lengths differ or the cost is not at least 0.
    """
    if not len(bars) == len(regime_multiplier) == len(volatility_multiplier):
        raise ValueError(
            f"{bars.symbol}: {len(bars)} bars have {len(regime_multiplier)} regime and "
            f"{len(volatility_multiplier)} volatility multipliers; the numbers must agree"
        )
    if not 0 <= cost < np.inf:
        raise ValueError(f"{bars.symbol}: cost is {cost}; it must be finite and at least 0")
    close, opening = bars.close * bars.factor, bars.open * bars.factor
    return TrainingSeries(
        symbol=bars.symbol,
        open_time=bars.open_time,
        features=features(close),
        prior=prior(close),
        multiplier=np.nan_to_num(regime_multiplier * volatility_multiplier, nan=0.0),
        open_ratio=_until_next(opening[1:] / close[:-1]),
        close_ratio=_until_next(close[1:] / close[:-1]),
        days=_until_next(np.diff(bars.open_time) / np.timedelta64(1, "D")),
        cost=cost,
    )


def learnable_series(bars: Bars, instrument: Instrument, costs: Costs, sizing: SizingParams) -> TrainingSeries:
    """One symbol's rows as its own account would trade them: regime, volatility target and costs of its instrument."""
    close = bars.close * bars.factor
    path = regimes(close)
    volatility = annual_volatility(close, instrument.calendar.days_per_year)
    return training_series(
        bars,
        regime_multiplier=regime_multiplier(path.code, path.confidence),
        volatility_multiplier=volatility_multiplier(volatility, sizing.target_annual_vol),
        cost=float(costs.fee(instrument) + costs.slippage(instrument)),
    )


def _until_next(values: FloatArray) -> FloatArray:
    return np.append(values, np.nan)


def split(training_set: TrainingSet, rule: SplitRule) -> Split:
    """Training windows at every row of the past, and validation windows that tile the newest rows of all symbols.

    One date parts past from validation for all symbols, so that no symbol tells another's future; the last `purge_bars`
    rows before it are left out. Symbols too short for a window are skipped. Raises ValueError if nothing is left.
    """
    rows = [series.open_time[FIRST_ROW:-1] for series in training_set.series]
    dates = np.sort(np.concatenate(rows))
    training, validation, scored = [], [], []
    if len(dates):
        border = dates[int(len(dates) * (1.0 - rule.validation_share))]
        for number, series in enumerate(training_set.series):
            first = max(FIRST_ROW, int(np.searchsorted(series.open_time, border)))
            # A decision at row t is paid at row t + 1, which must lie before the purge.
            starts = np.arange(FIRST_ROW, first - rule.purge_bars - rule.context_bars)
            training.append(_numbered(number, starts))
            tiles = _tiles(len(series), first, rule)
            validation.append(_numbered(number, tiles))
            scored.append(tiles[:, None] + np.arange(rule.context_bars // 2, rule.context_bars) >= first)
    count = sum(int(rows.sum()) for rows in scored)
    if not sum(map(len, training)) or count < LEAST_VALIDATION_BARS:
        raise ValueError(
            f"{len(rows)} symbols with {max(map(len, training_set.series))} bars at most give "
            f"{sum(map(len, training))} training windows and {count} validation bars; a single symbol needs "
            f"{rule.least_bars} bars for a context of {rule.context_bars}"
        )
    return Split(
        training=np.concatenate(training),
        validation=np.concatenate(validation),
        validation_scored=np.concatenate(scored),
    )


def _numbered(number: int, starts: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.stack([np.full(len(starts), number, dtype=np.int64), starts], axis=-1)


def _tiles(bars: int, first: int, rule: SplitRule) -> NDArray[np.int64]:
    """Starts of windows whose second halves tile the rows from `first` to the last but one, laid from the end."""
    newest = bars - 1 - rule.context_bars
    oldest = max(FIRST_ROW, first - rule.context_bars + 1)
    starts = np.arange(newest, oldest - 1, -rule.scored_bars, dtype=np.int64)
    return starts[::-1]


def gather(training_set: TrainingSet, windows: NDArray[np.int64], rule: SplitRule) -> Windows:
    """The rows of these windows, (N, 2), as one batch."""
    context, half = rule.context_bars, rule.context_bars // 2
    chosen = [(training_set.series[number], int(start)) for number, start in windows]

    def scored(name: str) -> NDArray[np.float32]:
        rows = [getattr(series, name)[start + half : start + context] for series, start in chosen]
        return np.stack(rows).astype(np.float32)

    return Windows(
        features=np.stack([series.features[start : start + context] for series, start in chosen]).astype(np.float32),
        prior=scored("prior"),
        multiplier=scored("multiplier"),
        open_ratio=scored("open_ratio"),
        close_ratio=scored("close_ratio"),
        days=scored("days"),
        cost=np.array([series.cost for series, _ in chosen], dtype=np.float32),
    )
