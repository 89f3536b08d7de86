"""Hash of a strategy made in this process, so that a changed one counts as another trial."""

from collections.abc import Iterator
from dataclasses import fields
from hashlib import sha256
from types import CodeType, FunctionType, ModuleType

from strategy.signals.strategies import Strategy


def code_digest(strategy: Strategy) -> str:
    """Return the sha256 of what the strategy computes: its functions, the values they read, its other fields.

    Where a function is defined, and what else its file holds, does not matter. What cannot be compared, such as an
    object of a class without a `__repr__` of its own, makes another hash: a trial too many is safer than one too few.

    >>> def example(window):
    ...     return Strategy(name="a", signal=lambda bars: bars.close * 0 + window, history_bars=1, sizing="direct")
    >>> code_digest(example(1)) == code_digest(example(1)), code_digest(example(1)) == code_digest(example(2))
    (True, False)
    """
    seen: set[int] = set()
    parts = [
        f"{field.name}: {part}"
        for field in fields(strategy)
        if field.compare
        for part in _value(getattr(strategy, field.name), seen)
    ]
    return sha256("\n".join(parts).encode()).hexdigest()


def _value(value: object, seen: set[int]) -> Iterator[str]:
    if isinstance(value, FunctionType):
        if id(value) not in seen:
            seen.add(id(value))
            yield from _function(value, seen)
    elif isinstance(value, ModuleType):
        yield value.__name__
    else:
        yield repr(value)


def _function(function: FunctionType, seen: set[int]) -> Iterator[str]:
    yield from _code(function.__code__)
    yield repr((function.__defaults__, function.__kwdefaults__))
    for cell in function.__closure__ or ():
        yield from _value(cell.cell_contents, seen)
    for name in sorted(_names(function.__code__)):
        if name in function.__globals__:
            yield name
            yield from _value(function.__globals__[name], seen)


def _code(code: CodeType) -> Iterator[str]:
    yield code.co_code.hex()
    yield repr((code.co_names, code.co_varnames))
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _code(constant)
        else:
            yield repr(constant)


def _names(code: CodeType) -> set[str]:
    """Return the names that the code, and code inside it, looks up."""
    inner = [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    return set(code.co_names).union(*(_names(each) for each in inner))
