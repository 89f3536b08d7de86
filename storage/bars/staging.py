"""Delivered bars before the data gate: in the source's order, with its faults."""

import os
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from storage.bars.own_columns import publish_columns, stage_columns
from storage.bars.sorted_rows import keep_sorted_rows
from storage.database import Connection, lent, transaction
from storage.files import alive
from storage.typed_rows import column
from strategy.market.delivered_columns import BAR_COLUMNS, UNREAD

#: Bars before the first change that are staged again, so that the adjustment factor can be carried on.
OVERLAP_BARS = 5

#: Relative difference up to which two adjustment factors count as equal, in addition to the source's rounding.
FACTOR_TOLERANCE = 1e-6

# If a series was only rebased, adjusted_close / close / factor is constant up to rounding: half a unit of the last
# decimal that any adjusted close of the delivery has. Rounding affects the delivered adjusted close and the one behind
# the factor: the stored one, or the one by which the next bar was linked. Rebasing shrinks closes, so the lesser of
# the delivered and the stored one bounds both. Half a unit is at most half of a close.
_COMPARE = """
CREATE OR REPLACE TEMP TABLE compared AS
WITH delivered_rows AS (
    SELECT symbol, position, open_time::TIMESTAMP AS open_time, open::DOUBLE AS open, high::DOUBLE AS high,
           low::DOUBLE AS low, close::DOUBLE AS close, volume::DOUBLE AS volume, adj_close::DOUBLE AS adjusted_close,
           coalesce(unread, '') AS unread,
           max(length(split_part(rtrim(adjusted_close::VARCHAR, '0'), '.', 2))) OVER (PARTITION BY symbol) AS decimals
    FROM delivered
), marked AS (
    SELECT d.*, p.factor, p.adjusted_close AS stored_adjusted_close,
           p.factor IS NULL OR d.open IS DISTINCT FROM p.open OR d.high IS DISTINCT FROM p.high
           OR d.low IS DISTINCT FROM p.low OR d.close IS DISTINCT FROM p.close
           OR d.volume IS DISTINCT FROM p.volume OR d.unread <> '' AS changed
    FROM delivered_rows d
    LEFT JOIN (SELECT * FROM current_bars WHERE source = $source) p
    ON p.symbol = d.symbol AND p.open_time = d.open_time
), scaled AS (
    SELECT symbol, position, adjusted_close / close / factor AS scale,
           least(0.5, 0.5 / 10.0 ** decimals / least(adjusted_close, stored_adjusted_close)) AS rounding
    FROM marked WHERE NOT changed AND adjusted_close IS NOT NULL
), broken AS (
    SELECT symbol, position, scale / lag(scale) OVER series AS step,
           (1 + $tolerance) * (1 + rounding) / (1 - rounding) AS slack
    FROM scaled WINDOW series AS (PARTITION BY symbol ORDER BY position)
    QUALIFY step NOT BETWEEN 1 / slack / lag(slack) OVER series AND slack * lag(slack) OVER series
), first_change AS (
    SELECT symbol, min(position) AS first
    FROM (SELECT symbol, position FROM marked WHERE changed UNION ALL SELECT symbol, position FROM broken)
    GROUP BY symbol
)
SELECT m.*, m.position < c.first AS overlap FROM marked m JOIN first_change c USING (symbol)
WHERE m.position >= c.first - $overlap_bars
"""

_STAGE = """
INSERT INTO bars_staged
SELECT $owner, $source, symbol, position, open_time, open, high, low, close, volume, adjusted_close, overlap,
       $ingested_at, unread
FROM compared ORDER BY symbol, position
"""


