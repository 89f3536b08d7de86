"""Calls of a strategy's functions in its process: each reports that it begins, and is held to the rules."""

import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from functools import wraps
from typing import Any

from strategy.signals.evaluation import MOST_SAID
from strategy.signals.faults import CallFailed, Check
from strategy.signals.strategies import Learner, Strategy
from tasks.strategy_process.clocks import watched_dates
from tasks.strategy_process.loading import line_of
from tasks.strategy_process.outside_world import Guard

#: Seconds between two reports of calls; a call may last that much longer than its limit before it is noticed.
REPORT_S = 0.25


class Calls:
    """The calls of one request; `report` is called with the symbol when one begins, at most every REPORT_S.

    `load` returns the strategy of the request, its code loaded again without its state.

    The clock of `datetime` is watched in the first call of each symbol on a window, which costs less than on all rows.
    """

    def __init__(self, guard: Guard, report: Callable[[str], None], load: Callable[[], Strategy]) -> None:
        self.guard, self.report, self._load = guard, report, load
        self.symbol = ""
        self._seen: set[str] = set()
        self._reported = time.monotonic()

    def begin(self, symbol: str) -> None:
        """Note the symbol of the calls that follow: the `tick` of an evaluation and of an audit."""
        if symbol != self.symbol:
            self.symbol = symbol
            self._tell()

    def anew(self) -> Strategy:
        """Return the strategy, its code loaded again without its state, with its functions watched."""
        return self.watched(self._load())

    def learner(self) -> Learner | None:
        """Return the strategy's learner, its code loaded again without its state; None if it has none."""
        return self._load().learner

    def watched(self, strategy: Strategy) -> Strategy:
        """Return the strategy with its functions watched, and without its learner."""
        return replace(
            strategy,
            learner=None,
            signal=self._watched(strategy.signal, strategy.history_bars),
            signals=self._watched(strategy.signals, strategy.history_bars),
            inputs=self._watched(strategy.inputs, sys.maxsize),
        )

    def _watched(self, function: Callable[..., Any] | None, rows: int) -> Callable[..., Any] | None:
        if function is None:
            return None

        @wraps(function)
        def watched(*given: Any) -> object:
            fresh = self.symbol not in self._seen and len(given[0]) <= rows
            if fresh:
                self._seen.add(self.symbol)
            return self._run(function, given, fresh=fresh)

        return watched

    def of_learner(self, function: Callable[..., Any], role: str) -> Callable[..., Any]:
        """Return a function of a learner or a model, watched; its failures name the file's line and the role.

        The clock of `datetime` is watched in the first call.
        """

        @wraps(function)
        def watched(*given: Any) -> object:
            fresh = role not in self._seen
            self._seen.add(role)
            try:
                return self._run(function, given, fresh=fresh)
            except CallFailed:
                raise
            except Exception as error:
                place = f"{self.guard.origin}, line {line_of(error, self.guard.origin)}: {role}"
                if isinstance(error, ValueError) and "read-only" in str(error):
                    message = f"{place} writes to its input; copy an array before changing it"
                    raise CallFailed(Check.WRITES_INPUT, message) from error
                said = " ".join(str(error).split())[:MOST_SAID]
                raise CallFailed(Check.RAISES, f"{place} raises {type(error).__name__}: {said}") from error

        return watched

    def _run(self, function: Callable[..., Any], given: tuple[Any, ...], *, fresh: bool) -> object:
        """Call the function; watch the clock of `datetime` if it is a fresh call."""
        if time.monotonic() - self._reported >= REPORT_S:
            self._tell()
        try:
            with watched_dates(self.guard) if fresh else nullcontext():
                result: object = function(*given)
        except (SystemExit, KeyboardInterrupt, GeneratorExit) as error:
            line = line_of(error, self.guard.origin)
            message = f"{self.guard.origin}, line {line}: ends the process with {type(error).__name__}"
            raise CallFailed(Check.RAISES, message) from error
        except Exception as error:
            self._raise_refusal(error)
            raise
        self._raise_refusal(None)
        return result

    def _raise_refusal(self, error: BaseException | None) -> None:
        """Raise what the guard refused, even if the file or a library caught it and raised something else."""
        taken = self.guard.take(error)
        refusal = refusal_behind(error) or taken or refusal_of_system(error, self.guard)
        if refusal is not None:
            raise refusal from None

    def _tell(self) -> None:
        self._reported = time.monotonic()
        self.report(self.symbol)


def refusal_behind(error: BaseException | None) -> CallFailed | None:
    """Return the refusal that an exception is, or was raised because of; None if there is none."""
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        if isinstance(error, CallFailed):
            return error
        seen.append(error)
        error = error.__cause__ or error.__context__
    return None


def refusal_of_system(error: BaseException | None, guard: Guard) -> CallFailed | None:
    """Return the refusal for an exception behind which the system did not permit compiled code what it tried.

    None if there is no such exception.
    """
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        if isinstance(error, PermissionError):
            said = " ".join(str(error).split())[:MOST_SAID]
            return guard.refusal_at(line_of(seen[0] if seen else error, guard.origin), f"may not do this: {said}")
        seen.append(error)
        error = error.__cause__ or error.__context__
    return None
