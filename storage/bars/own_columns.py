"""Columns of the user's own beside the bars of a file: staged and published with them, loaded for who declares them."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import pairwise

import numpy as np
import pandas as pd

from storage.database import Connection, lent
from storage.typed_rows import column
from strategy.exit_codes import UsageError
from strategy.market.bars import Bars, FloatArray, TimeArray
from strategy.market.delivered_columns import OWN
from strategy.market.own_columns import Lag, lagged

# A value that a delivery no longer has on a date that it has is taken back.
_STAGE = """
INSERT INTO bar_columns_staged
WITH stored AS (SELECT * FROM current_bar_columns WHERE source = $source AND value IS NOT NULL),
read AS (
    SELECT symbol, name, open_time::TIMESTAMP AS open_time,
           CASE WHEN isinf(value) THEN 'NaN'::DOUBLE ELSE value END AS value
    FROM own_values
)
SELECT $owner, $source, r.symbol, r.name, r.open_time, r.value
FROM read r LEFT JOIN stored s USING (symbol, name, open_time) WHERE s.value IS DISTINCT FROM r.value
UNION ALL
SELECT $owner, $source, s.symbol, s.name, s.open_time, NULL
FROM stored s SEMI JOIN (SELECT symbol, open_time::TIMESTAMP AS open_time FROM own_dates) USING (symbol, open_time)
ANTI JOIN read USING (symbol, name, open_time)
"""

_PUBLISH = """
INSERT INTO bar_columns
SELECT s.source, s.symbol, s.name, s.open_time, coalesce(max(b.revision) + 1, 0), any_value(s.value), $ingested_at
FROM bar_columns_staged s LEFT JOIN bar_columns b USING (source, symbol, name, open_time)
WHERE s.owner = $owner AND s.source = $source AND list_contains($symbols, s.symbol)
GROUP BY s.source, s.symbol, s.name, s.open_time
"""

_LOAD = """
SELECT symbol, name, open_time, value FROM current_bar_columns
WHERE source = ? AND list_contains(?, symbol) AND list_contains(?, name) AND value IS NOT NULL
ORDER BY symbol, name, open_time
"""


def stage_columns(connection: Connection, source: str, frame: pd.DataFrame) -> None:
    """Stage what the delivered rows change in columns of the user's own: those of the frame whose names begin with OWN.

    A value that is infinite stands for a cell that is no number, NaN for no value. Of equal dates the later row counts.
    """
    names = [str(name) for name in frame.columns if str(name).startswith(OWN)]
    if not names and not known_columns(connection, source):
        return
    rows = frame[frame["open_time"].notna()].drop_duplicates(["symbol", "open_time"], keep="last")
    parts = [pd.DataFrame({"symbol": [], "open_time": [], "value": [], "name": []})] if not names else []
    for name in names:
        told = rows.loc[rows[name].notna(), ["symbol", "open_time", name]].rename(columns={name: "value"})
        parts.append(told.assign(name=name.removeprefix(OWN)))
    values = pd.concat(parts, ignore_index=True).astype(
        {"symbol": "str", "name": "str", "open_time": "datetime64[us]", "value": "float64"}
    )
    dates = rows[["symbol", "open_time"]]
    with lent(connection, "own_values", values), lent(connection, "own_dates", dates):
        connection.execute(_STAGE, {"owner": os.getpid(), "source": source})


def publish_columns(connection: Connection, source: str, symbols: Sequence[str], ingested_at: datetime) -> None:
    """Publish what this process has staged of the symbols, as their next revision; it leaves staging."""
    key = {"owner": os.getpid(), "source": source, "symbols": list(symbols)}
    connection.execute(_PUBLISH, {**key, "ingested_at": ingested_at})
    connection.execute(
        "DELETE FROM bar_columns_staged WHERE owner = $owner AND source = $source AND list_contains($symbols, symbol)",
        key,
    )


def changed_columns(connection: Connection, source: str, ingested_at: datetime) -> dict[str, dict[str, int]]:
    """Return how many values of each column were published or taken back at this instant, by symbol and name."""
    select = (
        "SELECT symbol, name, count(*) FROM bar_columns WHERE source = ? AND ingested_at = ? GROUP BY ALL ORDER BY ALL"
    )
    found: dict[str, dict[str, int]] = {}
    for symbol, name, count in connection.execute(select, [source, ingested_at]).fetchall():
        found.setdefault(symbol, {})[name] = count
    return found


def known_columns(connection: Connection, source: str) -> tuple[str, ...]:
    """Return the names of the published columns of a source that have a value, sorted."""
    select = "SELECT DISTINCT name FROM current_bar_columns WHERE source = ? AND value IS NOT NULL ORDER BY name"
    return column(connection, select, [source])


def with_columns(
    connection: Connection, source: str, bars: Mapping[str, Bars], columns: Mapping[str, Lag]
) -> dict[str, Bars]:
    """Return the bars with these columns: on each row the newest value dated the lag before it or earlier, else NaN.

    Without columns nothing is read. Raises UsageError for a column that no symbol of the source has.
    """
    if not columns:
        return dict(bars)
    _demand_columns(connection, source, columns)
    names = list(columns)
    found = connection.execute(_LOAD, [source, list(bars), names]).fetchnumpy()
    series = {symbol: dict.fromkeys(names, _NOTHING) for symbol in bars}
    if len(found["symbol"]):
        changes = (found["symbol"][1:] != found["symbol"][:-1]) | (found["name"][1:] != found["name"][:-1])
        bounds = [0, *(np.flatnonzero(changes) + 1).tolist(), len(found["symbol"])]
        for start, stop in pairwise(bounds):
            dated = np.asarray(found["open_time"][start:stop]).astype("datetime64[us]")
            values = np.ma.filled(np.ma.asarray(found["value"][start:stop], dtype=np.float64), np.nan)
            series[str(found["symbol"][start])][str(found["name"][start])] = (dated, values)
    return {
        symbol: replace(
            known, columns={name: lagged(known.open_time, *series[symbol][name], lag) for name, lag in columns.items()}
        )
        for symbol, known in bars.items()
    }


_NOTHING: tuple[TimeArray, FloatArray] = (np.empty(0, dtype="datetime64[us]"), np.empty(0))


def _demand_columns(connection: Connection, source: str, columns: Mapping[str, Lag]) -> None:
    known = known_columns(connection, source)
    for name in columns:
        if name not in known:
            listed = f"it has {', '.join(known)}" if known else "it has none beside its bars"
            remedy = "declare one of these" if known else "only a file: source can have some"
            raise UsageError(
                f"{source} has no column {name} of numbers, which the strategy declares; {listed}: {remedy}"
            )
