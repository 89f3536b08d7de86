"""The data gate's record: checks made, symbols held back and why, and bars accepted by a person."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from storage.database import Connection, transaction
from storage.keyed_rows import Table, insert_once
from storage.typed_rows import column, read_all
from strategy.market.findings import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """One pass of the gate over the staged rows of a symbol; `checked_at` is timezone-aware."""

    run_id: str
    source: str
    symbol: str
    checked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A finding that holds a symbol back, with the source of its rows and when it was held."""

    source: str
    finding: Finding
    run_id: str
    quarantined_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """A person's confirmation that the bar of this date is right, and why; `accepted_at` is timezone-aware."""

    source: str
    symbol: str
    day: date
    reason: str
    accepted_at: datetime

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise ValueError(f"{self.symbol}: accepting the bar of {self.day} needs a reason; say why it is right")


_VALIDATIONS = Table(
    name="validations",
    key=("run_id", "source", "symbol", "expectation"),
    values=("passed", "findings"),
    changing=("checked_at",),
)
_QUARANTINE = Table(
    name="bars_quarantine",
    key=("source", "symbol", "number"),
    values=("open_time", "expectation", "value", "limit_value", "reason", "run_id", "quarantined_at"),
)


def record(connection: Connection, inspection: Inspection, checks: Sequence[str], findings: Sequence[Finding]) -> None:
    """Record one row for each expectation in `checks`, with its number of findings (0: it passed).

    Findings of expectations that are not among `checks` get a row too. A repeated run replaces its rows.
    """
    counts = Counter(finding.expectation for finding in findings)
    key = (inspection.run_id, inspection.source, inspection.symbol)
    rows = [
        (*key, check, counts[check] == 0, counts[check], inspection.checked_at)
        for check in dict.fromkeys([*checks, *counts])
    ]
    with transaction(connection):
        connection.execute("DELETE FROM validations WHERE run_id = ? AND source = ? AND symbol = ?", list(key))
        insert_once(connection, _VALIDATIONS, rows)


def quarantine(connection: Connection, inspection: Inspection, findings: Sequence[Finding]) -> None:
    """Hold the symbol back for the findings, which replace earlier ones.

    Its rows stay staged until a new delivery replaces them or they are published after an acceptance.
    """
    source, symbol = inspection.source, inspection.symbol
    rows = [
        (
            *(source, symbol, number, finding.open_time, finding.expectation, finding.value, finding.limit),
            *(finding.reason, inspection.run_id, inspection.checked_at),
        )
        for number, finding in enumerate(findings)
    ]
    with transaction(connection):
        connection.execute("DELETE FROM bars_quarantine WHERE source = ? AND symbol = ?", [source, symbol])
        insert_once(connection, _QUARANTINE, rows)


def quarantined(connection: Connection, source: str | None = None) -> tuple[Held, ...]:
    """Return the findings that hold symbols back now, of one source or (None) of all.

    They are sorted by source and symbol, then in the order they were found.
    """
    return read_all(
        connection,
        Held,
        'SELECT source, symbol, open_time, expectation, value, limit_value AS "limit", reason, run_id, quarantined_at '
        "FROM bars_quarantine WHERE $source IS NULL OR source = $source ORDER BY source, symbol, number",
        {"source": source},
    )


def held_closes(connection: Connection, source: str, expectation: str, until: date) -> dict[str, float]:
    """Return the newest staged close up to `until` of each symbol that is held back for that expectation alone.

    Only rows staged by this process count.
    """
    rows = connection.execute(
        "SELECT symbol, max_by(close, position) FROM bars_staged WHERE owner = ? AND source = ? "
        "AND open_time::DATE <= ? AND symbol IN (SELECT symbol FROM bars_quarantine WHERE source = ? GROUP BY symbol "
        "HAVING bool_and(expectation = ?)) GROUP BY symbol ORDER BY symbol",
        [os.getpid(), source, until, source, expectation],
    ).fetchall()
    return {symbol: close for symbol, close in rows if close is not None and close > 0}


def accept(connection: Connection, acceptance: Acceptance) -> None:
    """Store the acceptance. The first reason given for a bar stays."""
    connection.execute(
        "INSERT INTO acceptances (source, symbol, open_time, reason, accepted_at) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT DO NOTHING",
        [acceptance.source, acceptance.symbol, acceptance.day, acceptance.reason, acceptance.accepted_at],
    )


def accepted(connection: Connection, source: str, symbol: str) -> set[date]:
    """Return the dates whose bars were accepted by hand."""
    select = "SELECT open_time FROM acceptances WHERE source = ? AND symbol = ?"
    return set(column(connection, select, [source, symbol]))
