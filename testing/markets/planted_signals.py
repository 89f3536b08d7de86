"""Universes whose next return is known in part: a signal planted on what the network sees, or nothing but noise."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from strategy.account.fees_and_slippage import Costs
from strategy.market.bars import Bars, FloatArray
from strategy.market.instruments import Calendar
from strategy.portfolio.account_config import AccountConfig
from strategy.signals.features import FEATURE_LIMIT, FEATURES, features
from strategy.signals.rolling import VOLATILITY_BARS, VOLATILITY_SPAN, exponential_weights
from strategy.training.rollout import net_returns
from strategy.training.trainer import Returns
from strategy.training.training_panel import TrainingPanel, training_panel
from testing.markets.panels import dates, mandate

MONTH_BARS = 21
#: The oracle's signal for a g of 1: large enough to trade, small enough to be seldom clipped.
ORACLE_SIGNAL = 0.5
#: Volatility of a day, a fraction, and how far an open strays from the close before it, in units of that volatility.
DAILY_VOLATILITY = 0.015
OPENING_SHARE = 0.05
#: Of the logarithm of volatility from day to day, as with a share index.
CLUSTERING_PERSISTENCE = 0.97


@dataclass(frozen=True, slots=True, kw_only=True)
class Plant:
    """A signal g of two columns of the inputs, last return and momentum of a month, and its correlation `rho`.

    The next return of a symbol is σ·(rho·g + √(1 − rho²)·ε) with g of mean 0 and variance 1, or nearly so.
    """

    name: str
    rho: float
    signal: Callable[[FloatArray, FloatArray], FloatArray]


def _reversal(last: FloatArray, _: FloatArray) -> FloatArray:
    return -np.clip(last, -2.0, 2.0) / 0.96


def _agreement(last: FloatArray, month: FloatArray) -> FloatArray:
    """Even in both columns together: no column alone, nor any sum of them, is correlated with what it foretells."""
    return (np.tanh(last) * np.tanh(month) - 0.08) / 0.39


def _nothing(last: FloatArray, _: FloatArray) -> FloatArray:
    return np.zeros_like(last)


def linear(rho: float = 0.12) -> Plant:
    """Yesterday's move is taken back: one column, with a minus, foretells the next return."""
    return Plant(name="linear", rho=rho, signal=_reversal)


def interaction(rho: float = 0.12) -> Plant:
    """A move goes on where it agrees with the month before it, and is taken back where it does not."""
    return Plant(name="interaction", rho=rho, signal=_agreement)


def noise() -> Plant:
    """Nothing foretells anything."""
    return Plant(name="noise", rho=0.0, signal=_nothing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Universe:
    """Symbols, weekdays, the correlation of their shocks, and the spread of the logarithm of volatility."""

    symbols: int = 4
    days: int = 5_000
    correlation: float = 0.0
    clustering: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sown:
    """A universe as training sees it, at default costs, and g of every date and symbol, (U, S)."""

    bars: Mapping[str, Bars]
    config: AccountConfig
    panel: TrainingPanel
    known: FloatArray

    def attainable(self, span: range, limit: float = np.inf) -> Returns:
        """Return the earnings of a signal g, clipped to [-1, 1] and moved at most `limit` from the prior."""
        signal = np.clip(ORACLE_SIGNAL * self.known[span.start : span.stop], -1.0, 1.0)
        moved = np.clip(signal - self.panel.prior[span.start : span.stop], -limit, limit)
        return net_returns(moved, self.panel, span)


def sown(plant: Plant, universe: Universe, seed: int) -> Sown:
    """A universe with the plant in it; the same seed gives the same."""
    bars = planted(plant, universe, seed)
    rules = mandate(bars, Costs())
    known = np.stack([known_of(plant, bars[symbol]) for symbol in rules.symbols], axis=-1)
    return Sown(bars=bars, config=rules, panel=training_panel(bars, rules), known=known)


def planted(plant: Plant, universe: Universe, seed: int) -> dict[str, Bars]:
    """Bars of a universe with the plant in it; the same seed gives the same bars."""
    draw = np.random.default_rng(seed)
    shape = (universe.days, universe.symbols)
    common = np.sqrt(universe.correlation) * draw.standard_normal((universe.days, 1))
    shocks = common + np.sqrt(1.0 - universe.correlation) * draw.standard_normal(shape)
    volatility = DAILY_VOLATILITY * np.exp(universe.clustering * _clusters(universe.days, draw))[:, None]
    close = _closes(plant, shocks, np.broadcast_to(volatility, shape))
    opening = np.concatenate([close[:1], close[:-1]]) * np.exp(
        OPENING_SHARE * DAILY_VOLATILITY * draw.standard_normal(shape)
    )
    reach = np.abs(0.3 * DAILY_VOLATILITY * draw.standard_normal((2, *shape)))
    open_time = dates("1995-01-02", universe.days, Calendar.WEEKDAYS)
    bars = {}
    for column in range(universe.symbols):
        symbol = f"S{column:02d}"
        own, first = close[:, column], opening[:, column]
        bars[symbol] = Bars(
            symbol=symbol,
            open_time=open_time,
            open=first,
            high=np.maximum(first, own) * np.exp(reach[0, :, column]),
            low=np.minimum(first, own) * np.exp(-reach[1, :, column]),
            close=own,
            volume=np.full(universe.days, np.nan),
            factor=np.ones(universe.days),
        )
    return bars


def known_of(plant: Plant, bars: Bars) -> FloatArray:
    """g at every row, (T,), from the features that the network sees there; 0 where they are not known."""
    seen = features(bars.close)
    columns = (seen[:, FEATURES.index("return")], seen[:, FEATURES.index(f"momentum_{MONTH_BARS}")])
    return np.nan_to_num(plant.signal(*columns))


def _closes(plant: Plant, shocks: FloatArray, volatility: FloatArray) -> FloatArray:
    """(T, S) closes whose returns carry the plant as soon as the volatility of the features is known."""
    weights = exponential_weights(VOLATILITY_SPAN, VOLATILITY_BARS)[:, None]
    rest = np.sqrt(1.0 - plant.rho**2)
    returns, close = np.zeros(shocks.shape), np.full(shocks.shape, 100.0)
    for row in range(1, len(shocks)):
        foreseen = np.zeros(shocks.shape[1])
        if row > VOLATILITY_BARS:
            sigma = np.sqrt((returns[row - VOLATILITY_BARS : row] ** 2 * weights).sum(axis=0))
            month = (close[row - 1] / close[row - 1 - MONTH_BARS] - 1.0) / (sigma * np.sqrt(MONTH_BARS))
            last = np.clip(returns[row - 1] / sigma, -FEATURE_LIMIT, FEATURE_LIMIT)
            foreseen = plant.signal(last, np.clip(month, -FEATURE_LIMIT, FEATURE_LIMIT))
        returns[row] = volatility[row] * (plant.rho * foreseen + rest * shocks[row])
        close[row] = close[row - 1] * (1.0 + returns[row])
    return close


def _clusters(days: int, draw: np.random.Generator) -> FloatArray:
    """(T,) logarithms of volatility over its typical level, of unit spread."""
    level = np.zeros(days)
    for day in range(1, days):
        level[day] = CLUSTERING_PERSISTENCE * level[day - 1] + draw.standard_normal()
    return np.asarray(level * np.sqrt(1.0 - CLUSTERING_PERSISTENCE**2))
