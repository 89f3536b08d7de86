"""What a broker once confirmed of an order stays, whatever it says later."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from storage.database import connect
from storage.ledger import order_evidence as evidence
from strategy.broker.fills import ListedOrder, VenueOrder

#: The columns of an execution when evidence began to be kept.
COLUMNS = "account, order_id, trade_id, symbol, executed_at, side, quantity, price, fee, fee_asset, realised, adoption"
NOON = datetime(2020, 1, 6, 12, 0, 0, 123000, tzinfo=UTC)
FIRST = VenueOrder(venue_order_id="28", transacted_at=NOON)
LATER = VenueOrder(venue_order_id="29", transacted_at=NOON + timedelta(hours=1))


def test_what_was_confirmed_first_stays(home: Path) -> None:
    with connect(home) as store:
        assert evidence.evidence_of(store, "spot", "testnet-spot", "o1") is None
        assert evidence.record_evidence(store, "spot", "testnet-spot", "o1", FIRST)
        assert not evidence.record_evidence(store, "spot", "testnet-spot", "o1", LATER)
        told = evidence.evidence_of(store, "spot", "testnet-spot", "o1")
        assert told == FIRST
        assert told is not None
        assert told.transacted_at.tzinfo is UTC
        assert evidence.evidence_of(store, "spot", "testnet-futures", "o1") is None


def test_confirmed_orders_are_found_by_when_they_were_taken(home: Path) -> None:
    with connect(home) as store:
        evidence.record_evidence(store, "spot", "testnet-spot", "o2", LATER)
        evidence.record_evidence(store, "spot", "testnet-spot", "o1", FIRST)
        evidence.record_evidence(store, "other", "testnet-spot", "o3", FIRST)
        both = (ListedOrder(order_id="o1", venue=FIRST), ListedOrder(order_id="o2", venue=LATER))
        found = evidence.evidence_since(store, "spot", "testnet-spot", NOON)
        assert found == both
        assert {one.venue.transacted_at.tzinfo for one in found} == {UTC}
        assert all(one.venue.transacted_at.tzinfo is UTC for one in found)
        after = NOON + timedelta(milliseconds=1)
        assert evidence.evidence_since(store, "spot", "testnet-spot", after) == both[1:]


def test_orders_that_traded_before_evidence_was_kept_have_some(home: Path) -> None:
    """The migration, read again over a store as it was written before it."""
    text = (Path(evidence.__file__).parents[1] / "migrations" / "0012_order_evidence.sql").read_text()
    with connect(home) as store:
        store.execute("DROP TABLE order_evidence")
        for symbol in ("", "BTCUSDT"):
            row = ["spot", "testnet-spot", 1, symbol, 1, NOON, "first run"]
            store.execute(f"INSERT INTO adoptions VALUES ({', '.join('?' * 7)}, NULL)", row)
        for number, at in (("t1", LATER.transacted_at), ("t2", NOON)):
            row = ["spot", "o1", number, "BTCUSDT", at, "buy", Decimal(1), Decimal(1), Decimal(0), "USDT", None, 1]
            store.execute(f"INSERT INTO executions ({COLUMNS}) VALUES ({', '.join('?' * 12)})", row)
        store.execute(text)
        told = evidence.evidence_of(store, "spot", "testnet-spot", "o1")
    assert told == VenueOrder(venue_order_id="", transacted_at=NOON)
