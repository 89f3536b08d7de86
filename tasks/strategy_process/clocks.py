"""Refusal of clocks in a strategy's own file; libraries may read them.

Functions of `time` and pandas are replaced. Those of `datetime` cannot be: a profiler sees their calls, which is why it
runs only while the file is loaded and in one call of each symbol. What escapes shows when a call is repeated.
"""

import ast
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from types import FrameType
from typing import Any

from tasks.strategy_process.outside_world import Guard

#: How many arguments each function of `time` has before the one that makes it a conversion; None: it always reads.
_READ_WITHOUT = {
    **dict.fromkeys(("time", "time_ns", "clock_gettime", "clock_gettime_ns"), None),
    **dict.fromkeys(("localtime", "gmtime", "ctime", "asctime"), 0),
    "strftime": 1,
}
_DATE_METHODS = frozenset({"now", "today", "utcnow"})
#: Constructors that take these words for the present.
_CONSTRUCTORS = frozenset({"datetime64", "Timestamp", "to_datetime", "Period"})
_PRESENT = frozenset({"now", "today"})
_DAY = "the day is that of the last row"


def guard_time(guard: Guard) -> None:
    """Refuse the functions of `time` that read the date to the guarded file."""
    for name, before in _READ_WITHOUT.items():
        setattr(time, name, _guarded(guard, name, before))


def _guarded(guard: Guard, name: str, before: int | None) -> Callable[..., object]:
    original = getattr(time, name)

    def read(*given: object) -> object:
        converts = before is not None and len(given) > before and given[before] is not None
        if not converts and sys._getframe(1).f_code.co_filename == guard.origin:
            raise guard.refuse(f"reads the clock with time.{name}; {_DAY}")
        result: object = original(*given)
        return result

    return read


def guard_pandas(guard: Guard) -> None:
    """Refuse pandas' present to the guarded file, if pandas is loaded."""
    pandas = sys.modules.get("pandas")
    if pandas is None:
        return
    stamp: Any = pandas.Timestamp
    for name in _DATE_METHODS:
        setattr(stamp, name, staticmethod(_guarded_stamp(guard, name, getattr(stamp, name))))


def _guarded_stamp(guard: Guard, name: str, original: Callable[..., object]) -> Callable[..., object]:
    def read(*given: object, tz: object = None) -> object:
        if sys._getframe(1).f_code.co_filename == guard.origin:
            raise guard.refuse(f"reads the clock with Timestamp.{name}; {_DAY}")
        return original(*given) if tz is None else original(tz)

    return read


@contextmanager
def watched_dates(guard: Guard) -> Iterator[None]:
    """Refuse `datetime.now` and its like to the guarded file meanwhile."""

    def hear(frame: FrameType, event: str, called: Any) -> None:
        if event != "c_call" or getattr(called, "__name__", "") not in _DATE_METHODS:
            return
        owner = getattr(called, "__self__", None)
        if frame.f_code.co_filename == guard.origin and isinstance(owner, type) and issubclass(owner, date):
            raise guard.refuse(f"reads the clock with {owner.__name__}.{called.__name__}; {_DAY}")

    sys.setprofile(hear)
    try:
        yield
    finally:
        sys.setprofile(None)


def word_for_the_present(tree: ast.Module) -> tuple[int, str] | None:
    """Return line and text of a call such as `np.datetime64("now")`; None without one outside the script's own part.

    >>> word_for_the_present(ast.parse('day = np.datetime64("today")'))
    (1, "datetime64('today')")
    """
    statements = [node for node in tree.body if not (isinstance(node, ast.If) and "__main__" in ast.unparse(node.test))]
    for node in (inner for statement in statements for inner in ast.walk(statement)):
        if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
            continue
        name = ast.unparse(node.func).rpartition(".")[2]
        if name in _CONSTRUCTORS and node.args[0].value in _PRESENT:
            return node.lineno, f"{name}({node.args[0].value!r})"
    return None


def imports_pandas(tree: ast.Module) -> bool:
    """Return whether the file imports pandas anywhere."""
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        if any(name.partition(".")[0] == "pandas" for name in names):
            return True
    return False
