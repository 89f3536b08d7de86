"""A learner's model as a forecaster: each signal is computed on its bare window, checked, or left to the prior."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from strategy.market.bars import Bars, FloatArray, TimeArray
from strategy.market.panel import CURRENT_DAYS
from strategy.signals.evaluation import evaluate, sealed
from strategy.signals.faults import CallFailed, Check, Fault
from strategy.signals.forecaster import SignalParts
from strategy.signals.strategies import Arrays, Learner, Model, Strategy

_DAY = np.timedelta64(1, "D")
#: Bytes of the largest number that is kept and sent.
_MOST_BYTES = 8

#: The symbols whose signals are wanted, by the date of the row.
Wanted = Mapping[np.datetime64, Sequence[str]]
#: Signals, or why they are refused, by date and symbol.
Newest = Mapping[np.datetime64, Mapping[str, float | Fault]]


@runtime_checkable
class CalledElsewhere(Protocol):
    """A model whose code is not ours: called on many windows at once, in a process of its own."""

    def newest(self, bars: Mapping[str, Bars], wanted: Wanted) -> Newest:
        """Return what `FittedModel.newest` returns there."""
        ...

    def examined(self, bars: Mapping[str, Bars], seed_text: str) -> Fault | None:
        """Return what `strategy.signals.model_examination.examined` finds there."""
        ...


@runtime_checkable
class Described(Protocol):
    """A learner that says itself what distinguishes it from others of its class."""

    @property
    def described(self) -> Sequence[tuple[str, str]]:
        """Return the names of its fields, with their values as text."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedModel:
    """A model of a learner with this prior; one signal depends on `history_bars` bars of each symbol."""

    model: Model
    prior: Strategy
    history_bars: int

    def to_arrays(self) -> Arrays:
        """Return all that the model consists of, as arrays of finite numbers."""
        return self.model.to_arrays()

    def look_back_bars(self, open_times: Mapping[str, TimeArray]) -> int:
        """Return how many of each symbol's newest bars determine the newest signal of all symbols.

        A symbol's newest row may be older than those of others, at most one a day; they are seen as of its date.
        """
        newest = [times[-1] for times in open_times.values() if len(times)]
        days = int((max(newest) - min(newest)) / _DAY) if newest else 0
        return max(self.history_bars, self.prior.history_bars) + days

    def forecast(self, bars: Mapping[str, Bars], since: np.datetime64 | None = None) -> dict[str, FloatArray]:
        """Return signals in [-1, 1] at every row of each symbol, (T,); the prior with fewer than `history_bars` bars.

        The signal of a row is the model's last one on the `history_bars` bars of each symbol that end with its date, so
        that it cannot see later bars. Where the model breaks a rule, the signal is the prior's. With `since`, rows
        before each symbol's newest row dated at most `since` are the prior too, or NaN.
        """
        return self.checked(bars, since)[0]

    def refusals(self, bars: Mapping[str, Bars], since: np.datetime64 | None = None) -> tuple[Fault, ...]:
        """Return why signals of the same rows are refused, by day and symbol; those of the prior are used instead."""
        return self.checked(bars, since)[1]

    def checked(
        self, bars: Mapping[str, Bars], since: np.datetime64 | None = None
    ) -> tuple[dict[str, FloatArray], tuple[Fault, ...]]:
        """Return the signals of `forecast` and the refusals behind them."""
        prior = evaluate(self.prior, bars, since).signals
        signals = {symbol: np.array(prior[symbol]) for symbol in sorted(bars)}
        wanted: dict[np.datetime64, list[str]] = {}
        for symbol, series in sorted(bars.items()):
            first = 0 if since is None else int(np.searchsorted(series.open_time, since, side="right")) - 1
            for day in series.open_time[max(first, self.history_bars - 1) :]:
                wanted.setdefault(day, []).append(symbol)
        faults: list[Fault] = []
        for day, found in sorted(self.newest(bars, wanted).items()):
            for symbol, value in found.items():
                if isinstance(value, Fault):
                    faults.append(value)
                else:
                    signals[symbol][np.searchsorted(bars[symbol].open_time, day)] = value
        return signals, tuple(faults)

    def parts(self, bars: Mapping[str, Bars], since: np.datetime64) -> dict[str, SignalParts]:
        """Return the model's newest signal of each symbol that has one."""
        signals, faults = self.checked(bars, since)
        refused = {(fault.symbol, fault.day) for fault in faults}
        return {
            symbol: SignalParts(members=(float(signals[symbol][-1]),))
            for symbol, series in bars.items()
            if len(series) >= self.history_bars and (symbol, _date(series.open_time[-1])) not in refused
        }

    def newest(self, bars: Mapping[str, Bars], wanted: Wanted) -> Newest:
        """Return the model's signal of each wanted symbol on each date, on which it has a row, or its fault."""
        if isinstance(self.model, CalledElsewhere):
            return self.model.newest(bars, wanted)
        return {day: self._newest(bars, day, symbols) for day, symbols in sorted(wanted.items())}

    def _newest(self, bars: Mapping[str, Bars], day: np.datetime64, wanted: Sequence[str]) -> dict[str, float | Fault]:
        windows = {}
        for symbol, series in sorted(bars.items()):
            stop = int(np.searchsorted(series.open_time, day, side="right"))
            if stop >= self.history_bars and day - series.open_time[stop - 1] <= CURRENT_DAYS * _DAY:
                windows[symbol] = series.rows(stop - self.history_bars, stop)
        try:
            found = called(self.model, windows)
        except CallFailed as failed:
            return {symbol: failed.at(symbol, _date(day)) for symbol in wanted}
        return {symbol: self._value(found, symbol, day) for symbol in wanted}

    def _value(self, signals: Mapping[str, FloatArray], symbol: str, day: np.datetime64) -> float | Fault:
        if symbol not in signals:
            return _fault(Check.LENGTH, symbol, day, "it returns no signal of it")
        values = signals[symbol]
        if values.shape != (self.history_bars,):
            words = f"it returns the shape {values.shape}; it must be ({self.history_bars},)"
            return _fault(Check.LENGTH, symbol, day, words)
        value = float(values[-1])
        if not np.isfinite(value):
            words = f"it is {value!r} after {self.history_bars} bars; a signal is a number then"
            return _fault(Check.NOT_A_NUMBER, symbol, day, words)
        if abs(value) > 1.0:
            return _fault(Check.OUT_OF_RANGE, symbol, day, f"it is {value!r}; a signal lies between -1 and 1")
        return value


