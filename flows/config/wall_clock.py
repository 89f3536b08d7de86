"""The wall clock, read only here."""

from datetime import UTC, datetime


def clock() -> datetime:
    """Return the current time in UTC; the only place where the wall clock is read."""
    return datetime.now(tz=UTC)
