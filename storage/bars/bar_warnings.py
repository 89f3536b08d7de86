"""Warnings of the data gate on published bars, shown in each answer that uses the bar."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from storage.database import Connection, transaction
from storage.typed_rows import column, read_all
from strategy.market.findings import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingWarning:
    """A warning on a published bar; `accepted` is a person's reason if only that let the bar through, else empty."""

    finding: Finding
    accepted: str = ""


def record_warnings(
    connection: Connection, key: tuple[str, str], judged: Iterable[date], found: Sequence[Finding], noted_at: datetime
) -> None:
    """Record the findings on the bars of the judged dates of a (source, symbol), replacing earlier ones.

    A warning on a bar that was not judged now stays. A finding without a date belongs to no bar and is left out.
    """
    source, symbol = key
    reasons = dict(
        connection.execute(
            "SELECT open_time, reason FROM acceptances WHERE source = ? AND symbol = ?", [source, symbol]
        ).fetchall()
    )
    days = sorted(set(judged))
    rows = {
        (finding.expectation, finding.open_time): [
            *(source, symbol, finding.expectation, finding.open_time, finding.value, finding.limit, finding.reason),
            *(reasons.get(finding.open_time), noted_at),
        ]
        for finding in found
        if finding.open_time is not None
    }
    with transaction(connection):
        connection.execute(
            "DELETE FROM bar_warnings WHERE source = ? AND symbol = ? AND list_contains(?, open_time)",
            [source, symbol, days],
        )
        for row in rows.values():
            connection.execute(
                "INSERT INTO bar_warnings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", row
            )
        connection.execute("INSERT INTO bar_warnings_kept VALUES (?, ?) ON CONFLICT DO NOTHING", [source, symbol])


def standing_warnings(
    connection: Connection, source: str, symbols: Sequence[str], window: tuple[date, date]
) -> tuple[StandingWarning, ...]:
    """Return the warnings on published bars of the symbols within the window (both ends), by symbol, rule and date."""
    first, last = window
    return read_all(
        connection,
        StandingWarning,
        'SELECT symbol, expectation, open_time, value, limit_value AS "limit", reason, accepted FROM bar_warnings '
        "WHERE source = ? AND list_contains(?, symbol) AND open_time BETWEEN ? AND ? "
        "ORDER BY symbol, expectation, accepted NULLS FIRST, open_time",
        [source, list(symbols), first, last],
    )


def not_looked_through(connection: Connection, source: str, symbols: Sequence[str]) -> tuple[str, ...]:
    """Return the symbols with published bars whose warnings were never recorded: those of older stores."""
    return column(
        connection,
        "SELECT DISTINCT symbol FROM bars WHERE source = $source AND list_contains($symbols, symbol) "
        "AND symbol NOT IN (SELECT symbol FROM bar_warnings_kept WHERE source = $source) ORDER BY symbol",
        {"source": source, "symbols": list(symbols)},
    )
