"""The version of a strategy that an account trades: what was tested is what trades, until a person accepts a change."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path

from storage.database import DATABASE_NAME, connect
from storage.ledger import days as ledger
from storage.strategies import copies, registrations
from storage.strategies.registrations import Binding, Registration
from strategy.exit_codes import UsageError
from strategy.signals.strategies import Strategy, sizing_of
from tasks.run.job import Job
from tasks.strategies.spelling import is_file

FIRST_RUN = "first run"


class StrategyChanged(UsageError):
    """A strategy that is not the version that the account is bound to (exit 2)."""


def parameters_json(strategy: Strategy) -> str:
    """Return the strategy's parameters as canonical JSON; `{}` without any."""
    parameters = strategy.parameters
    assert parameters is None or is_dataclass(parameters), "checked when it was loaded"
    known = asdict(parameters) if is_dataclass(parameters) and not isinstance(parameters, type) else {}
    return json.dumps(known, sort_keys=True)


def in_words(parameters: str) -> str:
    """Return parameters, given as canonical JSON, as a person writes them.

    >>> in_words('{"fast": 20, "slow": 100}'), in_words("{}")
    ('fast=20, slow=100', 'no parameters')
    """
    return ", ".join(f"{name}={value}" for name, value in json.loads(parameters).items()) or "no parameters"


def in_full(strategy: Strategy) -> str:
    """Return the strategy's name, and of one of the user's own its parameters, version and file, as a report says.

    Sleeves follow the name one by one, where any of them has more than a name.
    """
    if strategy.sleeves:
        parts = "; ".join(map(in_full, strategy.parts))
        return strategy.name if parts == "; ".join(map(str, strategy.parts)) else f"{strategy.name}: {parts}"
    parameters = parameters_json(strategy)
    given = "" if parameters == "{}" else f" with {in_words(parameters)}"
    return f"{strategy.name}{given}" + (
        f", version {strategy.version} of {strategy.origin}" if strategy.version else ""
    )


def bound(home: Path, account: str, name: str) -> Binding | None:
    """Return the binding of the account to the strategy of that name; None if it never traded it."""
    if not (home / DATABASE_NAME).is_file():
        return None
    with connect(home) as store:
        return registrations.binding(store, account, name)


def bound_parameters(found: Binding | None, given: Mapping[str, str]) -> Mapping[str, str]:
    """Return the parameters given, or without any those of the binding, as text."""
    if given or found is None:
        return given
    return {name: str(value) for name, value in json.loads(found.parameters).items()}


def demand_one_file(home: Path, strategy: Strategy) -> None:
    """Raise UsageError if another file, which is still there, has given this home a strategy of the same name."""
    known = _newest(home, strategy.name)
    if known is None or not strategy.version or known.sha256 == strategy.version:
        return
    if known.origin != resolved(strategy.origin) and Path(known.origin).exists():
        raise UsageError(
            f"strategy {strategy.name} of this home is that of {known.origin}, and {strategy.origin} has one of the "
            "same name; name yours differently, or delete the other file if this one takes its place"
        )


def resolved(path: str) -> str:
    """Return the path of a strategy's file as it is registered: whole, links followed."""
    return str(Path(path).expanduser().resolve())


def _newest(home: Path, name: str) -> Registration | None:
    if not (home / DATABASE_NAME).is_file():
        return None
    with connect(home) as store:
        return next(iter(registrations.versions(store, name)), None)


def _acceptable(home: Path, strategy: Strategy, found: Binding) -> str:
    """Return what `strategies accept` is to be given: the name, or the file if it is not the one of that binding."""
    with connect(home) as store:
        known = registrations.versions(store, strategy.name)
    origins = {version.origin for version in known if version.sha256 == found.sha256}
    origins.update(version.origin for version in known[:1])
    moved = bool(origins - {resolved(strategy.origin)})
    return shlex.quote(strategy.origin) if moved else strategy.name


