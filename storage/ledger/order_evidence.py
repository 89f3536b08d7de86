"""Evidence that an external broker once confirmed an order: kept as first reported and never revoked.

An order with evidence has arrived, whatever the broker reports or forgets later.
"""

from datetime import datetime

from storage.database import Connection
from storage.typed_rows import read_all, read_first
from strategy.broker.fills import ListedOrder, VenueOrder


def record_evidence(connection: Connection, account: str, broker: str, order_id: str, venue: VenueOrder) -> bool:
    """Record the broker's confirmation; return True if it was the first. The first confirmation stays as it is."""
    written = connection.execute(
        "INSERT INTO order_evidence (account, broker, order_id, venue_order_id, transacted_at) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT DO NOTHING RETURNING order_id",
        [account, broker, order_id, venue.venue_order_id, venue.transacted_at],
    ).fetchone()
    return written is not None


def evidence_of(connection: Connection, account: str, broker: str, order_id: str) -> VenueOrder | None:
    """Return the broker's confirmation of the order; None if there was none."""
    return read_first(
        connection,
        VenueOrder,
        "SELECT venue_order_id, transacted_at FROM order_evidence WHERE account = ? AND broker = ? AND order_id = ?",
        [account, broker, order_id],
    )


def evidence_since(connection: Connection, account: str, broker: str, since: datetime) -> tuple[ListedOrder, ...]:
    """Return the orders that the broker confirmed to have accepted at that instant or later, oldest first."""
    return read_all(
        connection,
        ListedOrder,
        "SELECT order_id, venue_order_id, transacted_at FROM order_evidence WHERE account = ? AND broker = ? "
        "AND transacted_at >= ? ORDER BY transacted_at, order_id",
        [account, broker, since],
    )
