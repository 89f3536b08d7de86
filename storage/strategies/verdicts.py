"""Verdicts of the audits of strategies, kept by version, parameters, source and symbol."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from storage.database import Connection, transaction
from storage.typed_rows import read_all


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyVerdict:
    """A verdict on a strategy's values of one symbol: passed or not, and what was found, as JSON.

    Appended bars and revisions do not void it. `judged_at` is aware.
    """

    sha256: str
    parameters: str
    source: str
    symbol: str
    audit_version: int
    passed: bool
    findings: str
    judged_at: datetime


_SELECT = (
    "SELECT sha256, parameters, source, symbol, audit_version, passed, findings, judged_at FROM strategy_verdicts "
)


def record(connection: Connection, verdicts: Sequence[StrategyVerdict]) -> None:
    """Record the verdicts; a new one replaces an earlier one of the same version, parameters, source and symbol."""
    with transaction(connection):
        for verdict in verdicts:
            connection.execute(
                "INSERT OR REPLACE INTO strategy_verdicts VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    *(verdict.sha256, verdict.parameters, verdict.source, verdict.symbol, verdict.audit_version),
                    *(verdict.passed, verdict.findings, verdict.judged_at),
                ],
            )


def load(
    connection: Connection, sha256: str, parameters: str, source: str, symbols: Collection[str] = ()
) -> dict[str, StrategyVerdict]:
    """Return the newest verdict by symbol, on all symbols of the source unless some are named."""
    found = read_all(
        connection,
        StrategyVerdict,
        _SELECT + "WHERE sha256 = ? AND parameters = ? AND source = ? ORDER BY audit_version",
        [sha256, parameters, source],
    )
    return {verdict.symbol: verdict for verdict in found if not symbols or verdict.symbol in symbols}


def of_version(connection: Connection, sha256: str) -> tuple[StrategyVerdict, ...]:
    """Return every verdict on the version, by source and symbol."""
    chosen = _SELECT + "WHERE sha256 = ? ORDER BY source, symbol, audit_version"
    return read_all(connection, StrategyVerdict, chosen, [sha256])