def demand_bound(home: Path, account: str, strategy: Strategy) -> None:
    """Raise StrategyChanged if the account is bound to another version, other parameters or another sizing.

    Of a strategy with sleeves that goes for each of them.
    """
    for part in strategy.parts:
        _demand_bound(home, account, part)


def _demand_bound(home: Path, account: str, strategy: Strategy) -> None:
    found = bound(home, account, strategy.name)
    if found is None or not strategy.version:
        return
    parameters, sizing = parameters_json(strategy), str(sizing_of(strategy))
    if (strategy.version, parameters, sizing) == (found.sha256, found.parameters, found.sizing):
        return
    accept = (
        f"accept the change with `turbodmt strategies accept {_acceptable(home, strategy, found)} --account {account}"
    )
    if strategy.version != found.sha256:
        kept = f"name the strategy alone, --strategy {strategy.name}, to go on with the bound one"
        raise StrategyChanged(
            f"account {account} is bound to version {found.sha256[:12]} of strategy {strategy.name}, since "
            f"{found.since_when}, and {strategy.origin} is {strategy.version[:12]} now; {accept} --reason "
            f"TEXT`, or {kept if is_file(strategy.origin) else 'install the bound version of its package again'}"
        )
    if sizing != found.sizing:
        raise StrategyChanged(
            f"account {account} is bound to the sizing {found.sizing} of strategy {strategy.name}, since "
            f"{found.since_when}, and it has {sizing} now; {accept} --reason TEXT`"
        )
    options = "".join(f" --set {shlex.quote(f'{name}={value}')}" for name, value in json.loads(parameters).items())
    raise StrategyChanged(
        f"account {account} is bound to strategy {strategy.name} with {in_words(found.parameters)}, since "
        f"{found.since_when}, and this run gives it {in_words(parameters)}; {accept}{options} --reason TEXT`, "
        f"or name the strategy alone, --strategy {strategy.name} without --set of a parameter, to go on as before"
    )


def bind(job: Job) -> None:
    """Bind the job's account to its strategy, unless it is bound already or the strategy is built in.

    Of a strategy with sleeves each is bound by itself.
    """
    for part in job.policy.strategy.parts:
        _bind(job, part)


def _bind(job: Job, strategy: Strategy) -> None:
    if not strategy.version:
        return
    made = Binding(
        account=job.account,
        name=strategy.name,
        sha256=strategy.version,
        parameters=parameters_json(strategy),
        sizing=str(sizing_of(strategy)),
        reason=FIRST_RUN,
        bound_at=job.now,
        since=job.as_of,
    )
    with connect(job.home) as store:
        if registrations.binding(store, job.account, strategy.name) is None:
            registrations.bind(store, made)


def other_strategy(job: Job) -> tuple[str, ...]:
    """Return a warning if another strategy decided the account's last day, and either is the user's own."""
    with connect(job.home) as store:
        before = ledger.provenance_before(store, job.account, job.as_of)
    strategy = job.policy.strategy
    if before is None or before.strategy == strategy.name or not (before.strategy_sha256 or strategy.version):
        return ()
    return (
        f"account {job.account} was traded by {before.strategy} before {job.as_of}, and is traded by {strategy.name} "
        f"from then on; if that was not meant, name --strategy {before.strategy} again, or another --account",
    )


def changed_file(strategy: Strategy) -> tuple[str, ...]:
    """Return a warning for the strategy, or each of its sleeves, whose file is not the version in use, or is gone."""
    if strategy.sleeves:
        return tuple(sentence for part in strategy.parts for sentence in changed_file(part))
    if not strategy.version or not Path(strategy.origin).is_absolute():
        return ()
    try:
        current = copies.digest(Path(strategy.origin).read_bytes())
    except OSError:
        return (f"{strategy.origin} cannot be read; {strategy.name} goes on with the copy {strategy.version[:12]}",)
    if current == strategy.version:
        return ()
    return (
        f"{strategy.origin} has changed to {current[:12]}; {strategy.name} goes on with the bound version "
        f"{strategy.version[:12]} until `turbodmt strategies accept {strategy.name} --reason TEXT`",
    )
