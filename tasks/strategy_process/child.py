"""The process that runs a strategy's file: it reads requests, calls the strategy, and writes what it returns.

Started by `child_process` with a minimal environment, so that neither the working directory nor PYTHONPATH puts the
user's modules before ours. What the file prints goes to the standard error.
"""

import ast
import linecache
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from importlib import import_module
from typing import BinaryIO

import numpy as np

from strategy.audit.user_strategy import audit_strategy
from strategy.signals.evaluation import evaluate_here
from strategy.signals.faults import CallFailed, Fault, StrategyRefused
from strategy.signals.strategies import Strategy, sizing_of
from tasks.strategy_process import frames
from tasks.strategy_process.calls import Calls, refusal_behind, refusal_of_system
from tasks.strategy_process.clocks import guard_pandas, guard_time, imports_pandas, watched_dates, word_for_the_present
from tasks.strategy_process.confinement.native_readers import refuse_native_readers
from tasks.strategy_process.confinement.readable import confine_to_packages
from tasks.strategy_process.confinement.system_state import guard_system_state
from tasks.strategy_process.environment import guard_environment
from tasks.strategy_process.frames import Message, packed_fault
from tasks.strategy_process.imports_beside import BesideFinder
from tasks.strategy_process.learner_requests import LEARNER_KINDS, packed_learner
from tasks.strategy_process.loading import choose, execute, line_of, refused, with_parameters
from tasks.strategy_process.outside_world import Guard
from tasks.strategy_process.packed_audit import packed_audit
from tasks.strategy_process.parameter_values import described

#: Answers a request about the strategy: parts as they are found, the last message of kind `done`.
Kind = Callable[[Strategy, Message, Calls], Iterator[Message]]


def evaluate(strategy: Strategy, request: Message, calls: Calls) -> Iterator[Message]:
    """Answer with the signals of each symbol as soon as they are known; those of a panel at once."""
    bars = frames.unpacked_bars(request.content["symbols"], request.arrays)
    micros = request.content["since"]
    strategy = replace(strategy, exact=request.content.get("exact", False))
    since = None if micros is None else np.datetime64(micros, "us")
    groups = [{symbol: series} for symbol, series in bars.items()] if strategy.signals is None else [bars]
    for group in groups:
        found = evaluate_here(strategy, group, since, calls.begin)
        symbols = list(found.signals)
        yield Message(
            kind="part",
            content={
                "symbols": symbols,
                "faults": {symbol: packed_fault(fault) for symbol, fault in found.faults.items()},
            },
            arrays={str(number): found.signals[symbol] for number, symbol in enumerate(symbols)},
        )
    yield Message(kind="done")


def inputs(strategy: Strategy, request: Message, calls: Calls) -> Iterator[Message]:
    """Answer with the numbers behind the newest value of a symbol."""
    ((symbol, bars),) = frames.unpacked_bars(request.content["symbols"], request.arrays).items()
    calls.begin(symbol)
    assert strategy.inputs is not None, "asked for where there are some"
    try:
        values = {str(name): float(value) for name, value in strategy.inputs(bars).items()}
    except CallFailed as failed:
        raise StrategyRefused(strategy.name, failed.at(symbol, None)) from failed
    except Exception as error:
        line = line_of(error, strategy.origin)
        raise refused(strategy.origin, line, f"inputs raises {type(error).__name__}: {error}") from error
    yield Message(kind="done", content={"inputs": values})


def describe(strategy: Strategy, request: Message, calls: Calls) -> Iterator[Message]:
    """Answer with the fields of the strategy."""
    del request
    content = {
        "name": strategy.name,
        "across": strategy.signals is not None,
        "history_bars": strategy.history_bars,
        "sizing": sizing_of(strategy).value,
        "parameters": described(strategy.parameters),
        "columns": {name: lag.days for name, lag in strategy.columns.items()},
        "learner": packed_learner(calls.learner()),
        "inputs": strategy.inputs is not None,
    }
    yield Message(kind="done", content=content)


def audit(strategy: Strategy, request: Message, calls: Calls) -> Iterator[Message]:
    """Answer with the audit of the strategy on the bars of all symbols."""
    bars = frames.unpacked_bars(request.content["symbols"], request.arrays)
    found = audit_strategy(strategy, bars, request.content["seed"], calls.begin, calls.anew)
    yield Message(kind="done", content={"audit": packed_audit(found)})


#: What can be requested.
KINDS: Mapping[str, Kind] = {
    "audit": audit,
    "describe": describe,
    "evaluate": evaluate,
    "inputs": inputs,
    **LEARNER_KINDS,
}


