from datetime import date
from decimal import Decimal
from pathlib import Path

from storage.database import Connection, connect
from storage.ledger import positions
from storage.ledger.row_codec import snapshot_row
from strategy.account.state import Account, Position, Snapshot

FRIDAY, MONDAY, TUESDAY, WEDNESDAY = (date(2020, 1, day) for day in (3, 6, 7, 8))


def lived(day: date, *symbols: str) -> Snapshot:
    held = {symbol: Position(quantity=Decimal(1), mark=Decimal(10)) for symbol in symbols}
    account = Account(as_of=day, cash=Decimal(5), positions=held)
    return Snapshot(account=account, equity=account.equity, drawdown=0.0)


def keep(store: Connection, snapshot: Snapshot) -> None:
    row = snapshot_row("daily", snapshot)
    store.execute(f"INSERT INTO account_snapshots VALUES ({', '.join('?' * len(row))})", list(row))


def test_snapshots_come_back_oldest_first_and_no_more_than_are_wanted(home: Path) -> None:
    past = [lived(FRIDAY, "A"), lived(MONDAY), lived(TUESDAY, "B")]
    with connect(home) as store:
        assert positions.latest_snapshot(store, "daily") is None
        for snapshot in past:
            keep(store, snapshot)
        assert positions.latest_snapshot(store, "daily") == past[2]
        assert positions.latest_snapshot(store, "other") is None
        assert positions.snapshots(store, "daily", until=WEDNESDAY, last_days=9) == tuple(past)
        assert positions.snapshots(store, "daily", until=WEDNESDAY, last_days=2) == tuple(past[1:])
        assert positions.snapshots(store, "daily", until=MONDAY, last_days=9) == tuple(past[:2])


def test_a_position_is_held_since_the_last_day_that_was_without_it(home: Path) -> None:
    with connect(home) as store:
        assert positions.held_since(store, "daily", last_days=9) == {}
        days = (FRIDAY, MONDAY, TUESDAY, WEDNESDAY)
        for day, symbols in zip(days, (("B", "C"), ("A", "C"), ("A", "B", "C"), ("A", "B", "D")), strict=True):
            keep(store, lived(day, *symbols))
        assert positions.held_since(store, "daily", last_days=9) == {"A": MONDAY, "B": TUESDAY, "D": WEDNESDAY}
        assert positions.held_since(store, "daily", last_days=2) == {"A": TUESDAY, "B": TUESDAY, "D": WEDNESDAY}
        assert positions.held_since(store, "other", last_days=9) == {}