def called(model: Model, bars: Mapping[str, Bars]) -> dict[str, FloatArray]:
    """Return what the model returns for these bars, which it cannot write to.

    Raises CallFailed if it raises, or for what is no array of numbers.
    """
    try:
        found = model.signals({symbol: sealed(series) for symbol, series in bars.items()})
        return {symbol: np.asarray(values, dtype=np.float64) for symbol, values in found.items()}
    except CallFailed:
        raise
    except Exception as error:
        raise CallFailed(Check.RAISES, f"it raises {type(error).__name__}: {error}") from error


def _fault(check: Check, symbol: str, day: np.datetime64, words: str) -> Fault:
    return Fault(check=check, message=words, symbol=symbol, day=_date(day))


def _date(day: np.datetime64) -> date:
    found: date = day.astype("M8[D]").item()
    return found


def refused_in_words(strategy: Strategy, fault: Fault) -> str:
    """Return one sentence on a refused signal of a strategy's model."""
    return f"the model of {strategy} is refused ({fault.check}) for {fault.symbol} on {fault.day}: {fault.message}"


def read_fitted(strategy: Strategy, arrays: Arrays, config: Mapping[str, Any]) -> FittedModel:
    """Return a model of the strategy's learner. Raises ValueError if it is another's or cannot be read."""
    learner = strategy.learner
    if learner is None or config["strategy"] != strategy.name:
        raise ValueError(f"it is a model of strategy {config['strategy']}, not of {strategy}")
    try:
        model = learner.from_arrays(arrays)
    except CallFailed as failed:
        raise ValueError(f"the learner of {strategy} cannot read it: {failed.fault.message}") from failed
    except Exception as error:
        raise ValueError(f"the learner of {strategy} cannot read it: {type(error).__name__}: {error}") from error
    return FittedModel(model=model, prior=learner.prior, history_bars=learner.history_bars)


def described(learner: Learner) -> Sequence[tuple[str, str]]:
    """Return the fields of a learner that is a dataclass, with their values as text."""
    known: object = learner
    if isinstance(known, Described):
        return known.described
    return tuple((each.name, repr(getattr(known, each.name))) for each in fields(known)) if is_dataclass(known) else ()


def demand_arrays(name: str, given: Mapping[str, object]) -> dict[str, NDArray[Any]]:
    """Return the arrays of a model of the strategy of this name. Raises ValueError for what cannot be kept."""
    arrays = {str(key): np.asarray(values) for key, values in given.items()}
    for key, values in arrays.items():
        if values.dtype.kind not in "biuf" or values.dtype.itemsize > _MOST_BYTES or not np.isfinite(values).all():
            raise ValueError(
                f"the model of {name} holds {key}, which is not an array of finite numbers; give numbers of at most "
                f"{8 * _MOST_BYTES} bits"
            )
    if not arrays:
        raise ValueError(f"the model of {name} holds no array, so it cannot be kept; return some")
    return arrays


def learner_settings(strategy: Strategy) -> dict[str, str]:
    """Return what distinguishes the strategy's learner from others of its class: its fields, and its prior.

    A field whose text holds an address in memory, as that of a function does, makes every process another learner.
    """
    learner = strategy.learner
    if learner is None:
        return {}
    prior = learner.prior
    return {
        **dict(described(learner)),
        "prior": f"{prior.name} {prior.parameters!r} {prior.history_bars}",
        "version": strategy.version,
    }