class Child:
    """A strategy's file in this process, and the stream to the run."""

    def __init__(self, answers: BinaryIO) -> None:
        self._answers = answers
        self._source, self._origin = b"", ""
        self._name: str | None = None
        self._guard = Guard("")
        self._strategy: Strategy | None = None

    def answer(self, request: Message) -> None:
        """Answer a request; a refusal is an answer, too."""
        try:
            for message in self._answer(request):
                frames.write(self._answers, message)
        except StrategyRefused as error:
            self._refuse(error.strategy, error.fault)
        except CallFailed as failed:
            self._refuse(self._origin, failed.fault)

    def _refuse(self, name: str, fault: Fault) -> None:
        content = {"strategy": name, "fault": packed_fault(fault)}
        frames.write(self._answers, Message(kind="refused", content=content))

    def _answer(self, request: Message) -> Iterator[Message]:
        if request.kind == "load":
            self._load(request)
            yield Message(kind="done")
            return
        assert self._strategy is not None, "a file is loaded first"
        overrides = request.content["overrides"]
        strategy = with_parameters(self._strategy, self._source, self._origin, overrides)

        def load() -> Strategy:
            module = execute(self._source, self._origin)
            chosen = choose(module, self._source, self._origin, self._name)
            return with_parameters(chosen, self._source, self._origin, overrides)

        calls = Calls(self._guard, self._report, load)
        yield from KINDS[request.kind](calls.watched(strategy), request, calls)

    def _report(self, symbol: str) -> None:
        frames.write(self._answers, Message(kind="tick", content={"symbol": symbol}))

    def _load(self, request: Message) -> None:
        source, origin = request.arrays["source"].tobytes(), request.content["origin"]
        self._source, self._origin, self._name = source, origin, request.content["name"]
        digest = sha256(source).hexdigest()
        if digest != request.content["sha256"]:
            expected = request.content["sha256"][:12]
            raise refused(origin, 1, f"has the sha256 {digest[:12]}, not {expected}; name the file again")
        self._guard = Guard(origin)
        # So that an exception shows the lines that were run, whatever the file holds by now.
        linecache.cache[origin] = (len(source), None, source.decode(errors="replace").splitlines(keepends=True), origin)
        guard_time(self._guard)
        guard_environment(self._guard)
        guard_system_state(self._guard)
        tree = _tree(source)
        _prepare(self._guard, tree)
        sys.meta_path.insert(0, BesideFinder(origin))
        # Before the file can start a thread, which the kernel would not confine.
        if not confine_to_packages(self._guard.packages, self._guard.editable):
            refuse_native_readers(self._guard, tree)
        self._guard.install()
        try:
            with watched_dates(self._guard):
                module = execute(source, origin)
            self._strategy = choose(module, source, origin, self._name)
        except (CallFailed, StrategyRefused) as error:
            cause = error.__cause__
            taken = self._guard.take(cause)
            behind = refusal_behind(error) or (taken if isinstance(cause, OSError) else None)
            behind = behind or refusal_of_system(cause, self._guard)
            if behind is None:
                raise
            raise StrategyRefused(origin, behind.fault) from error
        refusal = self._guard.take()
        if refusal is not None:
            raise StrategyRefused(origin, refusal.fault)


def _prepare(guard: Guard, tree: ast.Module) -> None:
    """Refuse words for the present, and load pandas first if the file will, to refuse its clock."""
    present = word_for_the_present(tree)
    if present is not None:
        line, text = present
        raise StrategyRefused(guard.origin, guard.refusal_at(line, f"reads the clock with {text}").fault)
    if imports_pandas(tree):
        with suppress(ImportError):
            import_module("pandas")
        guard_pandas(guard)


def _tree(source: bytes) -> ast.Module:
    """Return the syntax of the file; that of an empty one if it has none, which the loader will say, with the line."""
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module(body=[], type_ignores=[])


def _streams() -> tuple[BinaryIO, BinaryIO]:
    """Return the streams of requests and answers, and leave nothing to read and the standard error to the file."""
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    return requests, answers


def _end_with(parent: int) -> None:
    """End this process when its run is gone, even in the midst of an endless loop."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


def main(parent: int) -> None:
    """Answer the requests of the process `parent` until there are no more, or it is gone."""
    requests, answers = _streams()
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    child = Child(answers)
    # A run that was killed, perhaps in the midst of a request, has nobody to read a traceback of ours.
    with suppress(BrokenPipeError, frames.BrokenFrame):
        while (request := frames.read(requests)) is not None:
            child.answer(request)
    # At once: an `atexit` or a thread of the file must not keep the process.
    os._exit(0)
