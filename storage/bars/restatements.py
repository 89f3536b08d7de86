"""Restatements: published bars that a staged delivery repeats in another unit."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from storage.bars.staging import spans_of
from storage.database import Connection
from strategy.backtest.restatement import Ratio, common_ratio
from strategy.market.bars import FloatArray

_PRICES = ("open", "high", "low", "close")

_TOLD_AGAIN = """
SELECT s.symbol, p.open_time, p.open, p.high, p.low, p.close, p.volume,
       s.open AS new_open, s.high AS new_high, s.low AS new_low, s.close AS new_close, s.volume AS new_volume
FROM bars_staged s JOIN current_bars p
ON p.source = s.source AND p.symbol = s.symbol AND p.open_time = s.open_time
WHERE s.owner = ? AND s.source = ? AND s.symbol IN (SELECT unnest(?)) ORDER BY s.symbol, s.open_time
"""
_OLDER = """
INSERT INTO bars
SELECT source, symbol, open_time, revision + 1, open * $ratio, high * $ratio, low * $ratio, close * $ratio,
       volume * $volumes, adjusted_close * $ratio, factor, link, $ingested_at
FROM current_bars WHERE source = $source AND symbol = $symbol AND open_time < $first
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restatement:
    """Published bars repeated at one ratio: `bars` of them, from `first` to `last`; `ratio` is new over old.

    `volumes` is the factor of the volumes. `told_until` is the newest date of the delivery, and `beyond` the newest
    published one, if that is later (else None). `late` is True if bars after `last` had been published in the new unit
    before the older ones were restated.
    """

    ratio: float
    volumes: float
    bars: int
    first: date
    last: date
    told_until: date
    beyond: date | None
    late: bool = False


def restatement(connection: Connection, source: str, symbol: str) -> Restatement | None:
    """Return how this process's staged bars of a symbol restate the published ones; None if no ratio is certain."""
    return restatements(connection, source, [symbol]).get(symbol)


def restatements(connection: Connection, source: str, symbols: Sequence[str]) -> dict[str, Restatement]:
    """Return by symbol what `restatement` returns of one; symbols without a restatement are absent."""
    told = _told_again(connection, source, symbols)
    found = {symbol: _restated(connection, (source, symbol), rows) for symbol, rows in told.items()}
    return {symbol: restated for symbol, restated in found.items() if restated is not None}


def _told_again(connection: Connection, source: str, symbols: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the published bars that this process's staged ones repeat, by symbol, as columns beside the new values."""
    columns = connection.execute(_TOLD_AGAIN, [os.getpid(), source, list(symbols)]).fetchnumpy()
    names = np.asarray(columns.pop("symbol"))
    return {
        symbol: {name: values[span] for name, values in columns.items()} for symbol, span in spans_of(names).items()
    }


def _restated(connection: Connection, key: tuple[str, str], rows: Mapping[str, Any]) -> Restatement | None:
    source, symbol = key
    found = common_ratio(_matrix(rows, ""), _matrix(rows, "new_"))
    if found is None:
        return None
    days = np.asarray(rows["open_time"]).astype("datetime64[D]")
    told, newest = connection.execute(
        "SELECT (SELECT max(open_time)::DATE FROM bars_staged WHERE owner = $owner AND source = $source "
        "AND symbol = $symbol), (SELECT max(open_time)::DATE FROM bars WHERE source = $source AND symbol = $symbol)",
        {"owner": os.getpid(), "source": source, "symbol": symbol},
    ).fetchall()[0]
    return Restatement(
        ratio=found.value,
        volumes=_volumes(rows, found),
        bars=found.bars,
        first=days[0].item(),
        last=days[found.last].item(),
        told_until=told,
        beyond=newest if newest > told else None,
        late=found.last < len(days) - 1,
    )


def unchanged_days(connection: Connection, source: str, symbol: str) -> frozenset[date]:
    """Return the dates of the staged bars whose prices equal the published ones."""
    return all_unchanged_days(connection, source, [symbol])[symbol]


def all_unchanged_days(connection: Connection, source: str, symbols: Sequence[str]) -> dict[str, frozenset[date]]:
    """Return by symbol what `unchanged_days` returns of one."""
    found = dict.fromkeys(symbols, frozenset[date]())
    for symbol, rows in _told_again(connection, source, symbols).items():
        same = (_matrix(rows, "") == _matrix(rows, "new_")).all(axis=1)
        found[symbol] = frozenset(np.asarray(rows["open_time"])[same].astype("datetime64[D]").tolist())
    return found


def restate_older(connection: Connection, key: tuple[str, str], found: Restatement, ingested_at: object) -> int:
    """Revise published bars from before the delivery into its unit and return how many.

    No vendor delivers them again.
    """
    source, symbol = key
    wanted = {"source": source, "symbol": symbol, "first": found.first, "ingested_at": ingested_at}
    result = connection.execute(_OLDER, {**wanted, "ratio": found.ratio, "volumes": found.volumes}).fetchone()
    return int(result[0]) if result else 0


def _matrix(rows: Mapping[str, Any], prefix: str) -> FloatArray:
    """Return open, high, low and close as columns, (N, 4)."""
    columns = [np.ma.filled(np.ma.asarray(rows[prefix + name], dtype=np.float64), np.nan) for name in _PRICES]
    return np.stack(columns, axis=1)


def _volumes(rows: Mapping[str, Any], found: Ratio) -> float:
    """Return 1 over the ratio where the volumes were restated inversely, else 1."""
    old, new = (np.ma.filled(np.ma.asarray(rows[name], dtype=np.float64), np.nan) for name in ("volume", "new_volume"))
    known = (old > 0) & (new > 0)
    known[found.last + 1 :] = False
    if not known.any():
        return 1.0
    typical = float(np.median(new[known] / old[known]))
    return 1.0 / found.value if abs(np.log(typical * found.value)) < abs(np.log(typical)) else 1.0
