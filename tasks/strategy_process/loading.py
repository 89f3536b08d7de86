"""Loading of a strategy file: from its bytes to a strategy, or to one sentence that says why not.

Runs in the child; imports numpy and the strategy floor only.
"""

import ast
import sys
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from hashlib import sha256
from io import BytesIO
from math import isfinite
from numbers import Integral
from tokenize import detect_encoding
from traceback import extract_tb
from types import ModuleType

from strategy.market import own_columns
from strategy.signals import strategies
from strategy.signals.faults import CallFailed, Check, Fault, StrategyRefused
from strategy.signals.strategies import Strategy
from tasks.strategy_process.imports_beside import LiesBeside
from tasks.strategy_process.parameter_values import are_parameters, described, with_values

#: The name of the module that a file becomes; not `__main__`, so that what is meant for a script does not run.
MODULE = "strategy_file"
#: The attribute of a file whose strategy is taken where several are defined and none is named.
DEFAULT = "strategy"


#: What is ours to say of a strategy, whatever its file claims.
_OURS = {"baseline": False, "trusted": False, "exact": False, "runner": None}


def load_strategy(
    source: bytes, origin: str, name: str | None = None, overrides: Mapping[str, str] | None = None
) -> Strategy:
    """Return the strategy that the bytes define, with its parameters set, in this process.

    `origin` is the path as shown; it is not read. `name` chooses among several strategies; by default it is the
    attribute `strategy`, or the only one. What is ours to say (baseline, trusted, exact, version, runner) is said by us
    whatever the file claims. Raises StrategyRefused, and the CallFailed of a guard that watches this process.
    """
    return with_parameters(choose(execute(source, origin), source, origin, name), source, origin, overrides or {})


