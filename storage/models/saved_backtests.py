"""Backtests whose files were saved: the path of each report, and what it shows in short."""

import json
from dataclasses import dataclass
from datetime import date, datetime

from storage.database import Connection
from storage.typed_rows import read_all


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedBacktest:
    """A saved backtest: `report` is the absolute path of its page, the figures are those of its net account.

    `total_return` is a fraction, `sharpe` annualised; both are None where they are not defined.
    """

    report: str
    saved_at: datetime
    source: str
    symbols: tuple[str, ...]
    strategy: str
    strategy_sha256: str | None
    first_day: date
    last_day: date
    total_return: float | None
    sharpe: float | None


def record(connection: Connection, saved: SavedBacktest) -> None:
    """Record the backtest; one that was saved at the same path before is replaced, as its files were."""
    connection.execute(
        "INSERT OR REPLACE INTO saved_backtests (report, saved_at, source, symbols, strategy, strategy_sha256, "
        "first_day, last_day, total_return, sharpe) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            *(saved.report, saved.saved_at, saved.source, json.dumps(sorted(saved.symbols)), saved.strategy),
            *(saved.strategy_sha256, saved.first_day, saved.last_day, saved.total_return, saved.sharpe),
        ],
    )


def newest(connection: Connection, last: int) -> tuple[SavedBacktest, ...]:
    """Return the backtests that were saved last, newest first; their files may be gone."""
    return read_all(
        connection,
        SavedBacktest,
        "SELECT report, saved_at, source, symbols, strategy, strategy_sha256, first_day, last_day, total_return, "
        "sharpe FROM saved_backtests ORDER BY saved_at DESC, report LIMIT ?",
        [last],
    )
