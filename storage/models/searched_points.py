"""Points that a search has tried, kept until it ends: one that was stopped goes on where it was."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from storage.database import Connection
from strategy.evaluation.metrics import Metrics
from strategy.market.bars import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SearchedPoint:
    """The account of a point: its metrics, its daily returns from the second date on, (T − 1,), its capped share."""

    metrics: Metrics
    net: FloatArray
    capped: float


def load(connection: Connection, keys: Sequence[str]) -> dict[str, SearchedPoint]:
    """Return the points that are kept under these keys, hashes of all that determines them, bit for bit."""
    rows = connection.execute(
        "SELECT point_sha256, metrics, net, capped FROM searched_points WHERE list_contains(?, point_sha256)",
        [list(keys)],
    ).fetchall()
    return {
        str(key): SearchedPoint(
            metrics=Metrics(**json.loads(metrics)), net=np.array(net, dtype=np.float64), capped=float(capped)
        )
        for key, metrics, net, capped in rows
    }


def save(connection: Connection, points: Mapping[str, SearchedPoint]) -> None:
    """Keep the points; one that is kept already stays."""
    for key, point in points.items():
        connection.execute(
            "INSERT INTO searched_points VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            [key, json.dumps(asdict(point.metrics), allow_nan=False), point.capped, point.net.tolist()],
        )


def forget(connection: Connection, keys: Sequence[str]) -> None:
    """Delete the points of a search that has ended."""
    connection.execute("DELETE FROM searched_points WHERE list_contains(?, point_sha256)", [list(keys)])
