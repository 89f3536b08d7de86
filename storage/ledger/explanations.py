"""Explanations of orders, kept as JSON beside the decisions that they explain, written once."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from math import isfinite
from typing import Any

from storage.database import Connection, transaction
from storage.keyed_rows import Row, Table, insert_once
from strategy.explain.closings import ClosingExplanation
from strategy.explain.record import Explanation

#: An explanation as JSON: money as text with all digits, dates as text, unknown values as null.
Trace = dict[str, Any]

EXPLANATIONS = Table(name="explanations", key=("account", "as_of", "symbol"), values=("trace",))


def record(
    connection: Connection, account: str, source: str, explained: Sequence[Explanation | ClosingExplanation]
) -> int:
    """Record the explanations, made from the source's bars, and return how many were new.

    Floats are kept to the last bit. Raises LedgerConflict if a stored one differs.
    """
    rows: list[Row] = [
        (account, explanation.as_of, explanation.symbol, json.dumps(trace(explanation, source), allow_nan=False))
        for explanation in explained
    ]
    with transaction(connection):
        return insert_once(connection, EXPLANATIONS, rows)


def load(connection: Connection, account: str, as_of: date, symbol: str) -> Trace | None:
    """Return the explanation of the account's order of that day and symbol; None if none was kept."""
    row = connection.execute(
        "SELECT trace FROM explanations WHERE account = ? AND as_of = ? AND symbol = ?", [account, as_of, symbol]
    ).fetchone()
    return dict(json.loads(row[0])) if row else None


def trace(explained: Explanation | ClosingExplanation, source: str) -> Trace:
    """Return the explanation as JSON values, with the source of its bars."""
    return {"source": source, **_plain(explained)}


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        return value if isfinite(value) else None
    return str(value) if isinstance(value, Enum) else value
