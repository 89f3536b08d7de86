"""Walk-forward folds: the models that backtests fitted, the promotion gate's verdicts on them, and their signals."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime

from storage.database import Connection, transaction
from storage.keyed_rows import Table, insert_once
from storage.typed_rows import read_first
from strategy.training.promotion_gate import Verdict

#: A symbol, a date, and the hash of all bars up to that date.
SignalKey = tuple[str, date, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFold:
    """A fold's model under the hash of all that determines it; `model_id` is None where nothing could be trained.

    Its weights are kept as those of any model, but it is not registered. `created_at` is timezone-aware.
    """

    key: str
    fitted_to: date
    model_id: str | None
    verdict: Verdict
    created_at: datetime


# The first row stays: two runs that fit the same fold at once get the same result, except for the time of day.
_FOLDS = Table(
    name="folds",
    key=("fold_key",),
    values=("fitted_to",),
    changing=("model_id", "promoted", "rival", "figures", "reason", "created_at"),
)
_SIGNALS = Table(
    name="fold_signals",
    key=("fold_key", "symbol", "day", "history_sha256"),
    values=(),
    changing=("signal",),
)


def record(connection: Connection, fold: StoredFold, signals: Mapping[SignalKey, float]) -> None:
    """Record the fold and its signals together, or neither. What is stored already stays."""
    verdict = fold.verdict
    figures = json.dumps(asdict(verdict.figures), sort_keys=True, allow_nan=False)
    row = (
        *(fold.key, fold.fitted_to, fold.model_id, verdict.promoted, verdict.rival, figures, verdict.reason),
        fold.created_at,
    )
    rows = [(fold.key, symbol, day, history, signal) for (symbol, day, history), signal in sorted(signals.items())]
    with transaction(connection):
        insert_once(connection, _FOLDS, [row])
        insert_once(connection, _SIGNALS, rows)


def find(connection: Connection, key: str) -> StoredFold | None:
    """Return the fold of this key; None if it was never fitted."""
    return read_first(
        connection,
        StoredFold,
        "SELECT fold_key AS key, fitted_to, model_id, promoted, rival, figures, reason, created_at FROM folds "
        "WHERE fold_key = ?",
        [key],
    )


def signals(connection: Connection, key: str) -> dict[SignalKey, float]:
    """Return every recorded signal of the fold's model."""
    rows = connection.execute(
        "SELECT symbol, day, history_sha256, signal FROM fold_signals WHERE fold_key = ?", [key]
    ).fetchall()
    return {(symbol, day, history): signal for symbol, day, history, signal in rows}
