"""The universe of a source: which symbols may be held, and when."""

from collections.abc import Mapping, Sequence

from storage.database import Connection, transaction
from strategy.market.instruments import Membership

#: The membership spans of each symbol, oldest first; a symbol that is absent was never a member.
Universe = Mapping[str, tuple[Membership, ...]]


def replace(connection: Connection, source: str, universe: Universe) -> None:
    """Replace the source's universe by the given one; an empty one removes it."""
    rows = [[source, symbol, span.first, span.last] for symbol, spans in universe.items() for span in spans]
    with transaction(connection):
        connection.execute("DELETE FROM universe WHERE source = ?", [source])
        if rows:
            connection.executemany("INSERT INTO universe (source, symbol, first, last) VALUES (?, ?, ?, ?)", rows)


def load(connection: Connection, source: str) -> Universe | None:
    """Return the source's universe; None if it has none, and every symbol may be held."""
    rows = connection.execute(
        "SELECT symbol, first, last FROM universe WHERE source = ? ORDER BY symbol, first", [source]
    ).fetchall()
    return _by_symbol([(symbol, Membership(first=first, last=last)) for symbol, first, last in rows]) if rows else None


def _by_symbol(rows: Sequence[tuple[str, Membership]]) -> Universe:
    spans: dict[str, tuple[Membership, ...]] = {}
    for symbol, span in rows:
        spans[symbol] = (*spans.get(symbol, ()), span)
    return spans