def execute(source: bytes, origin: str) -> ModuleType:
    """Return the module that these bytes define. Raises StrategyRefused if they do not run to their end."""
    _demand_text(source, origin)
    try:
        tree = ast.parse(source, origin)
        code = compile(source, origin, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise refused(origin, error.lineno or 1, f"is not Python: {error.msg}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise refused(origin, 1, f"is not Python: {error}") from error
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            raise refused(origin, node.lineno, f"imports {'.' * node.level}{node.module or ''}; {_SELF_CONTAINED}")
    module = ModuleType(MODULE)
    module.__file__ = origin
    sys.modules[MODULE] = module
    try:
        exec(code, module.__dict__)  # noqa: S102 (the user's own file, which the user asked us to run)
    except CallFailed:
        raise
    except ImportError as error:
        raise refused(origin, line_of(error, origin), _missing(error)) from error
    except (Exception, SystemExit) as error:
        raise refused(origin, line_of(error, origin), _why(error)) from error
    return module


def _demand_text(source: bytes, origin: str) -> None:
    """Raise StrategyRefused for bytes that are not text in the encoding that the file declares, UTF-8 if in none.

    Python refuses such a file; from bytes in memory it takes it without a word if they stand in a comment.
    """
    try:
        encoding, _ = detect_encoding(BytesIO(source).readline)
    except SyntaxError:
        # The compiler says what is wrong with a declaration.
        encoding = "utf-8"
    try:
        source.decode(encoding)
    except UnicodeDecodeError as error:
        line = 1 + source[: error.start].count(b"\n")
        raise refused(
            origin,
            line,
            f"is not text in {encoding.upper()}; save the file as UTF-8, or declare its encoding in the first line, "
            "such as # -*- coding: latin-1 -*-",
        ) from error


_SELF_CONTAINED = (
    "a strategy's file stands alone, so that its hash says all: copy what it needs into it, or install it as a package"
)


def _missing(error: ImportError) -> str:
    if isinstance(error, LiesBeside):
        return f"imports {error.name}, which lies beside it; {_SELF_CONTAINED}"
    if isinstance(error, ModuleNotFoundError):
        return f"imports {error.name}, which is not installed beside TurboDMT; install it, or do without"
    return f"cannot import: {error}"


def _why(error: BaseException) -> str:
    """Return what went wrong; what `Strategy` says of its values is a sentence of its own."""
    if isinstance(error, SystemExit):
        return "ends the process; a strategy's file only defines"
    frames = extract_tb(error.__traceback__)
    if isinstance(error, ValueError) and frames and frames[-1].filename in (strategies.__file__, own_columns.__file__):
        return str(error)
    return f"raises {type(error).__name__}: {error}"


def choose(module: ModuleType, source: bytes, origin: str, name: str | None = None) -> Strategy:
    """Return the strategy of that name, or the attribute `strategy`, or the only one. Raises StrategyRefused."""
    values = vars(module)
    found = {id(value): value for value in values.values() if isinstance(value, Strategy)}
    line = _line_of_name(source, [key for key, value in values.items() if isinstance(value, Strategy)])
    names = [strategy.name for strategy in found.values()]
    twice = sorted({each for each in names if names.count(each) > 1})
    if not found:
        raise refused(origin, line, 'defines no strategy; end it with `strategy = Strategy(name="…", …)`')
    if twice:
        raise refused(origin, line, f"defines two strategies of the name {twice[0]}; give each a name of its own")
    if name is not None:
        if name not in names:
            raise refused(origin, line, f"defines no strategy {name}; it defines {', '.join(names)}")
        chosen = next(strategy for strategy in found.values() if strategy.name == name)
    elif isinstance(values.get(DEFAULT), Strategy):
        chosen = values[DEFAULT]
    elif len(found) == 1:
        (chosen,) = found.values()
    else:
        raise refused(origin, line, f"defines {', '.join(names)}; choose one, as {origin}:{names[0]}")
    return _ours(chosen, source, origin)


def _ours(chosen: Strategy, source: bytes, origin: str) -> Strategy:
    """Return the strategy with what is ours to say, whatever the file claims. Raises StrategyRefused."""
    line = _line_of_name(source, [chosen.name, DEFAULT])
    for role in ("signal", "signals", "inputs"):
        function = getattr(chosen, role)
        if function is not None and not callable(function):
            raise refused(origin, line, f"{role} of {chosen.name} is {function!r}; it must be a function")
    if chosen.parameters is not None and not are_parameters(chosen.parameters):
        raise refused(
            origin,
            line,
            f"parameters of {chosen.name} are {chosen.parameters!r}; they must be a value of a frozen dataclass",
        )
    for name, value in described(chosen.parameters).items():
        if isinstance(value, float) and not isfinite(value):
            raise refused(origin, line, f"parameter {name} of {chosen.name} is {value}; it must be a finite number")
    if chosen.learner is not None:
        _demand_a_learner(chosen, origin, line)
    given = {field.name: getattr(chosen, field.name) for field in fields(Strategy)}
    version = sha256(source).hexdigest()
    return Strategy(**{**given, **_OURS, "version": version, "origin": origin})


def _demand_a_learner(chosen: Strategy, origin: str, line: int) -> None:
    """Raise StrategyRefused unless the strategy's learner has all that a learner must have."""
    learner: object = chosen.learner
    for role in ("fit", "from_arrays"):
        if not callable(getattr(learner, role, None)):
            what = f"the learner of {chosen.name} has no function {role}; it must have prior, history_bars, fit and "
            raise refused(origin, line, f"{what}from_arrays")
    bars = getattr(learner, "history_bars", None)
    if type(bars) is bool or not isinstance(bars, Integral) or int(bars) < 1:
        what = f"history_bars of the learner of {chosen.name} is {bars!r}; it must be a whole number above 0"
        raise refused(origin, line, what)
    if not isinstance(getattr(learner, "prior", None), Strategy):
        raise refused(
            origin, line, f"the prior of the learner of {chosen.name} is no Strategy; give it the rule to beat"
        )


def with_parameters(strategy: Strategy, source: bytes, origin: str, texts: Mapping[str, str]) -> Strategy:
    """Return the strategy with these parameters set, each from its text. Raises StrategyRefused."""
    if not texts:
        return strategy
    try:
        return replace(strategy, parameters=with_values(strategy.parameters, texts))
    except CallFailed:
        raise
    except ValueError as error:
        line = _line_of_class(source, type(strategy.parameters).__name__)
        raise refused(origin, line, f"parameters of {strategy.name}: {error}") from error
    except Exception as error:
        raise refused(origin, line_of(error, origin), _why(error)) from error


def refused(origin: str, line: int, what: str) -> StrategyRefused:
    """Return the refusal of a file that cannot be loaded, in one sentence with its line."""
    sentence = " ".join(what.split())
    return StrategyRefused(origin, Fault(check=Check.NOT_LOADABLE, message=f"{origin}, line {line}: {sentence}"))


def line_of(error: BaseException, origin: str) -> int:
    """Return the line of the file on which the exception arose, 1 if on none."""
    lines = [frame.lineno for frame in extract_tb(error.__traceback__) if frame.filename == origin]
    return (lines[-1] if lines else None) or 1


def _first_line(source: bytes, matches: Callable[[ast.stmt], bool]) -> int:
    """Return the line of the last statement at the top that matches, 1 if none does."""
    return max((node.lineno for node in ast.parse(source).body if matches(node)), default=1)


def _line_of_name(source: bytes, names: list[str]) -> int:
    def assigns(node: ast.stmt) -> bool:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        return any(isinstance(target, ast.Name) and target.id in names for target in targets)

    return _first_line(source, assigns)


def _line_of_class(source: bytes, name: str) -> int:
    return _first_line(source, lambda node: isinstance(node, ast.ClassDef) and node.name == name)
