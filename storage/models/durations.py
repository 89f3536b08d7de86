"""Durations of trainings as measured on this machine, by the kind of training: they foretell those of the next."""

from datetime import date, datetime

from storage.database import Connection, transaction
from storage.typed_rows import scalar

#: The newest trainings of a kind, whose median is the estimate.
NEWEST = 5


def record(connection: Connection, kind: str, trained_to: date, seconds: float, at: datetime) -> None:
    """Record how long a training took; that of the same kind and day is replaced. `at` is timezone-aware."""
    with transaction(connection):
        connection.execute(
            "INSERT OR REPLACE INTO training_durations VALUES (?, ?, ?, ?)", [kind, trained_to, seconds, at]
        )


def usual_s(connection: Connection, kind: str) -> float | None:
    """Return the median duration in seconds of the newest trainings of this kind; None if none was measured."""
    return scalar(
        connection,
        float,
        "SELECT median(seconds) FROM (SELECT seconds FROM training_durations WHERE kind = ? "
        "ORDER BY measured_at DESC, trained_to DESC LIMIT ?)",
        [kind, NEWEST],
    )
