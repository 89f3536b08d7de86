"""Strategies as a caller names or makes them; the code of one made in this process, so that a change is a new trial."""

import json
from collections.abc import Iterator
from dataclasses import fields, replace
from hashlib import sha256
from types import CodeType, FunctionType, ModuleType

from flows.planning.plan import RequestRefused, strategies_named
from strategy.builtin.registry import BUILT_IN
from strategy.signals.strategies import Strategy
from tasks.run.job import Job

#: Fields that say where a strategy comes from, not what it computes.
UNREAD = frozenset({"version", "origin", "runner"})


def strategy_of(strategy: str | Strategy) -> Strategy:
    """Return the strategy of that name, or the one given, whose version is then the hash of its code.

    Raises RequestRefused for an unknown name, the name of a built-in one, and parameters that may change.
    """
    if isinstance(strategy, str):
        return BUILT_IN[strategy] if strategy in BUILT_IN else _named(strategy)
    if strategy != BUILT_IN.get(strategy.name, strategy):
        raise RequestRefused(f"the strategy has the name {strategy.name!r} of a built-in one; give it another")
    try:
        hash(strategy)
    except TypeError as error:
        raise RequestRefused(
            f"the parameters of {strategy.name} are {strategy.parameters!r}; they must be a frozen dataclass"
        ) from error
    if strategy.name in BUILT_IN or strategy.version:
        return strategy
    # A strategy of a user's own is always a trial, and always evaluated by its definition.
    return replace(strategy, version=code_digest(strategy), baseline=False, trusted=False)


def _named(name: str) -> Strategy:
    found = strategies_named(name)
    if len(found) > 1:
        raise RequestRefused(f"--strategy is {name!r}; it must name one strategy: the others are benchmarks=")
    return found[0]


def identified(job: Job) -> Job:
    """Return the job, whose configuration names the version of a strategy that is not built in."""
    policy = job.policy
    if not policy.strategy.version:
        return job
    config = {**json.loads(policy.config), "strategy_sha256": policy.strategy.version}
    return replace(job, policy=replace(policy, config=json.dumps(config, sort_keys=True)))


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
        if field.compare and field.name not in UNREAD
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
