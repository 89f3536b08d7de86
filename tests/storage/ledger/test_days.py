from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.database import connect
from storage.keyed_rows import LedgerConflict
from storage.ledger import bulk
from storage.ledger import days as ledger
from storage.ledger import order_lookup as order_history
from storage.ledger import orders as order_store
from storage.ledger import positions as position_store
from storage.ledger.row_codec import Provenance, snapshot_row, to_snapshot
from strategy.account.orders import Fill, Order, OrderState, Side
from strategy.account.state import Account, Entry, EntryKind, Position, Snapshot
from strategy.backtest.day_loop import AccountState, Day, opening
from strategy.portfolio.decision import Decision, Status

MONDAY, TUESDAY, WEDNESDAY = date(2020, 1, 6), date(2020, 1, 7), date(2020, 1, 8)
RULES = Provenance(source="yahoo", strategy="rules", model_id=None, data_sha256="ab")
DECISION = Decision(
    as_of=MONDAY,
    symbol="SPY",
    status=Status.TRADED,
    regime="Bull",
    confidence=0.1 + 0.2,
    signal=0.5,
    volatility=0.17,
    exposure=1 / 3,
    reason="",
)
UNJUDGED = Decision(as_of=MONDAY, symbol="TLT", status=Status.WARMING_UP, reason="20 of 252 bars")
ORDER = Order(order_id="o1", symbol="SPY", as_of=MONDAY, side=Side.BUY, quantity=Decimal("1.5"))
FILLED = replace(ORDER, state=OrderState.FILLED)
FILL = Fill(
    order_id="o1",
    trade_id="t1",
    symbol="SPY",
    as_of=TUESDAY,
    side=Side.BUY,
    quantity=Decimal("1.5"),
    price=Decimal("320.123456789012"),
    fee=Decimal("0.48"),
)
FINANCING = Entry(
    as_of=TUESDAY, kind=EntryKind.FINANCING, symbol="", cash=Decimal("-0.000000000001"), quantity=Decimal(0)
)
ACCOUNT = Account(
    as_of=TUESDAY,
    cash=Decimal("-480.665185183518"),
    positions={"SPY": Position(quantity=Decimal("1.5"), mark=Decimal("321.5"))},
)
DAY = Day(
    state=AccountState(account=ACCOUNT, open_orders=(), unit_values=(Decimal(10_000), ACCOUNT.equity)),
    fills=(FILL,),
    entries=(FINANCING,),
    settled=(FILLED,),
)
amounts = st.decimals(min_value=-(10**9), max_value=10**9, places=12)


def test_decisions_come_back_as_they_were_taken(home: Path) -> None:
    with connect(home) as store:
        assert ledger.record_decisions(store, "daily", [UNJUDGED, DECISION], RULES) == 2
        assert ledger.decisions_on(store, "daily", MONDAY) == (DECISION, UNJUDGED)
        assert ledger.provenance_on(store, "daily", MONDAY) == RULES
        assert ledger.decisions_on(store, "daily", TUESDAY) == ()
        assert ledger.provenance_on(store, "other", MONDAY) is None


def test_decisions_of_a_network_name_it(home: Path) -> None:
    network = Provenance(source="sample", strategy="turbo", model_id="3f9a51", data_sha256="cd")
    with connect(home) as store:
        ledger.record_decisions(store, "daily", [DECISION], network)
        assert ledger.provenance_on(store, "daily", MONDAY) == network
        assert ledger.provenance_on(store, "daily", TUESDAY) is None


def test_an_account_s_panel_is_that_of_its_newest_decided_day(home: Path) -> None:
    sample = replace(RULES, source="sample")
    with connect(home) as store:
        assert ledger.newest_panel(store, "daily") == (None, ())
        ledger.record_decisions(store, "daily", [UNJUDGED, DECISION], RULES)
        ledger.record_decisions(store, "other", [replace(DECISION, as_of=WEDNESDAY)], sample)
        assert ledger.newest_panel(store, "daily") == ("yahoo", ("SPY", "TLT"))
        ledger.record_decisions(store, "daily", [replace(UNJUDGED, as_of=TUESDAY)], sample)
        assert ledger.newest_panel(store, "daily") == ("sample", ("TLT",))


def test_days_without_a_decision_are_missed_back_to_the_last_one_that_had_one(home: Path) -> None:
    days = [date(2020, 1, day) for day in (3, 6, 7, 8, 9)]
    with connect(home) as store:
        for day in days:
            settled = Day(state=opening(day, Decimal(1)), fills=(), entries=(), settled=())
            ledger.record_settlement(store, "daily", settled)
            ledger.record_settlement(store, "other", settled)
        assert ledger.missed_days(store, "daily", date(2020, 1, 9)) == ()
        ledger.record_decisions(store, "daily", [DECISION], RULES)
        assert ledger.missed_days(store, "daily", date(2020, 1, 9)) == (TUESDAY, WEDNESDAY)
        assert ledger.missed_days(store, "daily", TUESDAY) == ledger.missed_days(store, "daily", MONDAY) == ()
        ledger.record_decisions(store, "daily", [replace(DECISION, as_of=WEDNESDAY)], RULES)
        assert ledger.missed_days(store, "daily", date(2020, 1, 9)) == ()
        assert ledger.missed_days(store, "other", date(2020, 1, 9)) == ()