def stage(connection: Connection, source: str, frame: pd.DataFrame, *, ingested_at: datetime) -> dict[str, int]:
    """Stage the delivered rows that are new or changed; return their number by symbol, 0 where nothing is new.

    The frame holds BAR_COLUMNS as the source delivered them, in its order and with its faults, overlapping what is
    published by any length; UNREAD where cells were not numbers, MOVED where rows were sorted (kept for the
    answers), OWN columns, of which what differs is staged; that of a symbol without other news is published at once.
    Staged is everything from the first row that is new, differs in open, high, low, close or volume, or whose
    adjustment relative to the common row before it differs from the published one, and OVERLAP_BARS rows before it.
    Scaling all adjusted closes alike is not a change, nor is a difference that rounding explains: a smaller
    restatement, or one before the first row of the frame, goes unnoticed. A published bar that the source no longer
    delivers is left as it is.

    The rows replace what was staged before; what another live process has staged is neither read nor changed, so that
    each judges its own delivery. A symbol with nothing new leaves quarantine: the rows held back are no longer
    delivered. Raises ValueError if a column or a symbol is missing.
    """
    missing = [name for name in BAR_COLUMNS if name not in frame.columns]
    if missing or frame["symbol"].isna().any():
        raise ValueError(f"{source}: a delivered row lacks {', '.join(missing) or 'its symbol'}")
    symbols = [str(symbol) for symbol in frame["symbol"].unique()]
    delivered = frame.assign(position=frame.groupby("symbol", sort=False).cumcount())
    if UNREAD not in frame.columns:
        delivered = delivered.assign(**{UNREAD: ""})
    with lent(connection, "delivered", delivered), transaction(connection):
        connection.execute(_COMPARE, {"source": source, "overlap_bars": OVERLAP_BARS, "tolerance": FACTOR_TOLERANCE})
        _clear(connection, source, symbols)
        stage_columns(connection, source, frame)
        keep_sorted_rows(connection, source, frame, symbols)
        connection.execute(_STAGE, {"owner": os.getpid(), "source": source, "ingested_at": ingested_at})
        counts = dict(connection.execute("SELECT symbol, count(*) FROM compared GROUP BY symbol").fetchall())
        idle = [symbol for symbol in symbols if symbol not in counts]
        connection.execute("DELETE FROM bars_quarantine WHERE source = ? AND list_contains(?, symbol)", [source, idle])
        connection.execute("DROP TABLE compared")
        # Bars that are published already have passed the gate, and their columns with them.
        publish_columns(connection, source, idle, ingested_at)
    return {symbol: counts.get(symbol, 0) for symbol in symbols}


def discard(connection: Connection, source: str, symbols: Sequence[str]) -> None:
    """Remove the symbols from staging and quarantine: the last delivery had none of them."""
    with transaction(connection):
        _clear(connection, source, symbols)
        connection.execute(
            "DELETE FROM bars_quarantine WHERE source = ? AND list_contains(?, symbol)", [source, symbols]
        )


def _clear(connection: Connection, source: str, symbols: Sequence[str]) -> None:
    """Delete the staged rows of these symbols that belong to this process or to one that has ended."""
    for table in ("bars_staged", "bar_columns_staged"):
        # Names of tables of this module alone.
        owners = connection.execute(f"SELECT DISTINCT owner FROM {table} WHERE source = ?", [source]).fetchall()  # noqa: S608
        others = [owner for (owner,) in owners if owner != os.getpid() and alive(owner)]
        connection.execute(
            f"DELETE FROM {table} WHERE source = ? AND list_contains(?, symbol) AND NOT list_contains(?, owner)",  # noqa: S608
            [source, symbols, others],
        )


def staged(connection: Connection, source: str, symbol: str) -> pd.DataFrame:
    """Return the staged rows as BAR_COLUMNS, in the order the source delivered them, including those held back.

    A column UNREAD is added if some cell was not a number.
    """
    return _windows(_staged_rows(connection, source, [symbol]), [symbol])[symbol]


def staged_windows(connection: Connection, source: str, symbols: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Return the staged rows of each symbol, as `staged` does of one."""
    return _windows(_staged_rows(connection, source, symbols), symbols)


def _staged_rows(connection: Connection, source: str, symbols: Sequence[str]) -> pd.DataFrame:
    rows: pd.DataFrame = connection.execute(
        "SELECT symbol, open_time, open, high, low, close, volume, adjusted_close AS adj_close, unread "
        "FROM bars_staged "
        "WHERE owner = ? AND source = ? AND symbol IN (SELECT unnest(?)) ORDER BY symbol, position",
        [os.getpid(), source, list(symbols)],
    ).df()
    return rows


def _windows(rows: pd.DataFrame, symbols: Sequence[str]) -> dict[str, pd.DataFrame]:
    spans = spans_of(rows["symbol"].to_numpy(dtype=object))
    found = {}
    for symbol in symbols:
        frame = rows.iloc[spans.get(symbol, slice(0))].reset_index(drop=True)
        found[symbol] = frame if (frame[UNREAD].fillna("") != "").any() else frame[list(BAR_COLUMNS)]
    return found


def spans_of(names: NDArray[Any]) -> dict[str, slice]:
    """Return where the rows of each name lie in a column that is sorted by name.

    >>> spans_of(np.array(["A", "A", "B"]))
    {'A': slice(0, 2, None), 'B': slice(2, 3, None)}
    """
    starts = np.flatnonzero(np.concatenate([[True], names[1:] != names[:-1]])).tolist() if len(names) else []
    ends = [*starts[1:], len(names)]
    return {str(names[start]): slice(start, end) for start, end in zip(starts, ends, strict=False)}


def staged_symbols(connection: Connection, source: str) -> tuple[str, ...]:
    """Return the symbols with staged rows, sorted, including those held back."""
    select = "SELECT DISTINCT symbol FROM bars_staged WHERE owner = ? AND source = ? ORDER BY symbol"
    return column(connection, select, [os.getpid(), source])
