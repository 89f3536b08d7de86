"""Strategies by name or file: built in, of an installed package, in a file, or in a version that the home keeps."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from storage.database import DATABASE_NAME, connect
from storage.strategies import copies, registrations
from storage.strategies.registrations import Binding, Registration
from strategy.builtin.registry import BUILT_IN
from strategy.exit_codes import UsageError
from strategy.signals.faults import Check, Fault, StrategyRefused
from strategy.signals.sleeves import BY_RISK, WEIGHTS, combined
from strategy.signals.strategies import Sleeve, Strategy
from tasks.strategies.binding import bound, bound_parameters, demand_one_file, resolved
from tasks.strategies.packages import installed, of_package
from tasks.strategies.spelling import SUFFIX, file_and_name, is_file, odd_weight, sleeves_in
from tasks.strategy_process.opening import open_strategy
from tasks.strategy_process.parameter_values import WrongParameter, with_values
from tasks.strategy_process.runner import ChildRunner


def chosen(home: Path, spec: str, parameters: Mapping[str, str], account: str = "") -> Strategy:
    """Return the strategy of a name or of a file, with these parameters.

    A name means one that is built in, one of an installed package, the version that the account is bound to, or else
    the newest one that was registered in the home. Sleeves are combined; a parameter of one is named after it, as in
    `rules.fast`. Raises StrategyRefused, UsageError.
    """
    if sleeves_in(spec):
        return _of_sleeves(home, spec, parameters, account)
    if is_file(spec):
        return of_file(spec, parameters)
    odd = odd_weight(spec)
    if odd is not None:
        raise _not_combinable(f"the weight of {odd[0]} is {odd[1]!r}; {WEIGHTS}")
    if "=" in spec or "+" in spec:
        raise UsageError(
            f"--strategy is {spec!r}; sleeves are written NAME=WEIGHT and joined by +, as in rules=0.5+momentum=0.5, "
            f"with a number or {BY_RISK} for each weight"
        )
    return of_name(home, spec, parameters, account)


def _of_sleeves(home: Path, spec: str, parameters: Mapping[str, str], account: str) -> Strategy:
    """Return the strategies of the sleeves, combined. Raises StrategyRefused, UsageError."""
    sleeves = []
    for name, weight in sleeves_in(spec):
        strategy = chosen(home, name, {}, account)
        own = parameters_of(strategy.name, parameters)
        sleeve = chosen(home, name, own, account) if own else strategy
        sleeves.append(Sleeve(strategy=sleeve, weight=None if weight == BY_RISK else float(weight)))
    names = {sleeve.strategy.name for sleeve in sleeves}
    for parameter in parameters:
        if parameter.partition(".")[0] not in names:
            raise UsageError(
                f"the parameter {parameter} names none of the sleeves {', '.join(sorted(names))}; write the sleeve "
                f"before it, as in --set {min(names)}.{parameter.rpartition('.')[2]}={parameters[parameter]}"
            )
    return combination(sleeves)


def combination(sleeves: Sequence[Sleeve]) -> Strategy:
    """Return the sleeves combined. Raises UsageError for sleeves that cannot be, see `combined`."""
    try:
        return combined(sleeves)
    except ValueError as error:
        raise _not_combinable(str(error)) from error


def _not_combinable(why: str) -> UsageError:
    return UsageError(f"--strategy names sleeves that one account cannot have: {why}")


def parameters_of(name: str, parameters: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters of a sleeve by their own names, of those that are named after it.

    >>> parameters_of("rules", {"rules.fast": "20", "momentum.slow": "100"})
    {'fast': '20'}
    """
    split = ((parameter.partition("."), value) for parameter, value in parameters.items())
    return {own: value for (sleeve, _, own), value in split if sleeve == name and own}


def of_file(spec: str, parameters: Mapping[str, str]) -> Strategy:
    """Return the strategy in a file. Raises StrategyRefused, UsageError for a file that cannot be read."""
    path, name = file_and_name(spec)
    strategy = open_strategy(read(path), path, name, parameters)
    if strategy.name in taken_names():
        raise StrategyRefused(
            strategy.name,
            Fault(
                check=Check.NOT_LOADABLE,
                message=f"{path} names its strategy {strategy.name}, as one that is built in or of an installed "
                "package is named; choose another name",
            ),
        )
    return strategy


def read(path: str) -> bytes:
    """Return the bytes of a strategy's file. Raises UsageError."""
    place = Path(path).expanduser()
    if not path.endswith(SUFFIX) and not place.is_dir():
        raise UsageError(f"--strategy {path} is no Python file; name a file such as trend.py")
    try:
        if place.stat().st_size > copies.MOST_BYTES:
            raise UsageError(f"--strategy {path} has {place.stat().st_size:,} bytes; at most {copies.MOST_BYTES:,}")
        return place.read_bytes()
    except IsADirectoryError as error:
        raise UsageError(f"--strategy {path} is a folder; name the file in it") from error
    except OSError as error:
        raise UsageError(f"--strategy {path} cannot be read: {error.strerror}; name a file such as trend.py") from error


