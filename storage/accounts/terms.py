"""The terms of an account as dated entries: each in force from its day until the next entry, and none ever changed."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from storage.database import Connection, transaction
from storage.typed_rows import read_all, read_first


class TermsCause(StrEnum):
    """The reason for an entry, for code that branches on it.

    OPENED: the account opened with these terms. BEFORE: it opened before terms were stored. GIVEN: a run was given
    another value. ADOPTED: a person took the present defaults over.
    """

    OPENED = "opened"
    BEFORE = "before"
    GIVEN = "given"
    ADOPTED = "adopted"


@dataclass(frozen=True, slots=True, kw_only=True)
class TermsEntry:
    """Terms in force from a day on: `terms` and `before`, those they replace (None: none), are canonical JSON.

    `recorded_on` is the day of the run that gave them, or the account's last day at that time.
    """

    in_force_from: date
    recorded_on: date
    cause: TermsCause
    terms: str
    before: str | None
    reason: str


_SELECT = "SELECT in_force_from, recorded_on, cause, terms, before, reason FROM account_terms WHERE account = ? "


def entries(connection: Connection, account: str) -> tuple[TermsEntry, ...]:
    """Return the entries of the account, oldest first."""
    return read_all(connection, TermsEntry, _SELECT + "ORDER BY number", [account])


def newest(connection: Connection, account: str) -> TermsEntry | None:
    """Return the newest entry of the account, in force or not yet; None without any."""
    return read_first(connection, TermsEntry, _SELECT + "ORDER BY number DESC LIMIT 1", [account])


def in_force(connection: Connection, account: str, day: date) -> TermsEntry | None:
    """Return the entry in force on the day; None if all are later, or there are none."""
    select = _SELECT + "AND in_force_from <= ? ORDER BY number DESC LIMIT 1"
    return read_first(connection, TermsEntry, select, [account, day])


def record(connection: Connection, account: str, entry: TermsEntry) -> None:
    """Add the entry as the account's newest."""
    with transaction(connection):
        connection.execute(
            "INSERT INTO account_terms SELECT $account, 1 + coalesce(max(number), 0), $in_force_from, $recorded_on, "
            "$cause, $terms, $before, $reason FROM account_terms WHERE account = $account",
            {
                "account": account,
                "in_force_from": entry.in_force_from,
                "recorded_on": entry.recorded_on,
                "cause": str(entry.cause),
                "terms": entry.terms,
                "before": entry.before,
                "reason": entry.reason,
            },
        )
