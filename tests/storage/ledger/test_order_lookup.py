from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from storage.database import Connection, connect
from storage.ledger import broker_events, orders, runs
from storage.ledger import days as ledger
from storage.ledger import order_lookup as order_history
from storage.ledger.runs import Run
from strategy.account.orders import Fill, Order, OrderState, Side
from strategy.broker.fills import BrokerFill

DAY = date(2020, 1, 2)
NOW = datetime(2020, 1, 3, tzinfo=UTC)


def order(order_id: str, day: date = DAY, symbol: str = "A") -> Order:
    return Order(order_id=order_id, symbol=symbol, as_of=day, side=Side.BUY, quantity=Decimal(1))


def ids(store: Connection, text: str, account: str | None = None, most: int = 5) -> list[str]:
    return [one.order_id for one in order_history.beginning(store, text, account, most=most)]


def test_an_order_is_found_by_its_beginning_with_or_without_what_all_begin_with(home: Path) -> None:
    with connect(home) as store:
        orders.record_orders(store, "daily", [order("tdmt-ab1"), order("tdmt-ab2", DAY + timedelta(days=1))])
        orders.record_orders(store, "other", [order("tdmt-ac1")])
        assert ids(store, "tdmt-ab1") == ids(store, "ab1") == ["tdmt-ab1"]
        assert ids(store, "tdmt-ab") == ["tdmt-ab2", "tdmt-ab1"]
        assert ids(store, "a", most=2) == ["tdmt-ab2", "tdmt-ab1"]
        assert ids(store, "a", "other") == ["tdmt-ac1"]
        assert ids(store, "b1") == ids(store, "%") == ids(store, "ab1", "other") == []
        (found,) = order_history.beginning(store, "ac", None, most=5)
    assert (found.account, found.symbol, found.as_of) == ("other", "A", DAY)


def test_the_steps_fills_and_trades_are_those_of_the_one_order(home: Path) -> None:
    fill = Fill(
        order_id="tdmt-a",
        trade_id="7",
        symbol="A",
        as_of=DAY + timedelta(days=1),
        side=Side.BUY,
        quantity=Decimal("0.5"),
        price=Decimal(100),
        fee=Decimal("0.1"),
    )
    trade = BrokerFill(
        order_id="tdmt-a",
        trade_id="7",
        symbol="A",
        executed_at=NOW,
        side=Side.BUY,
        quantity=Decimal("0.5"),
        price=Decimal(100),
        fee=Decimal("0.1"),
        fee_asset="USDT",
        realised=Decimal("-2.5"),
    )
    sent = Order(
        order_id="tdmt-a",
        symbol="A",
        as_of=DAY,
        side=Side.BUY,
        quantity=Decimal(1),
        state=OrderState.SENT,
        reason="attempt 2",
    )
    with connect(home) as store:
        orders.record_orders(store, "spot", [order("tdmt-a"), order("tdmt-b", symbol="B")])
        broker_events.record_step(store, "spot", sent, NOW)
        broker_events.record_executions(store, "spot", 1, [trade])
        ledger.record_fills(store, "spot", [fill])
        (step,) = order_history.steps(store, "spot", "tdmt-a")
        assert (step.state, step.reason, step.recorded_at) == (OrderState.SENT, "attempt 2", NOW)
        assert (
            step.recorded_at.tzinfo is broker_events.executions_of(store, "spot", "tdmt-a")[0].executed_at.tzinfo is UTC
        )
        assert order_history.fills_of(store, "spot", "tdmt-a") == (fill,)
        assert broker_events.executions_of(store, "spot", "tdmt-a") == (trade,)
        for told in (order_history.steps, order_history.fills_of, broker_events.executions_of):
            assert told(store, "spot", "tdmt-b") == told(store, "other", "tdmt-a") == ()


def test_the_settings_of_a_day_are_those_of_the_run_that_decided_it(home: Path) -> None:
    def start(number: int, command: str, account: str, day: date) -> None:
        run = Run(
            run_id=f"run-{number}",
            account=account,
            command=command,
            as_of=day,
            started_at=NOW + timedelta(hours=number),
            code_version="test",
            config=f'{{"number": {number}}}',
        )
        runs.start_run(store, run)

    later = DAY + timedelta(days=9)
    with connect(home) as store:
        start(1, "daily", "daily", later)
        start(2, "daily", "daily", DAY)
        start(3, "backfill", "filled", later)
        assert order_history.settings_behind(store, "daily", DAY) == '{"number": 2}'
        assert order_history.settings_behind(store, "daily", DAY + timedelta(days=1)) is None
        assert order_history.settings_behind(store, "filled", DAY) == '{"number": 3}'
        assert order_history.settings_behind(store, "filled", later + timedelta(days=1)) is None
