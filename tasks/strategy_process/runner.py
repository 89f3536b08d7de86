"""Requests to the process of a strategy's file: signals, inputs and audits, from bars to arrays."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strategy.audit.user_strategy import Audit, unfinished
from strategy.market.bars import Bars, FloatArray
from strategy.signals.faults import Fault, StrategyRefused
from strategy.signals.strategies import Evaluated
from tasks.strategy_process.child_process import ChildLost, Heard, StrategyFile, child_of
from tasks.strategy_process.frames import Message, packed_bars, unpacked_fault
from tasks.strategy_process.packed_audit import unpacked_audit

#: After so many calls that were too slow or ended the process, the remaining symbols of an evaluation are not tried.
MOST_LOST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildRunner:
    """Evaluation of a strategy's file in a process of its own; a value that can be pickled and compared.

    The process is started when first needed and shared by all runners of the same file, whatever their parameters.
    It checks the sha256 of the bytes before it runs them.
    """

    file: StrategyFile
    across: bool = False
    overrides: tuple[tuple[str, str], ...] = ()

    def evaluate(self, bars: Mapping[str, Bars], since: np.datetime64 | None, *, exact: bool = False) -> Evaluated:
        """Return the signals of all symbols as `evaluate_here` does.

        A symbol on which a call is too slow or ends the process has that fault, and the others go on in a new one.
        Raises StrategyRefused if the file cannot be loaded.
        """
        pending, signals, faults = dict(bars), dict[str, FloatArray](), dict[str, Fault]()

        def heard(message: Message) -> None:
            if message.kind == "part":
                for number, symbol in enumerate(message.content["symbols"]):
                    signals[symbol] = message.arrays[str(number)].copy()
                    del pending[symbol]
                faults.update({name: unpacked_fault(said) for name, said in message.content["faults"].items()})

        for lost in range(1, MOST_LOST + 1):
            try:
                micros = None if since is None else int(since.astype("datetime64[us]").astype(np.int64))
                self._of_bars("evaluate", pending, {"since": micros, "exact": exact}, heard)
            except ChildLost as error:
                alone = error.fault.symbol in pending and not self.across and lost < MOST_LOST
                for symbol in [error.fault.symbol] if alone else list(pending):
                    faults[symbol] = replace(error.fault, symbol=symbol)
                    signals[symbol] = np.full(len(pending.pop(symbol)), np.nan)
            if not pending:
                break
        assert not pending, "each answer or loss takes symbols away"
        return Evaluated(signals={symbol: signals[symbol] for symbol in bars}, faults=faults)

    def description(self) -> Mapping[str, Any]:
        """Return the fields of the strategy, with its parameters by name. Raises StrategyRefused."""
        try:
            return self.request("describe").content
        except ChildLost as error:
            raise StrategyRefused(self.file.origin, error.fault) from error

    def inputs(self, bars: Bars) -> Mapping[str, float]:
        """Return the numbers behind the newest value of one symbol. Raises StrategyRefused."""
        try:
            answer = self._of_bars("inputs", {bars.symbol: bars}, {}, None)
        except ChildLost as error:
            raise StrategyRefused(self.file.name or self.file.origin, error.fault) from error
        values: dict[str, float] = answer.content["inputs"]
        return values

    def audit(self, bars: Mapping[str, Bars], seed_text: str, heard: Heard | None = None) -> Audit:
        """Return what `audit_strategy` finds on the bars of all symbols, in the process of the file.

        A call that is too slow or ends the process is a fault. `heard` is given the progress, and may stop the audit by
        raising.
        """
        try:
            answer = self._of_bars("audit", bars, {"seed": seed_text}, heard)
        except ChildLost as error:
            return unfinished(error.fault)
        except StrategyRefused as error:
            return unfinished(error.fault)
        return unpacked_audit(answer.content["audit"])

    def request(
        self,
        kind: str,
        content: Mapping[str, Any] | None = None,
        arrays: Mapping[str, NDArray[Any]] | None = None,
        heard: Heard | None = None,
        limit_s: float | None = None,
    ) -> Message:
        """Return the last answer of the process to a request of one of the kinds that `child` lists.

        `heard` is given the messages before it, with the progress of calls as those of the kind `tick`. Each call has
        its time limit, that of a signal if none is given; the request as a whole has none. Raises StrategyRefused and
        ChildLost.
        """
        message = Message(
            kind=kind, content={**(content or {}), "overrides": dict(self.overrides)}, arrays=arrays or {}
        )
        with child_of(self.file) as child:
            return child.exchange(message, limit_s or self.file.limits.call_s, heard)

    def _of_bars(self, kind: str, bars: Mapping[str, Bars], content: Mapping[str, Any], heard: Heard | None) -> Message:
        symbols, arrays = packed_bars(bars)
        return self.request(kind, {**content, "symbols": symbols}, arrays, heard)
