"""What brokers outside told comes back as it was told: by account, adoption and day, and once."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from storage.database import Connection, connect
from storage.keyed_rows import LedgerConflict
from storage.ledger import broker_events
from storage.ledger import days as ledger
from storage.ledger.broker_events import BrokerBaseline
from strategy.account.orders import Fill, Order, OrderState, Side
from strategy.broker.fills import BrokerFill, FundingPayment

D = Decimal
MONDAY, TUESDAY, WEDNESDAY = date(2020, 1, 6), date(2020, 1, 7), date(2020, 1, 8)
NOON = datetime(2020, 1, 6, 12, 0, 0, 123456, tzinfo=UTC)
FIRST = BrokerBaseline(
    account="spot",
    broker="testnet-spot",
    number=1,
    reason="first run",
    adopted_at=NOON,
    cash=D("10000.5"),
    positions={"BTCUSDT": D("0.25"), "ETHUSDT": D(0)},
)
ORDER = Order(order_id="o1", symbol="BTCUSDT", as_of=MONDAY, side=Side.BUY, quantity=D(2))
TRADE = BrokerFill(
    order_id="o1",
    trade_id="t1",
    symbol="BTCUSDT",
    executed_at=NOON,
    side=Side.BUY,
    quantity=D("0.123456789012"),
    price=D("100.5"),
    fee=D("0.001"),
    fee_asset="BNB",
    realised=D("-1.25"),
)
SALE = replace(TRADE, trade_id="t0", executed_at=NOON + timedelta(hours=1), side=Side.SELL, realised=None)
FUNDING = FundingPayment(charge_id="c1", charged_at=NOON, symbol="BTCUSDT", cash=D("-0.000000000001"))


def a_fill(trade: BrokerFill, day: date) -> Fill:
    return Fill(
        order_id=trade.order_id,
        trade_id=trade.trade_id,
        symbol=trade.symbol,
        as_of=day,
        side=trade.side,
        quantity=trade.quantity,
        price=trade.price,
        fee=trade.fee,
    )


def test_a_broker_is_taken_over_as_it_stood_and_later_anew(home: Path) -> None:
    again = replace(FIRST, number=2, reason="reset", adopted_at=NOON + timedelta(days=9), cash=D(7), positions={})
    again = replace(again, charges_from=again.adopted_at - timedelta(minutes=2), charges_held=frozenset({"c1", "c2"}))
    with connect(home) as store:
        assert broker_events.newest_baseline(store, "spot", "testnet-spot") is None
        broker_events.record_baseline(store, FIRST)
        taken = broker_events.newest_baseline(store, "spot", "testnet-spot")
        assert taken == FIRST
        assert taken.adopted_at.tzinfo is UTC
        broker_events.record_baseline(store, again)
        assert broker_events.newest_baseline(store, "spot", "testnet-spot") == again
        newest = broker_events.newest_baseline(store, "spot", "testnet-spot")
        assert newest is not None
        assert newest.charges_from is not None
        assert newest.charges_from.tzinfo is UTC
        assert (
            broker_events.newest_baseline(store, "spot", "testnet-futures")
            is broker_events.newest_baseline(store, "x", "testnet-spot")
            is None
        )


def test_a_symbol_may_join_an_adoption_and_changes_nothing_of_it(home: Path) -> None:
    joined = replace(FIRST, cash=D(1), reason="joined", positions={"BTCUSDT": D(9), "ADAUSDT": D("1.0000000000004")})
    with connect(home) as store:
        broker_events.record_baseline(store, FIRST)
        broker_events.record_baseline(store, joined)
        taken = broker_events.newest_baseline(store, "spot", "testnet-spot")
        assert taken == replace(FIRST, positions={"ADAUSDT": D(1), **FIRST.positions})
        assert list(taken.positions) == ["ADAUSDT", "BTCUSDT", "ETHUSDT"]


def test_an_account_and_its_broker_are_found_by_each_other(home: Path) -> None:
    with connect(home) as store:
        assert broker_events.broker_of(store, "spot") is broker_events.account_at(store, "testnet-spot") is None
        broker_events.record_baseline(store, FIRST)
        broker_events.record_baseline(store, replace(FIRST, account="futures", broker="testnet-futures"))
        assert [broker_events.broker_of(store, venue) for venue in ("spot", "futures")] == [
            "testnet-spot",
            "testnet-futures",
        ]
        assert [broker_events.account_at(store, venue) for venue in ("testnet-spot", "testnet-futures")] == [
            "spot",
            "futures",
        ]


def steps(store: Connection) -> list[tuple[object, ...]]:
    return store.execute("SELECT account, order_id, number, state, reason FROM order_events ORDER BY ALL").fetchall()


def test_each_step_of_an_order_is_counted_once_however_often_it_is_told(home: Path) -> None:
    sent, unknown = (replace(ORDER, state=state) for state in (OrderState.SENT, OrderState.UNKNOWN))
    told = [ORDER, sent, sent, unknown, unknown, replace(unknown, reason="time-out"), sent]
    with connect(home) as store:
        for hours, order in enumerate(told):
            broker_events.record_step(store, "spot", order, NOON + timedelta(hours=hours))
        broker_events.record_step(store, "other", ORDER, NOON)
        assert steps(store) == [
            ("other", "o1", 1, "intended", ""),
            ("spot", "o1", 1, "intended", ""),
            ("spot", "o1", 2, "sent", ""),
            ("spot", "o1", 3, "unknown", ""),
            ("spot", "o1", 4, "unknown", "time-out"),
            ("spot", "o1", 5, "sent", ""),
        ]


def test_an_order_was_sent_when_it_was_last_handed_over(home: Path) -> None:
    sent = replace(ORDER, state=OrderState.SENT)
    with connect(home) as store:
        assert broker_events.sent_at(store, "spot", "o1") is None
        broker_events.record_step(store, "spot", ORDER, NOON)
        assert broker_events.sent_at(store, "spot", "o1") is None
        for hours, order in ((1, sent), (2, ORDER), (3, sent), (4, ORDER)):
            broker_events.record_step(store, "spot", order, NOON + timedelta(hours=hours))
        at = broker_events.sent_at(store, "spot", "o1")
        assert at == NOON + timedelta(hours=3)
        assert at.tzinfo is UTC
        assert broker_events.sent_at(store, "spot", "o2") is broker_events.sent_at(store, "other", "o1") is None


def test_trades_come_back_in_the_order_of_time_by_the_adoption_that_they_followed(home: Path) -> None:
    later = replace(TRADE, order_id="o2")
    with connect(home) as store:
        assert broker_events.record_executions(store, "spot", 1, [SALE, TRADE]) == (SALE, TRADE)
        assert broker_events.record_executions(store, "spot", 2, [later, TRADE]) == (later,)
        assert broker_events.executions(store, "spot", 1) == (TRADE, SALE)
        assert broker_events.executions(store, "spot", 2) == (later,)
        assert {execution.executed_at.tzinfo for execution in broker_events.executions(store, "spot", 1)} == {UTC}
        assert all(execution.executed_at.tzinfo is UTC for execution in broker_events.executions(store, "spot", 1))
        assert broker_events.executions(store, "other", 1) == ()


def test_a_trade_that_is_told_otherwise_is_a_conflict_in_every_word_of_it(home: Path) -> None:
    others = [
        {"symbol": "ETHUSDT"},
        {"executed_at": NOON + timedelta(seconds=1)},
        {"side": Side.SELL},
        {"quantity": D(1)},
        {"price": D(1)},
        {"fee": D(0)},
        {"fee_asset": "USDT"},
        {"realised": None},
        {"realised": D(0)},
    ]
    with connect(home) as store:
        broker_events.record_executions(store, "spot", 1, [TRADE])
        for other in others:
            with pytest.raises(LedgerConflict, match="executions already holds another row for spot, o1, t1"):
                broker_events.record_executions(store, "spot", 1, [replace(TRADE, **other)])  # type: ignore[arg-type]
        assert broker_events.record_executions(store, "spot", 1, [replace(TRADE, price=D("100.5000000000004"))]) == ()


def test_money_of_trades_and_charges_keeps_twelve_decimals(home: Path) -> None:
    exact = replace(TRADE, quantity=D("2E-12"), price=D("0.1000000000004"), fee=D("3E-13"), realised=D("0.7E-12"))
    with connect(home) as store:
        broker_events.record_executions(store, "spot", 1, [exact])
        (kept,) = broker_events.executions(store, "spot", 1)
        assert (kept.quantity, kept.price, kept.fee, kept.realised) == (D("2E-12"), D("0.1"), D(0), D("1E-12"))
        broker_events.record_charge(store, "spot", 1, replace(FUNDING, cash=D("0.7E-12")), MONDAY)
        assert broker_events.charges(store, "spot", 1)[0].cash == D("1E-12")


def test_trades_are_found_by_the_day_that_their_fills_are_booked_on(home: Path) -> None:
    """The fill may be booked on a later day than the trade: its date alone does not tell."""
    monday, tuesday, wednesday = (
        replace(TRADE, trade_id=name, executed_at=NOON - timedelta(hours=number))
        for number, name in enumerate(("t3", "t2", "t1"))
    )
    same_id, unbooked = replace(TRADE, order_id="o9", trade_id="t3"), replace(TRADE, trade_id="t4")
    days = {monday: MONDAY, tuesday: TUESDAY, wednesday: WEDNESDAY, same_id: WEDNESDAY}
    with connect(home) as store:
        broker_events.record_executions(store, "spot", 1, [*days, unbooked])
        ledger.record_fills(store, "spot", [a_fill(trade, day) for trade, day in days.items()])
        ledger.record_fills(store, "other", [a_fill(unbooked, MONDAY)])
        assert broker_events.executions_booked(store, "spot", MONDAY) == (monday,)
        assert broker_events.executions_booked(store, "spot", WEDNESDAY) == (wednesday, same_id)
        assert broker_events.executions_booked(store, "other", MONDAY) == ()
        assert broker_events.executions_after(store, "spot", MONDAY) == (wednesday, tuesday, same_id)
        assert broker_events.executions_after(store, "spot", TUESDAY) == (wednesday, same_id)
        assert (
            broker_events.executions_after(store, "spot", WEDNESDAY)
            == broker_events.executions_after(store, "x", MONDAY)
            == ()
        )


def test_a_charge_counts_once_and_belongs_to_its_account_day_and_adoption(home: Path) -> None:
    late = replace(FUNDING, charge_id="c0", charged_at=NOON + timedelta(hours=8), cash=D(2))
    with connect(home) as store:
        assert [broker_events.record_charge(store, "spot", 1, charge, TUESDAY) for charge in (late, FUNDING)] == [
            True,
            True,
        ]
        assert broker_events.record_charge(store, "spot", 2, FUNDING, WEDNESDAY) is False
        assert broker_events.record_charge(store, "spot", 2, replace(FUNDING, charge_id="c2"), WEDNESDAY) is True
        assert broker_events.charges(store, "spot", 1) == (FUNDING, late)
        assert broker_events.charges(store, "spot", 2) == (replace(FUNDING, charge_id="c2"),)
        assert broker_events.charges_booked(store, "spot", TUESDAY) == (FUNDING, late)
        assert all(charge.charged_at.tzinfo is UTC for charge in broker_events.charges(store, "spot", 1))
        nothing = (
            broker_events.charges_booked(store, "spot", MONDAY),
            broker_events.charges_booked(store, "x", TUESDAY),
        )
        assert (*nothing, broker_events.charges(store, "x", 1)) == ((), (), ())
        for other in ({"charged_at": NOON + timedelta(seconds=1)}, {"symbol": "ETHUSDT"}, {"cash": D(1)}):
            with pytest.raises(LedgerConflict, match="charges already holds another row for spot, c1"):
                broker_events.record_charge(store, "spot", 1, replace(FUNDING, **other), TUESDAY)  # type: ignore[arg-type]


def test_what_was_booked_and_the_assets_are_kept_and_rows_of_old_have_neither(home: Path) -> None:
    told = replace(SALE, amount=D("12.40740730"), base="BTC", quote="USDT", fee_symbol="BNBUSDT")
    with connect(home) as store:
        broker_events.record_executions(store, "spot", 1, [told])
        ledger.record_fills(store, "spot", [replace(a_fill(told, MONDAY), amount=told.amount)])
        assert broker_events.executions(store, "spot", 1) == (told,)
        (fill,) = ledger.fills_on(store, "spot", MONDAY)
        assert fill.paid == D("-12.40740730")
        store.execute("UPDATE executions SET amount = NULL, base = NULL, quote = NULL, fee_symbol = NULL")
        assert broker_events.executions(store, "spot", 1) == (SALE,)
        # Told again with the amount, an old row is the same trade.
        assert broker_events.record_executions(store, "spot", 1, [told]) == ()


def test_the_newest_order_that_was_handed_over_is_known(home: Path) -> None:
    with connect(home) as store:
        assert broker_events.last_sent_at(store, "spot") is None
        steps = (("o1", OrderState.SENT, 1), ("o2", OrderState.SENT, 3), ("o2", OrderState.FILLED, 4))
        for order_id, state, hours in steps:
            step = replace(ORDER, order_id=order_id, state=state)
            broker_events.record_step(store, "spot", step, NOON + timedelta(hours=hours))
        broker_events.record_step(store, "other", replace(ORDER, state=OrderState.SENT), NOON + timedelta(hours=9))
        last = broker_events.last_sent_at(store, "spot")
    assert last == NOON + timedelta(hours=3)
    assert last.tzinfo is UTC


def test_trades_are_found_by_symbol_and_by_time_whatever_the_adoption(home: Path) -> None:
    ether = replace(TRADE, order_id="o2", trade_id="e1", symbol="ETHUSDT", executed_at=NOON + timedelta(hours=2))
    with connect(home) as store:
        broker_events.record_executions(store, "spot", 1, [SALE, TRADE])
        broker_events.record_executions(store, "spot", 2, [ether])
        assert broker_events.trade_ids(store, "spot", "BTCUSDT") == {"t0", "t1"}
        assert (
            broker_events.trade_ids(store, "spot", "ADAUSDT")
            == broker_events.trade_ids(store, "other", "BTCUSDT")
            == frozenset()
        )
        assert broker_events.executions_since(store, "spot", NOON) == (TRADE, SALE, ether)
        assert broker_events.executions_since(store, "spot", NOON + timedelta(hours=1)) == (SALE, ether)
        assert broker_events.executions_since(store, "other", NOON) == ()


def test_charges_of_later_days_are_told_by_number(home: Path) -> None:
    charges = [replace(FUNDING, charge_id=name) for name in ("c3", "c1", "c2")]
    with connect(home) as store:
        for charge, day in zip(charges, (WEDNESDAY, MONDAY, TUESDAY), strict=True):
            broker_events.record_charge(store, "spot", 1, charge, day)
        assert broker_events.charges_after(store, "spot", MONDAY) == (charges[2], charges[0])
        assert (
            broker_events.charges_after(store, "spot", WEDNESDAY)
            == broker_events.charges_after(store, "other", MONDAY)
            == ()
        )