def test_the_accounts_are_those_that_have_lived_a_day_each_once_by_name(home: Path) -> None:
    with connect(home) as store:
        assert ledger.accounts(store) == ()
        for account in ("paper", "daily"):
            for day in (date(2020, 1, 6), date(2020, 1, 7)):
                lived = Day(state=opening(day, Decimal(10_000)), fills=(), entries=(), settled=())
                ledger.record_settlement(store, account, lived)
        assert ledger.accounts(store) == ("daily", "paper")


def test_settling_again_with_another_entry_is_a_conflict(home: Path) -> None:
    fee = Entry(as_of=TUESDAY, kind=EntryKind.FEE, symbol="SPY", cash=Decimal(0), quantity=Decimal("-0.125"))
    day = replace(DAY, entries=(FINANCING, fee), settled=())
    with connect(home) as store:
        ledger.record_settlement(store, "daily", day)
        ledger.record_settlement(store, "daily", day)
        assert ledger.entries_on(store, "daily", TUESDAY) == (fee, FINANCING)
        with pytest.raises(LedgerConflict, match="entries already holds another row for daily, 2020-01-07, fee, SPY"):
            ledger.record_settlement(store, "daily", replace(day, entries=(replace(fee, quantity=Decimal("-0.3")),)))


def test_deciding_again_alike_is_no_news_and_otherwise_a_conflict(home: Path) -> None:
    with connect(home) as store:
        ledger.record_decisions(store, "daily", [DECISION], RULES)
        assert ledger.record_decisions(store, "daily", [DECISION], RULES) == 0
        with pytest.raises(LedgerConflict, match="decisions already holds another row for daily, 2020-01-06, 1, SPY"):
            ledger.record_decisions(store, "daily", [UNJUDGED, replace(DECISION, exposure=0.3)], RULES)
        assert ledger.decisions_on(store, "daily", MONDAY) == (DECISION,)
        assert ledger.record_decisions(store, "backfill", [replace(DECISION, exposure=0.3)], RULES) == 1


def test_an_order_is_written_ahead_once_and_keeps_the_state_it_reached(home: Path) -> None:
    with connect(home) as store:
        assert order_store.record_orders(store, "daily", [ORDER]) == 1
        sent = replace(ORDER, state=OrderState.SENT)
        order_store.update_orders(store, "daily", [sent])
        assert order_store.record_orders(store, "daily", [ORDER]) == 0
        assert order_store.orders_on(store, "daily", MONDAY) == (sent,)
        assert order_store.open_orders(store, "daily") == (sent,)
        with pytest.raises(LedgerConflict, match="orders already holds another row for daily, o1"):
            order_store.record_orders(store, "daily", [replace(ORDER, quantity=Decimal(2))])


def test_an_order_that_has_ended_stays_as_it_is(home: Path) -> None:
    with connect(home) as store:
        order_store.record_orders(store, "daily", [ORDER])
        rejected = replace(ORDER, state=OrderState.REJECTED, reason="too small")
        order_store.update_orders(store, "daily", [rejected])
        order_store.update_orders(store, "daily", [rejected])
        assert order_store.open_orders(store, "daily") == ()
        with pytest.raises(LedgerConflict, match="o1 has ended as rejected; it cannot be filled"):
            order_store.update_orders(store, "daily", [FILLED])
        with pytest.raises(LedgerConflict, match="record an order first"):
            order_store.update_orders(store, "daily", [replace(ORDER, order_id="o2")])


def test_the_open_orders_of_a_past_day_are_those_that_were_open_then(home: Path) -> None:
    acknowledged = replace(ORDER, state=OrderState.ACKNOWLEDGED)
    skipped = replace(ORDER, order_id="o0", state=OrderState.SKIPPED)
    with connect(home) as store:
        order_store.record_orders(store, "daily", [ORDER, skipped])
        order_store.update_orders(store, "daily", [acknowledged])
        ledger.record_settlement(store, "daily", DAY)
        assert order_store.orders_open_at(store, "daily", date(2020, 1, 5)) == ()
        assert order_store.orders_open_at(store, "daily", MONDAY) == (acknowledged,)
        assert order_store.orders_open_at(store, "daily", TUESDAY) == ()
        assert order_store.orders_on(store, "daily", MONDAY) == (skipped, FILLED)


