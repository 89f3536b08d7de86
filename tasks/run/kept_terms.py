"""The terms that an account keeps: settings that are fixed when it opens, so that new defaults reach new ones only."""

import json
from collections.abc import Mapping
from datetime import date, timedelta
from types import MappingProxyType

from pydantic import JsonValue

from storage.accounts import terms as term_store
from storage.accounts.terms import TermsCause, TermsEntry
from storage.database import DATABASE_NAME, Connection, connect, transaction
from storage.ledger import order_lookup as order_history
from storage.ledger import positions as position_store
from tasks.run.job import Job
from tasks.run.trial_key import unread_financing

Terms = Mapping[str, JsonValue]

#: The settings that an account keeps, each with the value of accounts that opened before it was stored. A setting joins
#: them by its line here; it must be part of the policy that `flows.planning.plan.run_config` builds.
LEGACY: Terms = MappingProxyType(
    {
        "financing_rate": 0.05,
        "instruments": {},
        "rates": "bills",
        "borrow_spread": 0.015,
        "cash_spread": 0.005,
        "short_fee": 0.005,
        "volatility_estimator": "ewma",
        "rebalance_band": 0.0,
        "rebalance_every": "daily",
        "allocation": "inverse-vol",
        "base_currency": None,
    }
)
TERMS = tuple(LEGACY)


def terms_among(settings: str) -> dict[str, JsonValue]:
    """Return the terms among settings, given as JSON; one that these settings do not know has its legacy value.

    >>> terms_among('{"financing_rate": 0.02, "seed": 7}')["financing_rate"], terms_among("{}")["financing_rate"]
    (0.02, 0.05)
    """
    known = json.loads(settings)
    return {name: known.get(name, value) for name, value in LEGACY.items()}


def canonical(terms: Terms) -> str:
    """Return the terms as canonical JSON."""
    return json.dumps(dict(terms), sort_keys=True)


def in_words(terms: Terms) -> str:
    """Return the terms in force as a person reads them: beside a flat rate of financing the dated ones are not read.

    >>> in_words({"financing_rate": 0.05, "rates": "bills", "allocation": "equal"})
    'financing_rate 0.05, allocation equal'
    >>> in_words({"financing_rate": None, "rates": "bills"})
    'rates bills'
    """
    unread = unread_financing(terms)
    return ", ".join(f"{name} {_told(value)}" for name, value in terms.items() if name not in unread)


def changed(before: Terms, after: Terms) -> str:
    """Return which terms differ, and how, as a person reads it; empty if none do.

    >>> changed(LEGACY, {**LEGACY, "financing_rate": 0.02})
    'financing_rate from 0.05 to 0.02'
    """
    return ", ".join(
        f"{name} from {_told(before[name])} to {_told(after[name])}" for name in TERMS if before[name] != after[name]
    )


def _told(value: JsonValue) -> str:
    if isinstance(value, dict) and value:
        return "; ".join(
            f"{name}.{_told(part)}" if isinstance(part, dict) else f"{name} {part}" for name, part in value.items()
        )
    return "none" if value in (None, {}) else str(value)


def terms_on(store: Connection, account: str, day: date) -> dict[str, JsonValue]:
    """Return the terms in force on a day of the account.

    Before its first entry they are those of the run that decided the day, and else the legacy ones.
    """
    entry = term_store.in_force(store, account, day)
    if entry is not None:
        return terms_among(entry.terms)
    return terms_among(order_history.settings_behind(store, account, day) or "{}")


def newest_terms(store: Connection, account: str) -> dict[str, JsonValue] | None:
    """Return the terms of the account's next day; None if it has not opened."""
    entry = term_store.newest(store, account)
    if entry is not None:
        return terms_among(entry.terms)
    last = last_settled(store, account)
    return None if last is None else terms_on(store, account, last)


def last_settled(store: Connection, account: str) -> date | None:
    """Return the account's last settled day; None if it has not opened."""
    snapshot = position_store.latest_snapshot(store, account)
    return snapshot.account.as_of if snapshot else None


def open_with_terms(store: Connection, job: Job, opening: date) -> None:
    """Record the terms with which the job's account opens; call it in the transaction that records its first day."""
    if job.terms:
        entry = TermsEntry(
            in_force_from=opening,
            recorded_on=opening,
            cause=TermsCause.OPENED,
            terms=job.terms,
            before=None,
            reason="the account opened",
        )
        term_store.record(store, job.account, entry)


def keep_terms(store: Connection, job: Job) -> None:
    """Record the terms that the job wants from the account's first unsettled day on, if they differ from those kept.

    An account of before gets its terms of before as an entry first, in force on its last day.
    """
    last = last_settled(store, job.account)
    if last is None or not job.terms:
        return
    change_terms(store, job.account, json.loads(job.terms), (TermsCause.GIVEN, "given to a run"), job.as_of)


def change_terms(
    store: Connection, account: str, wanted: Terms, why: tuple[TermsCause, str], recorded_on: date
) -> TermsEntry | None:
    """Record terms in force from the day after the account's last; return the entry, or None if they are kept already.

    The account must have opened.
    """
    last, kept = last_settled(store, account), newest_terms(store, account)
    assert last is not None, "the account has opened"
    assert kept is not None, "the account has opened"
    with transaction(store):
        if term_store.newest(store, account) is None:
            reason = "the account opened before terms were stored"
            first = TermsEntry(
                in_force_from=last,
                recorded_on=last,
                cause=TermsCause.BEFORE,
                terms=canonical(kept),
                before=None,
                reason=reason,
            )
            term_store.record(store, account, first)
        if not changed(kept, wanted):
            return None
        entry = TermsEntry(
            in_force_from=last + timedelta(days=1),
            recorded_on=recorded_on,
            cause=why[0],
            terms=canonical(wanted),
            before=canonical(kept),
            reason=why[1],
        )
        term_store.record(store, account, entry)
    return entry


def changes_given(store: Connection, account: str, after: date, until: date) -> tuple[str, ...]:
    """Return a sentence for each change of terms that runs were given from the day after `after` to `until`."""
    return tuple(
        f"the terms of account {account} change from {entry.in_force_from} on: "
        f"{changed(terms_among(entry.before), terms_among(entry.terms))}, as given; the account keeps them from then on"
        for entry in term_store.entries(store, account)
        if entry.cause is TermsCause.GIVEN and entry.before is not None and after < entry.recorded_on <= until
    )


def not_taken(job: Job) -> tuple[str, ...]:
    """Return a warning if a job of which nothing is left to do wants other terms than its account keeps."""
    if not job.terms or not (job.home / DATABASE_NAME).is_file():
        return ()
    with connect(job.home) as store:
        kept = newest_terms(store, job.account)
    wanted = json.loads(job.terms)
    if kept is None or not changed(kept, wanted):
        return ()
    return (
        f"account {job.account} keeps its terms, since no new day was run: nothing changed {changed(kept, wanted)}; "
        "give the same to its next day",
    )
