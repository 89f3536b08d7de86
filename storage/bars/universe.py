"""The universe of a source: which symbols might be held, and when."""

from collections.abc import Mapping, Sequence

from storage.database import Connection, transaction
from strategy.market.instruments import Membership

#: The spans of each symbol, oldest first; a symbol that is absent never belonged.
Universe = Mapping[str, tuple[Membership, ...]]


def replace(connection: Connection, source: str, universe: Universe) -> None:
    """None; the source's universe is the one given, in place of what was known; an empty one abolishes it."""
    rows = [[source, symbol, one.first, one.last] for symbol, spans in universe.items() for one in spans]
    with transaction(connection):
        connection.execute("DELETE FROM universe WHERE source = ?", [source])
        if rows:
            connection.executemany("INSERT INTO universe (source, symbol, first, last) VALUES (?, ?, ?, ?)", rows)


def load(connection: Connection, source: str) -> Universe | None:
    """The source's universe; None where nobody keeps one, and every symbol may be held."""
    rows = connection.execute(
        "SELECT symbol, first, last FROM universe WHERE source = ? ORDER BY symbol, first", [source]
    ).fetchall()
    return _by_symbol([(symbol, Membership(first=first, last=last)) for symbol, first, last in rows]) if rows else None


def _by_symbol(rows: Sequence[tuple[str, Membership]]) -> Universe:
    spans: dict[str, tuple[Membership, ...]] = {}
    for symbol, one in rows:
        spans[symbol] = (*spans.get(symbol, ()), one)
    return spans
