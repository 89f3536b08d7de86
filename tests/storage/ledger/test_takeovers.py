from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from storage.database import connect
from storage.ledger import takeovers
from storage.ledger.broker_events import BrokerBaseline
from storage.ledger.takeovers import KeptPositions
from strategy.account.state import Entry, EntryKind
from strategy.broker.takeover import Cause, Change

D = Decimal
MONDAY, TUESDAY = date(2020, 1, 6), date(2020, 1, 7)


def adoption(number: int) -> BrokerBaseline:
    at = datetime(2020, 1, 6, tzinfo=UTC)
    return BrokerBaseline(
        account="daily", broker="b", number=number, reason="test", adopted_at=at, cash=D(100), positions={}
    )


def test_what_adoptions_book_on_a_day_is_added_up_by_symbol(tmp_path: Path) -> None:
    rebate = Change(symbol="", cash=D("0.5"), quantity=D(0), cause=Cause.CASH)
    gone = Change(symbol="A", cash=D(200), quantity=D(-2), cause=Cause.POSITION)
    with connect(tmp_path) as store:
        for number in (2, 2, 3):
            changes = [(gone, "sold"), (rebate, "paid")] if number == 2 else [(rebate, "paid")]
            takeovers.record_changes(store, adoption(number), TUESDAY, changes)
        rows = store.execute("SELECT line, symbol, cause, reason FROM takeover_entries WHERE number = 2 ORDER BY line")
        assert rows.fetchall() == [(1, "A", "position", "sold"), (2, "", "cash", "paid")]
        cash = Entry(as_of=TUESDAY, kind=EntryKind.REBASE, symbol="", cash=D(1), quantity=D(0))
        sold = Entry(as_of=TUESDAY, kind=EntryKind.REBASE, symbol="A", cash=D(200), quantity=D(-2))
        assert takeovers.entries_on(store, "daily", TUESDAY) == (cash, sold)
        assert takeovers.entries_after(store, "daily", MONDAY) == (cash, sold)
        assert takeovers.entries_on(store, "daily", MONDAY) == takeovers.entries_after(store, "daily", TUESDAY) == ()


def test_what_was_kept_belongs_to_its_adoption(tmp_path: Path) -> None:
    kept = KeptPositions(positions={"A": D(2), "B": D(1)}, costs={"A": D(600)})
    with connect(tmp_path) as store:
        takeovers.record_kept_positions(store, adoption(2), kept)
        assert takeovers.kept_positions(store, adoption(2)) == kept
        assert takeovers.kept_positions(store, adoption(1)) == KeptPositions(positions={}, costs={})


def test_what_a_store_of_before_had_booked_for_a_day_to_come_still_is(tmp_path: Path) -> None:
    text = (Path(takeovers.__file__).parents[1] / "migrations" / "0015_takeovers.sql").read_text()
    with connect(tmp_path) as store:
        store.execute("DROP TABLE takeover_entries; DROP TABLE takeover_positions")
        store.execute("INSERT INTO account_snapshots VALUES ('daily', '2020-01-06', 1, 1, 1, 0, '{}', NULL)")
        for day in (MONDAY, TUESDAY):
            columns = "account, as_of, kind, symbol, cash, quantity"
            store.execute(f"INSERT INTO entries ({columns}) VALUES ('daily', ?, 'rebase', 'A', 200, -2)", [day])
        store.execute(text)
        settled = store.execute("SELECT as_of FROM entries").fetchall()
        waiting = takeovers.entries_after(store, "daily", MONDAY)
        assert takeovers.entries_on(store, "daily", MONDAY)[0].quantity == D(-2)
    assert settled == [(MONDAY,)]
    assert [(entry.symbol, entry.cash, entry.quantity) for entry in waiting] == [("A", D(200), D(-2))]