def taken_names() -> frozenset[str]:
    """Return the names of the strategies that are built in or of installed packages."""
    return frozenset(BUILT_IN) | frozenset(installed())


def of_name(home: Path, name: str, parameters: Mapping[str, str], account: str = "") -> Strategy:
    """Return the strategy of that name. Raises UsageError for an unknown one, StrategyRefused for one that fails."""
    if name in BUILT_IN:
        return _with(BUILT_IN[name], parameters)
    if name in installed():
        known = bound(home, account, name)
        return _with(of_package(installed()[name]), bound_parameters(known, parameters))
    found = bound(home, account, name)
    version = _version(home, name, found)
    if version is None:
        raise UsageError(_unknown(home, name))
    chosen_parameters = bound_parameters(found, parameters)
    return open_strategy(copies.load(home, version.sha256), version.origin, name, chosen_parameters)


def with_parameters(strategy: Strategy, parameters: Mapping[str, str]) -> Strategy:
    """Return the strategy with these parameters, each from its text, and the others as they are.

    Raises UsageError or StrategyRefused for one that it lacks, or whose text is not of its type.
    """
    runner = strategy.runner
    if not parameters or not isinstance(runner, ChildRunner):
        return _with(strategy, parameters)
    file, every = runner.file, {**dict(runner.overrides), **parameters}
    return open_strategy(file.source, file.origin, file.name, every, file.limits)


def of_version(home: Path, name: str, sha256: str | None, parameters: Mapping[str, str]) -> Strategy:
    """Return the strategy of that name in a kept version, None for one that is built in.

    Raises UsageError, StrategyRefused.
    """
    if sha256 is None:
        return BUILT_IN[name]
    if name in installed():
        strategy = of_package(installed()[name])
        if strategy.version != sha256:
            raise UsageError(
                f"this was decided by version {sha256[:12]} of strategy {name}, of an installed package that has been "
                f"replaced by {strategy.version[:12]}; install that version again"
            )
        return _with(strategy, parameters)
    origin = next((version.origin for version in _versions(home, name) if version.sha256 == sha256), name)
    return open_strategy(copies.load(home, sha256), origin, name, parameters)


def as_recorded(home: Path, name: str, sha256: str | None, settings: Mapping[str, Any]) -> Strategy:
    """Return the strategy that decided a day, in the version on record, by the settings of that day's run.

    Raises UsageError, StrategyRefused.
    """
    if not sleeves_in(name):
        given = {parameter: str(value) for parameter, value in settings.get("parameters", {}).items()}
        return of_version(home, name, sha256, given)
    described: Mapping[str, Any] = settings.get("sleeves", {})
    sleeves = []
    for sleeve, weight in sleeves_in(name):
        own = described.get(sleeve, {})
        given = {parameter: str(value) for parameter, value in own.get("parameters", {}).items()}
        strategy = of_version(home, sleeve, own.get("strategy_sha256"), given)
        sleeves.append(Sleeve(strategy=strategy, weight=None if weight == BY_RISK else float(weight)))
    return combination(sleeves)


def origin_of(home: Path, sha256: str) -> str | None:
    """Return where the file of that version lay when it was registered last; None if it never was."""
    return next((version.origin for version in _versions(home) if version.sha256 == sha256), None)


def register(home: Path, strategy: Strategy, at: datetime) -> None:
    """Keep a copy of the strategy's file in the home, and its version as the newest of its name.

    A strategy without a file is known by its name already.
    Raises UsageError if the file is not the one that was loaded.
    """
    if strategy.name in taken_names():
        return
    path = strategy.origin
    demand_one_file(home, strategy)
    source = read(path)
    if copies.digest(source) != strategy.version:
        raise UsageError(f"{path} was changed while it was being read; run the command again")
    copies.save(home, source)
    made = Registration(name=strategy.name, sha256=strategy.version, origin=resolved(path), registered_at=at)
    with connect(home) as store:
        registrations.register(store, made)


def _with(strategy: Strategy, parameters: Mapping[str, str]) -> Strategy:
    """Return the strategy with these parameters, each from its text. Raises UsageError for one that it lacks."""
    try:
        return replace(strategy, parameters=with_values(strategy.parameters, parameters))
    except WrongParameter as error:
        raise UsageError(f"strategy {strategy.name}: {error}; leave it out") from error


def _versions(home: Path, name: str | None = None) -> tuple[Registration, ...]:
    if not (home / DATABASE_NAME).is_file():
        return ()
    with connect(home) as store:
        return registrations.versions(store, name)


def _version(home: Path, name: str, found: Binding | None) -> Registration | None:
    """Return the version that the account is bound to, else the newest one; None if there is none."""
    known = _versions(home, name)
    if found is None:
        return known[0] if known else None
    return next((version for version in known if version.sha256 == found.sha256), None)


def _unknown(home: Path, name: str) -> str:
    names = [*BUILT_IN, *installed(), *dict.fromkeys(version.name for version in _versions(home))]
    close = get_close_matches(name, names, n=1)
    remedy = f"did you mean {close[0]}?" if close else f"known are {', '.join(names)}"
    return f"--strategy is {name!r}, which is neither a known strategy nor a file such as trend.py; {remedy}"
