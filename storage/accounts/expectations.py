"""What an account's past has led to expect, frozen on its first day, and what its fills have paid beyond the open."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from storage.database import Connection, transaction
from storage.keyed_rows import Table, insert_once
from storage.typed_rows import read_all, read_first


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredExpectation:
    """An expectation in force from the day `begins_on`; `content` is canonical JSON, `sha256` its hash.

    `subject` names the strategy, terms and symbols that it holds for, `data_sha256` the bars that it was drawn from.
    """

    begins_on: date
    subject: str
    seed: int
    data_sha256: str
    code_version: str
    content: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Slippage:
    """What the fills of a day paid beyond the open, what the terms have them pay, and the money traded."""

    as_of: date
    realised: float
    modelled: float
    notional: float


_EXPECTATIONS = Table(
    name="expectations",
    key=("account", "begins_on"),
    values=("subject", "seed", "data_sha256", "code_version", "content", "sha256"),
)


def record(connection: Connection, account: str, expected: StoredExpectation) -> None:
    """Record the expectation; the same one again is a no-op. Raises LedgerConflict for another one of the same day."""
    row = (
        *(account, expected.begins_on, expected.subject, expected.seed, expected.data_sha256),
        *(expected.code_version, expected.content, expected.sha256),
    )
    with transaction(connection):
        insert_once(connection, _EXPECTATIONS, [row])


def newest(connection: Connection, account: str) -> StoredExpectation | None:
    """Return the newest expectation of the account; None if it has none."""
    return read_first(
        connection,
        StoredExpectation,
        "SELECT begins_on, subject, seed, data_sha256, code_version, content, sha256 FROM expectations "
        "WHERE account = ? ORDER BY begins_on DESC LIMIT 1",
        [account],
    )


def record_slippages(connection: Connection, account: str, days: Sequence[Slippage]) -> None:
    """Record what the fills of these days paid; a day written again, as fills may come late, replaces itself."""
    with transaction(connection):
        for day in days:
            connection.execute(
                "INSERT OR REPLACE INTO slippages VALUES (?, ?, ?, ?, ?)",
                [account, day.as_of, day.realised, day.modelled, day.notional],
            )


def slippages(connection: Connection, account: str, after: date, until: date) -> tuple[Slippage, ...]:
    """Return what fills paid on the days after one, up to another, oldest first."""
    return read_all(
        connection,
        Slippage,
        "SELECT as_of, realised, modelled, notional FROM slippages "
        "WHERE account = ? AND as_of > ? AND as_of <= ? ORDER BY as_of",
        [account, after, until],
    )
