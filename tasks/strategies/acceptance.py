"""Acceptance of a changed strategy: its new version is audited, then the accounts are bound to it."""

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

from pydantic import JsonValue

from storage.database import connect
from storage.ledger import days as ledger
from storage.strategies import copies, registrations
from storage.strategies.registrations import Binding, Registration
from strategy.exit_codes import UsageError
from strategy.signals.strategies import Strategy, sizing_of
from tasks.run.answers import Answer
from tasks.strategies.audit_gate import Subject, demand_audited
from tasks.strategies.binding import bound_parameters, demand_one_file, parameters_json, resolved
from tasks.strategies.catalogue import of_file, of_name, of_version, read, register, taken_names
from tasks.strategies.spelling import file_and_name, is_file


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """A person's wish to let accounts trade a changed strategy: all that are bound to it if `account` is None.

    `parameters` are text by name. What else was set for the account stays set, and all others are those of the file as
    it is now.
    """

    name: str
    account: str | None
    reason: str
    parameters: Mapping[str, str]
    at: datetime


class PreviousVersionAnswer(Answer):
    """The version that an account was bound to until now, and where its file lay; `gone` if it is there no more."""

    sha256: str
    origin: str
    gone: bool


class AcceptedAnswer(Answer):
    """The answer of `turbodmt strategies accept`: the version that the accounts are bound to now, and its file.

    `parameters` has those of each account, `previous` what it was bound to before.
    """

    name: str
    sha256: str
    origin: str
    previous: dict[str, PreviousVersionAnswer]
    accounts: tuple[str, ...]
    parameters: dict[str, dict[str, JsonValue]]
    reason: str
    changed: bool


def accept_change(home: Path, wanted: Acceptance, notify: Callable[[str], None]) -> AcceptedAnswer:
    """Audit the strategy's file as it is now on each account's symbols, then bind the accounts to it.

    Nothing is bound unless all audits pass. Raises UsageError, StrategyRefused.
    """
    if not wanted.reason.strip():
        raise UsageError(f"--reason is {wanted.reason!r}; say in a few words why, for whoever reads it later")
    file = wanted.name if is_file(wanted.name) else ""
    if file:
        wanted = replace(wanted, name=of_file(file, {}).name)
    with connect(home) as store:
        known = registrations.bindings(store, wanted.name)
        versions = registrations.versions(store, wanted.name)
    chosen = [binding for binding in known if wanted.account in (None, binding.account)]
    if not chosen:
        trading = ", ".join(binding.account for binding in known)
        raise UsageError(
            f"no account {wanted.account or ''} is bound to a strategy {wanted.name}; "
            + (f"those bound to it are {trading}" if trading else "`turbodmt strategies` lists strategies and accounts")
        )
    previous = {binding.account: _previous(binding, versions) for binding in chosen}
    if not file and wanted.name not in taken_names():
        _demand_same_file(wanted, versions[0], previous)
    origin = file_and_name(file)[0] if file else versions[0].origin if versions else ""
    spec = file or f"{origin}:{wanted.name}"
    made = [_audited(home, binding, wanted, spec, notify) for binding in chosen]
    changed = [after for before, after in zip(chosen, made, strict=True) if not before.same_rule(after)]
    with connect(home) as store:
        for binding in changed:
            registrations.bind(store, binding)
    return AcceptedAnswer(
        name=wanted.name,
        sha256=made[0].sha256,
        origin=resolved(origin) if origin else "",
        previous=previous,
        accounts=tuple(binding.account for binding in made),
        parameters={binding.account: json.loads(binding.parameters) for binding in made},
        reason=wanted.reason.strip(),
        changed=bool(changed),
    )


def _previous(binding: Binding, versions: Sequence[Registration]) -> PreviousVersionAnswer:
    """Return the version of a binding, with the file that gave it; of a package it has none."""
    origin = next((version.origin for version in versions if version.sha256 == binding.sha256), "")
    return PreviousVersionAnswer(sha256=binding.sha256, origin=origin, gone=bool(origin) and not Path(origin).exists())


def _demand_same_file(wanted: Acceptance, newest: Registration, previous: Mapping[str, PreviousVersionAnswer]) -> None:
    """Raise UsageError if the name stands for another file than an account's: only its path says what is meant."""
    others = [account for account, before in previous.items() if before.origin != newest.origin]
    if not others:
        return
    account, before = others[0], previous[others[0]]
    now = newest.sha256 if not Path(newest.origin).is_file() else copies.digest(read(newest.origin))
    accept = f"`turbodmt strategies accept {shlex.quote(newest.origin)} --account {account} --reason TEXT`"
    rest = "" if wanted.account else ", or name one of the other accounts with --account"
    raise UsageError(
        f"`strategies accept {wanted.name}` would take account {account} {from_to(before, newest.origin, now)}; if "
        f"that is meant, give the file, {accept}; if not, --strategy {wanted.name} goes on with the version that the "
        f"account is bound to{rest}"
    )


def from_to(before: PreviousVersionAnswer, origin: str, sha256: str) -> str:
    """Return in words from which file and version an account goes to which.

    >>> gone = PreviousVersionAnswer(sha256="ab" * 32, origin="/me/moved.py", gone=True)
    >>> from_to(gone, "/me/other.py", "cd" * 32)
    'from /me/moved.py (gone), version abababababab, to /me/other.py, version cdcdcdcdcdcd'
    """
    gone = " (gone)" if before.gone else ""
    return f"from {before.origin}{gone}, version {before.sha256[:12]}, to {origin}, version {sha256[:12]}"


def _changed(home: Path, before: Binding, wanted: Acceptance, spec: str) -> Strategy:
    """Return the strategy in the file as it is now, with what was set for the account and what is given now."""
    strategy = of_file(spec, {})
    known = json.loads(parameters_json(strategy))
    defaults = json.loads(parameters_json(of_version(home, wanted.name, before.sha256, {})))
    kept = {
        name: str(value)
        for name, value in json.loads(before.parameters).items()
        if name in known and value != defaults.get(name)
    }
    texts = {**kept, **wanted.parameters}
    return of_file(spec, texts) if texts else strategy


def _audited(home: Path, before: Binding, wanted: Acceptance, spec: str, notify: Callable[[str], None]) -> Binding:
    """Return the new binding of an account, after the audit on its source and symbols."""
    if wanted.name in taken_names():
        strategy = of_name(home, wanted.name, bound_parameters(before, wanted.parameters))
    else:
        strategy = _changed(home, before, wanted, spec)
        demand_one_file(home, strategy)
    with connect(home) as store:
        source, symbols = ledger.newest_panel(store, before.account)
        newest = ledger.last_decided(store, before.account, before=date.max)
    if source is not None:
        subject = Subject(home=home, source=source, symbols=symbols, strategy=strategy, at=wanted.at)
        demand_audited(subject, notify)
    register(home, strategy, wanted.at)
    return Binding(
        account=before.account,
        name=strategy.name,
        sha256=strategy.version,
        parameters=parameters_json(strategy),
        sizing=str(sizing_of(strategy)),
        reason=wanted.reason.strip(),
        bound_at=wanted.at,
        since=newest or before.since,
    )
