"""Requests about the learner of a strategy's file, answered in its process: fit, read a model, call it, examine it.

Each request loads the file's code anew, so that nothing but the model's arrays can pass from one to the next.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strategy.market.bars import Bars, FloatArray
from strategy.signals.faults import CallFailed, Check, Fault
from strategy.signals.fitted_model import FittedModel, demand_arrays, described
from strategy.signals.model_examination import examined
from strategy.signals.strategies import Arrays, Learner, Model, Strategy
from tasks.strategy_process import frames
from tasks.strategy_process.calls import Calls
from tasks.strategy_process.frames import Message, packed_fault

#: Before the names of a model's arrays, beside those of bars.
MODEL = "model."
#: Signals in one message.
PART = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class _Watched:
    """A model whose functions are watched."""

    model: Model
    calls: Calls

    def signals(self, panel: Mapping[str, Bars]) -> Mapping[str, FloatArray]:
        """Return what the model returns. Raises CallFailed."""
        return _mapping(self.calls.of_learner(self.model.signals, "signals")(panel), "signals", self.calls)

    def to_arrays(self) -> Arrays:
        """Return the model's arrays. Raises CallFailed."""
        return _mapping(self.calls.of_learner(self.model.to_arrays, "to_arrays")(), "to_arrays", self.calls)


def _mapping(found: object, role: str, calls: Calls) -> Mapping[str, Any]:
    if not isinstance(found, Mapping):
        name = type(found).__name__
        raise CallFailed(Check.RAISES, f"{calls.guard.origin}: {role} returns a {name}; it must be a dictionary")
    return found


def _learner(calls: Calls) -> Learner:
    learner = calls.learner()
    assert learner is not None, "asked for where there is one"
    return learner


def _model(function: Callable[..., Any], given: tuple[object, ...], role: str, calls: Calls) -> _Watched:
    model = calls.of_learner(function, role)(*given)
    for name in ("signals", "to_arrays"):
        if not callable(getattr(model, name, None)):
            kind = type(model).__name__
            message = f"{calls.guard.origin}: {role} returns a {kind}; a model has signals and to_arrays"
            raise CallFailed(Check.RAISES, message)
    return _Watched(model=model, calls=calls)


def _read(request: Message, calls: Calls) -> FittedModel:
    """Return the model of the request's arrays, by code that is loaded again."""
    learner = _learner(calls)
    marked = len(MODEL)
    arrays = {name[marked:]: values for name, values in request.arrays.items() if name.startswith(MODEL)}
    model = _model(learner.from_arrays, (arrays,), "from_arrays", calls)
    return FittedModel(model=model, prior=learner.prior, history_bars=learner.history_bars)


def _bars(request: Message) -> dict[str, Bars]:
    arrays = {name: values for name, values in request.arrays.items() if not name.startswith(MODEL)}
    return frames.unpacked_bars(request.content["symbols"], arrays)


def fit(strategy: Strategy, request: Message, calls: Calls) -> Iterator[Message]:
    """Answer with the arrays of a model trained on the bars."""
    model = _model(_learner(calls).fit, (_bars(request), request.content["seed"]), "fit", calls)
    try:
        arrays = demand_arrays(strategy.name, model.to_arrays())
    except ValueError as error:
        raise CallFailed(Check.RAISES, f"{calls.guard.origin}: {error}") from error
    yield Message(kind="done", arrays=arrays)


def read_model(strategy: Strategy, request: Message, calls: Calls) -> Iterator[Message]:
    """Answer once the model of these arrays has been read."""
    del strategy
    _read(request, calls)
    yield Message(kind="done")


def newest(strategy: Strategy, request: Message, calls: Calls) -> Iterator[Message]:
    """Answer with the signals that are wanted, flat in the order of the request, NaN where there is a fault."""
    del strategy
    model, bars = _read(request, calls), _bars(request)
    values: list[float] = []
    faults: dict[str, object] = {}
    for micros, symbols in request.content["wanted"]:
        day = np.datetime64(micros, "us")
        found = model.newest(bars, {day: symbols})[day]
        for symbol in symbols:
            value = found[symbol]
            if isinstance(value, Fault):
                faults[str(len(values))] = packed_fault(value)
            values.append(np.nan if isinstance(value, Fault) else value)
        if len(values) >= PART:
            yield _part(values, faults)
            values, faults = [], {}
    yield _part(values, faults)
    yield Message(kind="done")


def _part(values: list[float], faults: Mapping[str, object]) -> Message:
    signals: NDArray[np.float64] = np.array(values, dtype=np.float64)
    return Message(kind="part", content={"faults": faults}, arrays={"signals": signals})


def examine(strategy: Strategy, request: Message, calls: Calls) -> Iterator[Message]:
    """Answer with the first fault of the model's signals, if there is one."""
    del strategy
    fault = examined(_read(request, calls), _bars(request), request.content["seed"], lambda: _read(request, calls))
    yield Message(kind="done", content={"fault": packed_fault(fault) if fault else None})


def packed_learner(learner: Learner | None) -> dict[str, Any] | None:
    """Return what describes the learner, for JSON; None if there is none."""
    if learner is None:
        return None
    return {
        "prior": learner.prior.name,
        "history_bars": int(learner.history_bars),
        "described": list(described(learner)),
    }


#: What can be requested of a file with a learner.
LEARNER_KINDS = {"examine": examine, "fit": fit, "newest": newest, "read_model": read_model}
