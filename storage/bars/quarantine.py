"""The data gate's record: checks made, symbols held back and why, and bars accepted by a person."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import pandas as pd

from storage.database import Connection, lent, transaction
from storage.keyed_rows import Table, insert_once
from storage.typed_rows import read_all
from strategy.market.findings import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """One pass of the gate over the staged rows of a symbol; `checked_at` is timezone-aware."""

    run_id: str
    source: str
    symbol: str
    checked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """An inspection, the expectations that were checked, and what they found."""

    inspection: Inspection
    checks: tuple[str, ...]
    findings: tuple[Finding, ...]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedDay:
    """How many symbols of a source were checked on a day (UTC), and by how many checks in all."""

    day: date
    source: str
    symbols: int
    checks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedCheck:
    """An expectation that the bars of a symbol broke on a day (UTC), and the number of its findings."""

    day: date
    source: str
    symbol: str
    expectation: str
    findings: int


#: Rows of one source or of all, and of some symbols or of all.
_CHOSEN = "($source IS NULL OR source = $source) AND ($symbols IS NULL OR list_contains($symbols, symbol))"

_QUARANTINE = Table(
    name="bars_quarantine",
    key=("source", "symbol", "number"),
    values=("open_time", "expectation", "value", "limit_value", "reason", "run_id", "quarantined_at"),
)


def record(connection: Connection, inspection: Inspection, checks: Sequence[str], findings: Sequence[Finding]) -> None:
    """Record one row for each expectation in `checks`, with its number of findings (0: it passed).

    Findings of expectations that are not among `checks` get a row too. A repeated run replaces its rows.
    """
    record_all(connection, [Checked(inspection=inspection, checks=tuple(checks), findings=tuple(findings))])


def record_all(connection: Connection, checked: Sequence[Checked]) -> None:
    """Record the checks of many inspections, as `record` does of one."""
    rows = []
    for each in checked:
        counts, inspection = Counter(finding.expectation for finding in each.findings), each.inspection
        rows += [
            (inspection.run_id, inspection.source, inspection.symbol, check, counts[check], inspection.checked_at)
            for check in dict.fromkeys([*each.checks, *counts])
        ]
    names = ["run_id", "source", "symbol", "expectation", "findings", "checked_at"]
    frame = pd.DataFrame(rows, columns=names)
    with transaction(connection), lent(connection, "checked", frame):
        connection.execute(
            "DELETE FROM validations WHERE (run_id, source, symbol) IN (SELECT DISTINCT run_id, source, symbol "
            "FROM checked)"
        )
        connection.execute(
            "INSERT INTO validations (run_id, source, symbol, expectation, passed, findings, checked_at) "
            "SELECT run_id, source, symbol, expectation, findings = 0, findings, checked_at FROM checked"
        )


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


def acceptances(
    connection: Connection, source: str | None = None, symbols: Sequence[str] | None = None
) -> tuple[Acceptance, ...]:
    """Return the bars accepted by hand, of one source or all and of some symbols or all, newest bar first."""
    return read_all(
        connection,
        Acceptance,
        "SELECT source, symbol, open_time AS day, reason, accepted_at FROM acceptances "  # noqa: S608 - a constant of ours
        f"WHERE {_CHOSEN} ORDER BY open_time DESC, source, symbol",
        _chosen(source, symbols),
    )


def checked_days(
    connection: Connection, source: str | None, symbols: Sequence[str] | None, last: int
) -> tuple[CheckedDay, ...]:
    """Return the newest days of checks by source, newest first: at most `last` rows, of these symbols or of all."""
    return read_all(
        connection,
        CheckedDay,
        "SELECT checked_at::DATE AS day, source, count(DISTINCT symbol)::INTEGER AS symbols, "  # noqa: S608 - as above
        "count(*)::INTEGER AS checks FROM validations "
        f"WHERE {_CHOSEN} GROUP BY ALL ORDER BY day DESC, source LIMIT $last",
        {**_chosen(source, symbols), "last": last},
    )


def failed_checks(
    connection: Connection, source: str | None, symbols: Sequence[str] | None, since: date | None
) -> tuple[FailedCheck, ...]:
    """Return what failed since the day, included; nothing if it is None. Of several runs on a day the worst counts."""
    return read_all(
        connection,
        FailedCheck,
        "SELECT checked_at::DATE AS day, source, symbol, expectation, max(findings)::INTEGER AS findings "  # noqa: S608
        f"FROM validations WHERE NOT passed AND checked_at::DATE >= $since AND {_CHOSEN} "
        "GROUP BY ALL ORDER BY day DESC, source, symbol, expectation",
        {**_chosen(source, symbols), "since": since},
    )


def accepted(connection: Connection, source: str, symbol: str) -> set[date]:
    """Return the dates whose bars were accepted by hand."""
    return accepted_days(connection, source).get(symbol, set())


def accepted_days(connection: Connection, source: str) -> dict[str, set[date]]:
    """Return the dates whose bars were accepted by hand, by symbol; symbols without any are absent."""
    found: dict[str, set[date]] = {}
    rows = connection.execute("SELECT symbol, open_time FROM acceptances WHERE source = ?", [source]).fetchall()
    for symbol, day in rows:
        found.setdefault(symbol, set()).add(day)
    return found


def _chosen(source: str | None, symbols: Sequence[str] | None) -> dict[str, object]:
    """Return the values of `_CHOSEN`."""
    return {"source": source, "symbols": None if symbols is None else list(symbols)}
