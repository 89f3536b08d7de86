"""The learner of a strategy's file, and its models: fitted and called in the file's process, kept here as arrays."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from strategy.market.bars import Bars, FloatArray
from strategy.signals.faults import CallFailed, Check, Fault, StrategyRefused
from strategy.signals.fitted_model import Newest, Wanted
from strategy.signals.strategies import Arrays, Strategy
from strategy.training.trainer import NotFinished
from tasks.strategy_process.child_process import ChildLost
from tasks.strategy_process.frames import Message, packed_bars, unpacked_fault
from tasks.strategy_process.learner_requests import MODEL
from tasks.strategy_process.runner import ChildRunner

_ANOTHER_ATTEMPT = "make it faster, or fit it on less"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteLearner:
    """A learner whose code runs in a process of its own; a value that can be pickled and compared.

    `described` has what distinguishes it from others of its class, by name.
    """

    runner: ChildRunner
    prior: Strategy
    history_bars: int
    described: tuple[tuple[str, str], ...]

    def fit(self, past: Mapping[str, Bars], seed: int) -> "RemoteModel":
        """Return the model trained on these bars.

        Raises CallFailed if the learner breaks a rule, NotFinished if it takes too long or ends its process.
        """
        symbols, arrays = packed_bars(past)
        limit_s = self.runner.file.limits.fit_s
        try:
            answer = self.runner.request("fit", {"symbols": symbols, "seed": seed}, arrays, limit_s=limit_s)
        except ChildLost as error:
            slow = error.fault.check is Check.TOO_SLOW
            what = f"{self.runner.file.origin}: fit took longer than {limit_s:g} s and was stopped; {_ANOTHER_ATTEMPT}"
            raise NotFinished(what if slow else error.fault.message) from error
        except StrategyRefused as error:
            raise _failed(error.fault) from error
        return RemoteModel(learner=self, arrays=answer.arrays)

    def from_arrays(self, arrays: Arrays) -> "RemoteModel":
        """Return the model of these arrays, once the learner has read them. Raises CallFailed."""
        model = RemoteModel(learner=self, arrays=arrays)
        try:
            self.runner.request("read_model", arrays=model.packed())
        except (ChildLost, StrategyRefused) as error:
            raise _failed(error.fault) from error
        return model


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RemoteModel:
    """A model as its arrays, called in the process of its learner."""

    learner: RemoteLearner
    arrays: Arrays

    def signals(self, panel: Mapping[str, Bars]) -> Mapping[str, FloatArray]:  # noqa: ARG002
        """Raise TypeError: its process computes the newest signals of many windows at once, see `newest`."""
        raise TypeError("the model of a strategy's file is called in a process of its own; use FittedModel")

    def to_arrays(self) -> Arrays:
        """Return all that the model consists of."""
        return self.arrays

    def packed(self) -> dict[str, Any]:
        """Return the arrays under the names that a request gives them."""
        return {f"{MODEL}{name}": values for name, values in self.arrays.items()}

    def newest(self, bars: Mapping[str, Bars], wanted: Wanted) -> Newest:
        """Return the signal, or the fault, of each wanted symbol on each date.

        If a call takes too long or ends the process, that is the fault of all that was not answered before.
        """
        order = [(day, symbol) for day in sorted(wanted) for symbol in wanted[day]]
        values: list[float | Fault] = []

        def heard(message: Message) -> None:
            if message.kind == "part":
                start = len(values)
                values.extend(message.arrays["signals"].tolist())
                for number, said in message.content["faults"].items():
                    values[start + int(number)] = unpacked_fault(said)

        days = [[int(day.astype("M8[us]").astype(np.int64)), list(wanted[day])] for day in sorted(wanted)]
        lost: Fault | None = None
        try:
            symbols, arrays = packed_bars(bars)
            content = {"symbols": symbols, "wanted": days}
            self.learner.runner.request("newest", content, {**arrays, **self.packed()}, heard)
        except (ChildLost, StrategyRefused) as error:
            lost = error.fault
        found: dict[np.datetime64, dict[str, float | Fault]] = {day: {} for day in wanted}
        for number, (day, symbol) in enumerate(order):
            if number < len(values):
                found[day][symbol] = values[number]
                continue
            assert lost is not None, "each answer has all values"
            found[day][symbol] = replace(lost, symbol=symbol, day=day.astype("M8[D]").item())
        return found

    def examined(self, bars: Mapping[str, Bars], seed_text: str) -> Fault | None:
        """Return the first fault of the model's signals, None if there is none."""
        symbols, arrays = packed_bars(bars)
        content = {"symbols": symbols, "seed": seed_text}
        try:
            answer = self.learner.runner.request("examine", content, {**arrays, **self.packed()})
        except (ChildLost, StrategyRefused) as error:
            return error.fault
        said = answer.content["fault"]
        return unpacked_fault(said) if said else None


def _failed(fault: Fault) -> CallFailed:
    return CallFailed(fault.check, fault.message)