def test_a_settled_day_comes_back_and_settling_it_again_is_no_news(home: Path) -> None:
    first = Day(state=opening(MONDAY, Decimal(10_000)), fills=(), entries=(), settled=())
    with connect(home) as store:
        assert position_store.latest_snapshot(store, "daily") is None
        ledger.record_settlement(store, "daily", first)
        order_store.record_orders(store, "daily", [ORDER])
        for _ in range(2):
            ledger.record_settlement(store, "daily", DAY)
        assert position_store.latest_snapshot(store, "daily") == DAY.state.snapshot
        both = position_store.snapshots(store, "daily", until=WEDNESDAY, last_days=5)
        assert both == (first.state.snapshot, DAY.state.snapshot)
        assert position_store.snapshots(store, "daily", until=WEDNESDAY, last_days=1) == both[1:]
        assert position_store.snapshots(store, "daily", until=MONDAY, last_days=5) == both[:1]
        assert ledger.fills_on(store, "daily", TUESDAY) == (FILL,)
        assert ledger.entries_on(store, "daily", TUESDAY) == (FINANCING,)
        assert ledger.fills_on(store, "other", TUESDAY) == ()


def test_a_settlement_that_conflicts_writes_nothing(home: Path) -> None:
    with connect(home) as store:
        with pytest.raises(LedgerConflict, match="record an order first"):
            ledger.record_settlement(store, "daily", DAY)
        assert position_store.latest_snapshot(store, "daily") is None
        assert ledger.fills_on(store, "daily", TUESDAY) == ()
        order_store.record_orders(store, "daily", [ORDER])
        ledger.record_settlement(store, "daily", DAY)
        other = replace(DAY, fills=(replace(FILL, price=Decimal(320)),))
        with pytest.raises(LedgerConflict, match="fills already holds another row"):
            ledger.record_settlement(store, "daily", other)


def test_many_rows_are_written_as_one(home: Path) -> None:
    many = [replace(FILL, trade_id=f"t{number:04}") for number in range(450)]
    with connect(home) as store:
        assert ledger.record_fills(store, "daily", many) == 450
        assert ledger.record_fills(store, "daily", many) == 0
        assert ledger.fills_on(store, "daily", TUESDAY) == tuple(many)


@given(cash=amounts, quantity=amounts, drawdown=st.floats(0, 1))
def test_a_snapshot_loses_no_digit(cash: Decimal, quantity: Decimal, drawdown: float) -> None:
    positions = {"A": Position(quantity=quantity, mark=Decimal("0.000000012345"))}
    account = Account(as_of=MONDAY, cash=cash, positions=positions)
    snapshot = Snapshot(account=account, equity=account.equity, drawdown=drawdown)
    row = snapshot_row("daily", snapshot)
    assert to_snapshot((row[1], *row[3:])) == snapshot


@pytest.mark.parametrize("amount", ["0.000000000001", "-0.000000000001", "99999999999999.999999999999", "1E+3", "0"])
def test_money_keeps_twelve_decimals_in_the_store(home: Path, amount: str) -> None:
    entry = replace(FINANCING, cash=Decimal(amount))
    day = Day(state=opening(TUESDAY, Decimal(1)), fills=(), entries=(entry,), settled=())
    with connect(home) as store:
        ledger.record_settlement(store, "daily", day)
        assert ledger.entries_on(store, "daily", TUESDAY) == (entry,)


def test_every_reader_of_fills_tells_what_the_venue_booked(tmp_path: Path) -> None:
    fill = Fill(
        order_id="one",
        trade_id="1",
        symbol="ETHBTC",
        as_of=date(2020, 1, 3),
        side=Side.BUY,
        quantity=Decimal("0.003"),
        price=Decimal("0.031234"),
        fee=Decimal(0),
        amount=Decimal("0.00009370"),
    )
    with connect(tmp_path) as store:
        ledger.record_fills(store, "daily", [fill])
        readings = (
            ledger.fills_on(store, "daily", fill.as_of),
            ledger.fills_after(store, "daily", date(2020, 1, 2)),
            ledger.fills_of(store, "daily", ["one"]),
            bulk.fills(store, "daily", fill.as_of),
            order_history.fills_of(store, "daily", "one"),
        )
    assert readings == ((fill,),) * 5


def test_an_account_opens_on_the_day_of_its_first_snapshot(home: Path) -> None:
    with connect(home) as store:
        assert ledger.first_day(store, "daily") is None
        for day in (MONDAY, TUESDAY):
            state = AccountState(account=replace(ACCOUNT, as_of=day), open_orders=(), unit_values=(ACCOUNT.equity,))
            ledger.record_settlement(store, "daily", replace(DAY, state=state, fills=(), entries=(), settled=()))
        assert ledger.first_day(store, "daily") == MONDAY
        assert ledger.first_day(store, "other") is None


def test_the_last_day_that_was_decided_lies_before_the_day_that_is_asked_for(home: Path) -> None:
    with connect(home) as store:
        for day in (MONDAY, WEDNESDAY):
            ledger.record_decisions(store, "daily", [replace(DECISION, as_of=day)], RULES)
        ledger.record_decisions(store, "other", [replace(DECISION, as_of=TUESDAY)], RULES)
        asked = [ledger.last_decided(store, "daily", before=day) for day in (MONDAY, TUESDAY, WEDNESDAY, date.max)]
    assert asked == [None, MONDAY, MONDAY, WEDNESDAY]
