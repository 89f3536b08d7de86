"""Warnings of the data gate on published bars, shown in each answer that uses the bar."""

from collections.abc import Iterable, Mapping, Sequence
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


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedBars:
    """The dates of a symbol's bars that were judged, and what was found on them."""

    days: frozenset[date]
    found: tuple[Finding, ...]


def record_warnings(
    connection: Connection, key: tuple[str, str], judged: Iterable[date], found: Sequence[Finding], noted_at: datetime
) -> None:
    """Record the findings on the bars of the judged dates of a (source, symbol), replacing earlier ones.

    A warning on a bar that was not judged now stays. A finding without a date belongs to no bar and is left out.
    """
    source, symbol = key
    record_all_warnings(connection, source, {symbol: JudgedBars(days=frozenset(judged), found=tuple(found))}, noted_at)


def record_all_warnings(
    connection: Connection, source: str, judged: Mapping[str, JudgedBars], noted_at: datetime
) -> None:
    """Record the findings on the judged bars of each symbol of a source, as `record_warnings` does of one."""
    symbols = list(judged)
    reasons = _by_bar(connection, "SELECT symbol, open_time, reason FROM acceptances", source, symbols)
    earlier = _by_bar(connection, "SELECT DISTINCT symbol, open_time, NULL FROM bar_warnings", source, symbols)
    # Later findings replace earlier ones of the same rule and bar.
    rows = {
        (symbol, finding.expectation, finding.open_time): [
            *(source, symbol, finding.expectation, finding.open_time, finding.value, finding.limit, finding.reason),
            *(reasons.get((symbol, finding.open_time)), noted_at),
        ]
        for symbol, bars in judged.items()
        for finding in bars.found
        if finding.open_time is not None
    }
    with transaction(connection):
        for symbol, day in earlier:
            if day in judged[symbol].days:
                connection.execute(
                    "DELETE FROM bar_warnings WHERE source = ? AND symbol = ? AND open_time = ?", [source, symbol, day]
                )
        for row in rows.values():
            connection.execute(
                "INSERT INTO bar_warnings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", row
            )
        connection.execute(
            "INSERT INTO bar_warnings_kept SELECT ?, unnest(?) ON CONFLICT DO NOTHING", [source, symbols]
        )


def _by_bar(
    connection: Connection, select: str, source: str, symbols: Sequence[str]
) -> dict[tuple[str, date | None], str | None]:
    """Return the third column of the source's rows of these symbols, by the first two."""
    where = "WHERE source = ? AND symbol IN (SELECT unnest(?)) ORDER BY ALL"
    rows = connection.execute(f"{select} {where}", [source, list(symbols)]).fetchall()
    return {(symbol, day): value for symbol, day, value in rows}


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
