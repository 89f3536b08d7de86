from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from storage.database import connect
from storage.ledger import broker_events
from storage.ledger.broker_events import BrokerBaseline
from storage.ledger.resets import record_reset, remembers_from

ADOPTED = datetime(2020, 1, 6, 0, 5, tzinfo=UTC)
DAY = timedelta(days=1)


def adoption(account: str, broker: str, number: int, at: datetime, **positions: str) -> BrokerBaseline:
    held = {symbol: Decimal(quantity) for symbol, quantity in positions.items()}
    return BrokerBaseline(
        account=account,
        broker=broker,
        number=number,
        reason="test",
        adopted_at=at,
        cash=Decimal(100),
        positions=held,
    )


def test_a_broker_knows_of_an_account_since_its_first_adoption_or_its_newest_reset(tmp_path: Path) -> None:
    with connect(tmp_path) as store:
        assert remembers_from(store, "daily", "b") is None
        broker_events.record_baseline(store, adoption("daily", "b", 1, ADOPTED, A="1"))
        # A symbol that joins later, an adoption by hand, other accounts and other brokers begin nothing.
        broker_events.record_baseline(store, adoption("daily", "b", 1, ADOPTED, A="1", B="2"))
        store.execute("UPDATE adoptions SET adopted_at = ? WHERE symbol = 'B'", [ADOPTED + DAY])
        broker_events.record_baseline(store, adoption("daily", "b", 2, ADOPTED + 2 * DAY))
        broker_events.record_baseline(store, adoption("daily", "c", 1, ADOPTED + 3 * DAY))
        broker_events.record_baseline(store, adoption("other", "b", 1, ADOPTED + 4 * DAY))
        record_reset(store, "other", "b", 2, ADOPTED + 5 * DAY)
        record_reset(store, "daily", "c", 2, ADOPTED + 6 * DAY)
        assert remembers_from(store, "daily", "b") == ADOPTED
        for number, days in ((3, 7), (4, 9), (4, 11)):
            record_reset(store, "daily", "b", number, ADOPTED + days * DAY)
        # Of a reset that is met twice the first time stays.
        found = remembers_from(store, "daily", "b")
        assert found == ADOPTED + 9 * DAY
        assert found.tzinfo is UTC
