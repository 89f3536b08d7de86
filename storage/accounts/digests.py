"""Digests: each day's message on an account, claimed once before it is sent."""

from dataclasses import dataclass
from datetime import date, datetime

from storage.database import Connection
from storage.typed_rows import read_all, read_first


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedDigest:
    """The message on a day: when it was claimed, and when it had been sent; None if it may not have been."""

    as_of: date
    subject: str
    body: str
    claimed_at: datetime
    sent_at: datetime | None = None


_SELECT = "SELECT as_of, subject, body, claimed_at, sent_at FROM digests WHERE account = ? "


def claim(connection: Connection, account: str, digest: RecordedDigest) -> bool:
    """Record the digest as about to be sent; return False, changing nothing, if the day's was claimed before."""
    values = [account, digest.as_of, digest.subject, digest.body, digest.claimed_at]
    claimed = connection.execute(
        "INSERT INTO digests (account, as_of, subject, body, claimed_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        values,
    ).fetchone()
    return bool(claimed and claimed[0])


def mark_sent(connection: Connection, account: str, as_of: date, at: datetime) -> None:
    """Record that the claimed digest of the day has been sent."""
    connection.execute("UPDATE digests SET sent_at = ? WHERE account = ? AND as_of = ?", [at, account, as_of])


def on_day(connection: Connection, account: str, as_of: date) -> RecordedDigest | None:
    """Return the day's digest; None if none was claimed."""
    return read_first(connection, RecordedDigest, _SELECT + "AND as_of = ?", [account, as_of])


def unsent(
    connection: Connection, account: str, *, claimed_after: datetime, claimed_before: datetime
) -> tuple[RecordedDigest, ...]:
    """Return the digests claimed between the instants that were not sent, nor was any later one; by day."""
    return read_all(
        connection,
        RecordedDigest,
        "SELECT as_of, subject, body, claimed_at, sent_at FROM digests WHERE account = $account AND sent_at IS NULL "
        "AND claimed_at > $after AND claimed_at < $before AND as_of > coalesce((SELECT max(as_of) FROM digests "
        "WHERE account = $account AND sent_at IS NOT NULL), DATE '0001-01-01') ORDER BY as_of",
        {"account": account, "after": claimed_after, "before": claimed_before},
    )
