"""Strategies as a caller names or makes them; the code of one made in this process, so that a change is a new trial."""

import pickle
from collections.abc import Mapping
from dataclasses import fields, replace
from hashlib import sha256
from types import CodeType, FunctionType, ModuleType

from flows.config.settings import Settings
from flows.planning.plan import RequestRefused, strategies_named
from strategy.builtin.registry import BUILT_IN
from strategy.exit_codes import UsageError
from strategy.signals.strategies import Strategy
from tasks.strategy_process.parameter_values import WrongParameter, are_parameters, with_values

#: Fields that say where a strategy comes from, not what it computes; one made in this process has no sleeves.
UNREAD = frozenset({"version", "origin", "runner", "sleeves"})


def strategy_of(strategy: str | Strategy, settings: Settings) -> Strategy:
    """Return the strategy of that name or file, or the one given, whose version is then the hash of its code.

    The settings name its parameters, if any, and the home that keeps strategies. Raises RequestRefused for a list of
    names, a value with the name of a built-in strategy, and parameters that may change; UsageError for an unknown name
    or parameter; StrategyRefused for a file that fails.
    """
    if isinstance(strategy, str):
        found = strategies_named(strategy, settings)
        if len(found) > 1:
            raise RequestRefused(f"--strategy is {strategy!r}; it must name one strategy: the others are benchmarks=")
        return found[0]
    if strategy.sleeves:
        raise RequestRefused(f"the strategy {strategy} has sleeves; give it as text, strategy={str(strategy)!r}")
    if strategy != BUILT_IN.get(strategy.name, strategy):
        raise RequestRefused(f"the strategy has the name {strategy.name!r} of a built-in one; give it another")
    if strategy.parameters is not None and not are_parameters(strategy.parameters):
        raise RequestRefused(
            f"the parameters of {strategy.name} are {strategy.parameters!r}; they must be a frozen dataclass"
        )
    try:
        texts = {name: str(value) for name, value in settings.parameters.items()}
        strategy = replace(strategy, parameters=with_values(strategy.parameters, texts))
    except WrongParameter as error:
        raise UsageError(f"strategy {strategy.name}: {error}; leave it out") from error
    if strategy.name in BUILT_IN or strategy.runner is not None:
        return strategy
    # A strategy of a user's own is always a trial, and always evaluated by its definition.
    return replace(strategy, version=code_digest(strategy), baseline=False, trusted=False, exact=False)


def code_digest(strategy: Strategy) -> str:
    """Return the sha256 of what the strategy computes: its functions, the values they read, its other fields.

    Where a function is defined, and what else its file holds, does not matter. Functions beside it are followed, those
    of other modules are taken as they are. What cannot be compared makes another hash: a trial too many is safer than
    one too few.

    >>> def example(window):
    ...     return Strategy(name="a", signal=lambda bars: bars.close * 0 + window, history_bars=1, sizing="direct")
    >>> code_digest(example(1)) == code_digest(example(1)), code_digest(example(1)) == code_digest(example(2))
    (True, False)
    """
    digest = _Digest()
    for field in fields(strategy):
        if field.compare and field.name not in UNREAD:
            digest.add(field.name)
            digest.value(getattr(strategy, field.name))
    return digest.hexdigest()


class _Digest:
    """A hash of functions and values; each function and class counts once."""

    def __init__(self) -> None:
        self._hash = sha256()
        self._seen: set[int] = set()

    def add(self, part: str) -> None:
        data = part.encode()
        self._hash.update(f"{len(data)}:".encode() + data)

    def hexdigest(self) -> str:
        return self._hash.hexdigest()

    def value(self, value: object, beside: Mapping[str, object] | None = None) -> None:
        """Add a value that a function reads; `beside` are the globals of that function."""
        if isinstance(value, ModuleType):
            self.add(value.__name__)
        elif isinstance(value, FunctionType | type):
            if id(value) in self._seen:
                return
            self._seen.add(id(value))
            self._class(value, beside) if isinstance(value, type) else self._function(value, beside)
        else:
            self.add(_content(value))

    def _function(self, function: FunctionType, beside: Mapping[str, object] | None) -> None:
        known = function.__globals__
        foreign = beside is not None and known is not beside
        if foreign:
            self.add(f"{function.__module__}.{function.__qualname__}")
        self._code(function.__code__)
        self.value((function.__defaults__, function.__kwdefaults__))
        for cell in function.__closure__ or ():
            self.value(cell.cell_contents, known)
        for name in () if foreign else sorted(_names(function.__code__) & known.keys()):
            self.add(name)
            self.value(known[name], known)

    def _class(self, kind: type, beside: Mapping[str, object] | None) -> None:
        self.add(f"{kind.__module__}.{kind.__qualname__}")
        if beside is not None and beside.get("__name__") == kind.__module__:
            for name, member in sorted(vars(kind).items()):
                if isinstance(member, FunctionType | int | float | str):
                    self.add(name)
                    self.value(member, beside)

    def _code(self, code: CodeType) -> None:
        self.add(code.co_code.hex())
        self.add(repr((code.co_names, code.co_varnames)))
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                self._code(constant)
            else:
                self.add(repr(constant))


def _content(value: object) -> str:
    """Return a text that differs for values that differ: a long array's `repr` leaves most of it out."""
    try:
        return sha256(pickle.dumps(value)).hexdigest()
    except (pickle.PicklingError, TypeError, AttributeError, RecursionError):
        return repr(value)


def _names(code: CodeType) -> set[str]:
    """Return the names that the code, and code inside it, looks up."""
    inner = [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    return set(code.co_names).union(*(_names(each) for each in inner))
