"""Audits of look-ahead: values of a date must not change with later bars, to the last bit."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial

import numpy as np
from numpy.typing import NDArray

from strategy.account.state import Snapshot
from strategy.backtest.pretrade import decide
from strategy.market.altered_bars import LEAST_SCALE, MOST_SCALE, PRICES
from strategy.market.bars import Bars, bars_until
from strategy.market.instruments import Calendar
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.aligned_signals import aligned_signals
from strategy.signals.features import FEATURE_BARS, FEATURES, features
from strategy.signals.forecaster import Forecaster
from strategy.signals.har import VolatilityEstimator
from strategy.signals.network_inputs import INPUTS, bars_behind, inputs
from strategy.signals.outlook import look_back, symbol_signals
from strategy.signals.strategies import Strategy
from strategy.work_progress import WorkName, counted

Market = Mapping[str, Bars]

#: Fields of SymbolSignals that are compared at a row.
ESTIMATES = ("signal", "regime", "confidence", "volatility", "change")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """Result of an audit: the number of dates checked, and every difference in words, in order."""

    check: str
    subject: str
    dates: int
    differences: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Return whether everything was equal."""
        return not self.differences


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Claim:
    """Values of a day to audit: `of` computes named values from bars that may include later ones.

    `window` cuts bars that end on the day down to those that the values may depend on.
    """

    check: str
    subject: str
    of: Callable[[Market, date], Mapping[str, object]]
    window: Callable[[Market], Market]


def lookahead(claim: Claim, bars: Market, days: Sequence[date], seed: int) -> Checked:
    """Check every value of each day, recomputed from bars that end there, differ later, or start with the window.

    Values must be equal; NaN is equal to NaN.
    """
    differences = []
    work = WorkName(name=f"Look-ahead audit, {claim.check} of {claim.subject}", unit="dates")
    for number, day in enumerate(counted(days, work, len(days))):
        past = bars_until(bars, day)
        retold = {
            "bars that end that day": past,
            "another future": with_another_future(bars, day, np.random.default_rng([seed, number])),
            "the bare window": claim.window(past),
        }
        told = claim.of(bars, day)
        for history, known in retold.items():
            again = claim.of(known, day)
            differences += [
                f"{name} on {day}: {told.get(name)!r} from all bars, {again.get(name)!r} from {history}"
                for name in sorted(told.keys() | again.keys())
                if not same(told.get(name), again.get(name))
            ]
    return Checked(check=claim.check, subject=claim.subject, dates=len(days), differences=tuple(differences))


def same(first: object, other: object) -> bool:
    """Return whether two values are equal; NaN is equal to NaN.

    >>> same(float("nan"), float("nan")), same(0.1 + 0.2, 0.3)
    (True, False)
    """
    # Only NaN differs from itself.
    both_undefined = first != first and other != other
    return both_undefined or first == other


def newest(bars: Market, count: int) -> dict[str, Bars]:
    """Return the newest `count` bars of every symbol."""
    return {symbol: series.rows(max(0, len(series) - count), len(series)) for symbol, series in bars.items()}


def with_another_future(bars: Market, day: date, draw: np.random.Generator) -> dict[str, Bars]:
    """Return the same bars up to the day; later ones are shuffled, and their prices and factors scaled at random."""
    return {
        symbol: _with_another_future(series, np.datetime64(day, "us"), draw) for symbol, series in sorted(bars.items())
    }


def _with_another_future(bars: Bars, day: np.datetime64, draw: np.random.Generator) -> Bars:
    rows = np.arange(len(bars))
    past = rows[bars.open_time <= day]
    order = np.concatenate([past, draw.permutation(rows[len(past) :])])
    scale, factor = (_scales(len(past), len(rows), draw) for _ in range(2))
    return replace(
        bars,
        volume=bars.volume[order],
        factor=bars.factor[order] * factor,
        **{name: bars[name][order] * scale for name in PRICES},
        columns={name: values[order] * scale for name, values in bars.columns.items()},
    )


def _scales(past: int, rows: int, draw: np.random.Generator) -> NDArray[np.float64]:
    return np.concatenate([np.ones(past), draw.uniform(LEAST_SCALE, MOST_SCALE, rows - past)])


def estimates(
    strategy: Strategy, subject: str, calendars: Mapping[str, Calendar], model: Forecaster | None = None
) -> Claim:
    """Return the claim on a strategy's estimates of every symbol, at the newest row dated the day or earlier."""

    def of(bars: Market, day: date) -> dict[str, object]:
        at = np.datetime64(day, "us")
        seen = symbol_signals(bars, calendars, strategy, model, since=at)
        columns = {symbol: {name: getattr(signals, name) for name in ESTIMATES} for symbol, signals in seen.items()}
        return _at(bars, at, columns)

    def window(past: Market) -> Market:
        return look_back(partial(newest, past), strategy, model, VolatilityEstimator.EWMA)

    return Claim(check="estimates", subject=subject, of=of, window=window)


def feature_values(made: Callable[[NDArray[np.float64]], NDArray[np.float64]] = features) -> Claim:
    """Return the claim on every feature of every symbol."""

    def of(bars: Market, day: date) -> dict[str, object]:
        rows = {symbol: made(series.close * series.factor) for symbol, series in bars.items()}
        return _at(bars, np.datetime64(day, "us"), {symbol: _named(FEATURES, row) for symbol, row in rows.items()})

    return Claim(check="features", subject="network", of=of, window=lambda past: newest(past, FEATURE_BARS))


def input_values() -> Claim:
    """Return the claim on every network input of every symbol, market features included."""

    def of(bars: Market, day: date) -> dict[str, object]:
        columns = {symbol: _named(INPUTS, rows) for symbol, rows in inputs(bars).items()}
        return _at(bars, np.datetime64(day, "us"), columns)

    def window(past: Market) -> Market:
        return newest(past, bars_behind({symbol: series.open_time for symbol, series in past.items()}, 1))

    return Claim(check="inputs", subject="network", of=of, window=window)


def decisions(
    config: AccountConfig, subject: str, snapshots: Sequence[Snapshot], model: Forecaster | None = None
) -> Claim:
    """Return the claim on an account's decisions for every symbol on the days of its snapshots."""
    by_day = {snapshot.account.as_of: snapshot for snapshot in snapshots}
    calendars = {symbol: config.terms.instruments[symbol].calendar for symbol in config.symbols}

    def of(bars: Market, day: date) -> dict[str, object]:
        seen = symbol_signals(bars, calendars, config.strategy, model, since=np.datetime64(day, "us"))
        decided = decide(aligned_signals(seen, config.symbols), by_day[day], config)
        return {f"{decision.symbol} decision": decision for decision in decided}

    def window(past: Market) -> Market:
        return look_back(partial(newest, past), config.strategy, model, config.estimator)

    return Claim(check="decisions", subject=subject, of=of, window=window)


def _named(names: Sequence[str], rows: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    return {name: rows[:, column] for column, name in enumerate(names)}


def _at(
    bars: Market, day: np.datetime64, columns: Mapping[str, Mapping[str, NDArray[np.generic]]]
) -> dict[str, object]:
    """Return every column of every symbol at its newest row dated the day or earlier; omit symbols without one."""
    rows = {
        symbol: int(np.searchsorted(series.open_time, day, side="right")) - 1 for symbol, series in sorted(bars.items())
    }
    return {
        f"{symbol} {name}": values[row].item()
        for symbol, row in rows.items()
        if row >= 0
        for name, values in columns[symbol].items()
    }
