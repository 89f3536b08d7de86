"""Pages of comparisons and sweeps that were saved: the path of each, and what it shows in short."""

import json
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from storage.database import Connection
from storage.typed_rows import read_all


class PageKind(StrEnum):
    """What a saved page shows."""

    COMPARISON = "comparison"
    SWEEP = "sweep"


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPage:
    """A saved page by its absolute path: a comparison of `names` runs, or a sweep of points on `names` symbols.

    `items` counts the runs or the points. `sharpe` is the annualised ratio of the best of them and `deflated` the
    probability that it is more than luck; both are None where they are not defined.
    """

    page: str
    kind: PageKind
    saved_at: datetime
    names: tuple[str, ...]
    items: int
    first_day: date
    last_day: date
    sharpe: float | None
    deflated: float | None


def record(connection: Connection, saved: SavedPage) -> None:
    """Record the page; one that was saved at the same path before is replaced, as its file was."""
    connection.execute(
        "INSERT OR REPLACE INTO saved_pages (page, kind, saved_at, names, items, first_day, last_day, sharpe, "
        "deflated) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            *(saved.page, saved.kind, saved.saved_at, json.dumps(saved.names), saved.items),
            *(saved.first_day, saved.last_day, saved.sharpe, saved.deflated),
        ],
    )


def newest(connection: Connection, last: int) -> tuple[SavedPage, ...]:
    """Return the pages that were saved last, newest first; their files may be gone."""
    return read_all(
        connection,
        SavedPage,
        "SELECT page, kind, saved_at, names, items, first_day, last_day, sharpe, deflated FROM saved_pages "
        "ORDER BY saved_at DESC, page LIMIT ?",
        [last],
    )
