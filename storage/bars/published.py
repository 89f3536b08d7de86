"""Published bars: written in revisions, loaded in the current one."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from storage.bars.own_columns import publish_columns
from storage.bars.restatements import restate_older, restatements
from storage.bars.staging import FACTOR_TOLERANCE, OVERLAP_BARS, spans_of
from storage.database import Connection, lent, transaction
from storage.typed_rows import column, read_all, scalar
from strategy.market.adjustment import Overlap, adjustment_ratio, link
from strategy.market.bars import COLUMNS, Bars, FloatArray


class BarsUnpublishable(ValueError):
    """A staged row without a date, or with a price that no bar can have; accepting it does not help (exit 3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """The stored bars of one series; `revisions` counts the bars that replaced an earlier one."""

    source: str
    symbol: str
    rows: int
    first: date
    last: date
    revisions: int


_STAGED_BESIDE_PUBLISHED = """
SELECT s.symbol, s.open_time, s.open, s.high, s.low, s.close, s.volume, s.adjusted_close, s.overlap,
       coalesce(p.revision + 1, 0) AS revision,
       p.adjusted_close AS stored_adjusted, p.close AS stored_close, p.factor AS stored_factor, p.link AS stored_link,
       coalesce(p.open = s.open AND p.high = s.high AND p.low = s.low AND p.close = s.close
                AND p.volume IS NOT DISTINCT FROM s.volume, FALSE) AS same
FROM bars_staged s LEFT JOIN current_bars p
ON p.source = s.source AND p.symbol = s.symbol AND p.open_time = s.open_time
WHERE s.owner = ? AND s.source = ? AND s.symbol IN (SELECT unnest(?)) ORDER BY s.symbol, s.position
"""

_WRITTEN = ("open_time", "revision", "open", "high", "low", "close", "volume", "adjusted_close", "factor", "link")

_PUBLISH = """
INSERT INTO bars
SELECT $source, symbol, open_time, revision, open, high, low, close, volume, adjusted_close, factor, link, $ingested_at
FROM fresh ORDER BY symbol, open_time
"""


# A list that is searched for each row would make time grow with the square of the symbols.
_LOAD = """
SELECT w.number, open_time, open, high, low, close, volume, factor
FROM current_bars JOIN (
    SELECT unnest(?::VARCHAR[]) AS symbol, unnest(?::DATE[]) AS beyond, unnest(?::INTEGER[]) AS number
) w USING (symbol)
WHERE source = ? AND open_time < w.beyond
"""
_RECENT = "AND open_time >= w.beyond - to_days(?) "
_NEWEST = "QUALIFY row_number() OVER (PARTITION BY symbol ORDER BY open_time DESC) <= ?"
_IN_ORDER = " ORDER BY number, open_time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """The number of rows written by symbol, and why the rows of others cannot be published."""

    rows: Mapping[str, int]
    refused: Mapping[str, str]


def publish(connection: Connection, source: str, symbol: str, *, ingested_at: datetime) -> int:
    """Publish what this process has staged of a symbol, and so has judged; return the number of rows written.

    New bars become revision 0, changed ones the next revision; the symbol leaves staging and quarantine. Where the
    delivery restates published bars in another unit, those before it get a revision in that unit as well. If a date was
    delivered twice, the later row counts. Running it twice writes nothing.
    Raises BarsUnpublishable, and then nothing is written.
    """
    done = publish_all(connection, source, [symbol], ingested_at=ingested_at)
    if symbol in done.refused:
        raise BarsUnpublishable(done.refused[symbol])
    return done.rows[symbol]


def publish_all(connection: Connection, source: str, symbols: Sequence[str], *, ingested_at: datetime) -> Publication:
    """Publish what this process has staged of each of the symbols, as `publish` does of one, in one transaction.

    Nothing is written of a symbol that is refused, and its rows stay staged.
    """
    rows, refused, parts = dict.fromkeys(symbols, 0), dict[str, str](), []
    with transaction(connection):
        for symbol, staged in _staged_beside_published(connection, source, symbols).items():
            try:
                parts.append(_fresh(symbol, staged).assign(symbol=symbol))
            except BarsUnpublishable as error:
                refused[symbol] = str(error)
                del rows[symbol]
                continue
            rows[symbol] = len(parts[-1])
        renewed = [symbol for symbol, count in rows.items() if count]
        for symbol, restated in restatements(connection, source, renewed).items():
            rows[symbol] += restate_older(connection, (source, symbol), restated, ingested_at)
        if renewed:
            with lent(connection, "fresh", pd.concat(parts, ignore_index=True)):
                connection.execute(_PUBLISH, {"source": source, "ingested_at": ingested_at})
        publish_columns(connection, source, list(rows), ingested_at)
        connection.execute(
            "DELETE FROM bars_staged WHERE owner = ? AND source = ? AND symbol IN (SELECT unnest(?))",
            [os.getpid(), source, list(rows)],
        )
        connection.execute(
            "DELETE FROM bars_quarantine WHERE source = ? AND symbol IN (SELECT unnest(?))", [source, list(rows)]
        )
    return Publication(rows=rows, refused=refused)


def _staged_beside_published(connection: Connection, source: str, symbols: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the staged rows of each symbol that has some, as columns, with the published bars of their dates."""
    columns = connection.execute(_STAGED_BESIDE_PUBLISHED, [os.getpid(), source, list(symbols)]).fetchnumpy()
    names = np.asarray(columns.pop("symbol"))
    return {
        symbol: {name: values[span] for name, values in columns.items()} for symbol, span in spans_of(names).items()
    }


def _fresh(symbol: str, staged: Mapping[str, Any]) -> pd.DataFrame:
    """Return the rows to write, oldest first, with their revision, factor and link."""
    if np.ma.is_masked(staged["open_time"]):
        raise BarsUnpublishable(f"{symbol}: a staged row has no date; correct the source and import it again")
    # np.unique returns the first of equal dates; on the reversed array that is the later row.
    _, from_end = np.unique(staged["open_time"][::-1], return_index=True)
    rows = {name: column[len(column) - 1 - from_end] for name, column in staged.items()}
    _require_bars(symbol, {**rows, "factor": np.ones(len(from_end))})
    ratio = adjustment_ratio(_floats(rows["close"]), _floats(rows["adjusted_close"]))
    series_link = link(ratio, _overlap(rows, ratio))
    rows |= {"factor": ratio / series_link, "link": np.full_like(ratio, series_link)}
    _require_bars(symbol, rows)
    moved = np.abs(rows["factor"] / _floats(rows["stored_factor"]) - 1.0) > FACTOR_TOLERANCE
    fresh = ~rows["overlap"] & (~rows["same"] | moved)
    return pd.DataFrame({name: rows[name][fresh] for name in _WRITTEN})


def _require_bars(symbol: str, rows: Mapping[str, Any]) -> None:
    try:
        _bars(symbol, rows)
    except ValueError as error:
        raise BarsUnpublishable(f"{error}; correct the source and import it again") from error


def _overlap(rows: Mapping[str, Any], ratio: FloatArray) -> Overlap:
    """Return the bars that carry the factor on: the last before the change, or else the first that is published.

    If none was delivered as it was published, the first published one carries it on: its adjustment is that of its own
    prices.
    """
    before = np.flatnonzero(rows["overlap"])[-OVERLAP_BARS:]
    known = np.flatnonzero(rows["same"])
    known = known if known.size else np.flatnonzero(~np.isnan(_floats(rows["stored_factor"])))
    anchors = before if before.size else known[:1]
    stored = {name: _floats(rows[f"stored_{name}"][anchors]) for name in ("close", "adjusted", "link", "factor")}
    return Overlap(
        ratio=ratio[anchors],
        stored_ratio=adjustment_ratio(stored["close"], stored["adjusted"]),
        stored_link=stored["link"],
        stored_factor=stored["factor"],
    )


def load(
    connection: Connection,
    source: str,
    symbols: Sequence[str],
    *,
    until: date,
    last_bars: int | None = None,
) -> dict[str, Bars]:
    """Return the current bars of each symbol up to `until`, included; only the newest `last_bars` if that is given.

    Symbols without such bars are absent; an unknown volume is NaN.
    """
    return load_until(connection, source, dict.fromkeys(symbols, until), last_bars=last_bars)


def load_until(
    connection: Connection, source: str, until: Mapping[str, date], *, last_bars: int | None = None
) -> dict[str, Bars]:
    """Return the bars that `load` does, of each symbol up to its own date."""
    if last_bars is None:
        return _selected(connection, source, until, "")
    # Most series have two bars in three days. To number the rows of all days takes up to twenty times as long.
    newest = _selected(connection, source, until, _RECENT + _NEWEST, 2 * last_bars + 20, last_bars)
    short = {symbol: day for symbol, day in until.items() if symbol not in newest or len(newest[symbol]) < last_bars}
    if short:
        newest |= _selected(connection, source, short, _NEWEST, last_bars)
    return {symbol: newest[symbol] for symbol in until if symbol in newest}


def _selected(connection: Connection, source: str, until: Mapping[str, date], only: str, *most: int) -> dict[str, Bars]:
    """Return the bars of each symbol up to its date, `only` those of a condition on at most so many days and bars."""
    names, beyond = list(until), [day + timedelta(days=1) for day in until.values()]
    given = [names, beyond, list(range(1, len(names) + 1)), source, *most]
    columns = connection.execute(_LOAD + only + _IN_ORDER, given).fetchnumpy()
    bounds = np.searchsorted(columns["number"], np.arange(1, len(names) + 2))
    spans = {name: slice(bounds[i], bounds[i + 1]) for i, name in enumerate(names) if bounds[i] < bounds[i + 1]}
    return {name: _bars(name, {column: columns[column][span] for column in COLUMNS}) for name, span in spans.items()}


def last_published(
    connection: Connection, source: str, symbols: Sequence[str], until: date = date.max
) -> dict[str, date]:
    """Return the date of each symbol's newest published bar up to `until`, included; symbols without one are absent."""
    rows = connection.execute(
        "SELECT symbol, max(open_time)::DATE FROM bars WHERE source = ? AND list_contains(?, symbol) "
        "AND open_time::DATE <= ? GROUP BY symbol",
        [source, list(symbols), until],
    ).fetchall()
    return dict(rows)


def is_known(connection: Connection, source: str) -> bool:
    """Return whether the store has a bar of the source."""
    return connection.execute("SELECT 1 FROM bars WHERE source = ? LIMIT 1", [source]).fetchone() is not None


def nth_last_published(connection: Connection, source: str, symbols: Sequence[str], bars: int) -> dict[str, date]:
    """Return the date of the oldest of each symbol's newest `bars` published bars; symbols without any are absent."""
    rows = connection.execute(
        "SELECT symbol, min(open_time)::DATE FROM (SELECT DISTINCT symbol, open_time FROM bars WHERE source = ? "
        "AND list_contains(?, symbol) QUALIFY dense_rank() OVER (PARTITION BY symbol ORDER BY open_time DESC) <= ?) "
        "GROUP BY symbol",
        [source, list(symbols), bars],
    ).fetchall()
    return dict(rows)


def first_published(connection: Connection, source: str, symbols: Sequence[str]) -> date:
    """Return the date of the oldest published bar of any of the symbols. Raises ValueError if there is none."""
    select = "SELECT min(open_time)::DATE FROM bars WHERE source = ? AND list_contains(?, symbol)"
    first = scalar(connection, date, select, [source, list(symbols)])
    if first is None:
        raise ValueError(f"no bar of {', '.join(symbols)} from {source} is published; ingest them first")
    return first


def published_counts(connection: Connection) -> tuple[Published, ...]:
    """Return the stored series with their bar counts and dates, one per source and symbol."""
    return read_all(
        connection,
        Published,
        "SELECT source, symbol, count(DISTINCT open_time) AS rows, min(open_time)::DATE AS first, "
        "max(open_time)::DATE AS last, count(*) FILTER (revision > 0) AS revisions FROM bars "
        "GROUP BY source, symbol ORDER BY source, symbol",
    )


def session_dates(
    connection: Connection, source: str, symbols: Sequence[str], *, after: date, until: date
) -> tuple[date, ...]:
    """Return the dates after `after` up to `until`, included, on which any of the symbols has a bar, sorted."""
    return column(
        connection,
        "SELECT DISTINCT open_time::DATE AS day FROM bars WHERE source = ? AND list_contains(?, symbol) "
        "AND open_time::DATE > ? AND open_time::DATE <= ? ORDER BY day",
        [source, list(symbols), after, until],
    )


def _bars(symbol: str, columns: Mapping[str, Any]) -> Bars:
    floats = {name: _floats(columns[name]) for name in COLUMNS if name != "open_time"}
    return Bars(symbol=symbol, open_time=columns["open_time"].astype("datetime64[us]"), **floats, columns={})


def _floats(values: Any) -> FloatArray:
    """Return the values as float64, NaN where DuckDB masked a NULL."""
    result: FloatArray = np.ma.filled(np.ma.asarray(values, dtype=np.float64), np.nan)
    return result
