"""The wall clock, read here and nowhere else."""

from datetime import UTC, datetime


def clock() -> datetime:
    """Now, in UTC: the one place where the wall clock is read."""
    return datetime.now(tz=UTC)
