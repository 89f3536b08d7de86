"""An account at a testnet that is flattened: what rests is cancelled, what is held is sold, once."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from exchange.ports import Broker, BrokerUnavailable
from storage.database import connect
from storage.ledger import orders as order_store
from storage.ledger import positions as position_store
from strategy.account.orders import Order, OrderState
from tasks.daily.account_state import account_config
from tasks.daily.flattening import closing_config
from tasks.explain.order_record import explain, orders_named
from tasks.notices.left_over import LeftOver, left_over
from tasks.operations.halt import HaltAnswer, flatten, resume
from testing.simulation.calm_days import BTC, DAYS, ETH, Calm

SPOT, FUTURES = "testnet-spot", "testnet-futures"


@pytest.fixture(params=[SPOT, FUTURES])
def year(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Calm]:
    with Calm(3, tmp_path / "home", request.param).open() as made:
        yield made


def flattened(year: Calm) -> HaltAnswer:
    return flatten(year.home, "daily", "out of here", year._now(), lambda _, now: year._broker(now))


def held(year: Calm) -> dict[str, Decimal]:
    with connect(year.home) as store:
        snapshot = position_store.latest_snapshot(store, "daily")
    assert snapshot is not None
    return {symbol: position.quantity for symbol, position in snapshot.account.positions.items()}


def orders(year: Calm, number: int) -> dict[str, Order]:
    with connect(year.home) as store:
        return {order.symbol: order for order in order_store.orders_on(store, "daily", DAYS[number])}


def test_every_position_is_closed_by_orders_that_cannot_open_one(year: Calm) -> None:
    number = year.until_it_holds()
    answer = flattened(year)
    assert (answer.flatten, answer.cancelled, answer.warnings) == (True, (), ())
    # The run trades one symbol alone now; what it holds of the other is closed as well.
    year.traded = (ETH,)
    year.on(number + 1)
    # A thin book takes a part of it; the next day's run sells the rest.
    days = range(number + 1, number + 5)
    for later in days[1:]:
        year.on(later)
    accepted = {order.client_id: order for order in year.testnet.exchange.accepted_orders}
    closing = [order for later in days for order in orders(year, later).values() if order.order_id in accepted]
    assert all(accepted[order.order_id].reduce_only is (year.venue == FUTURES) for order in closing)
    assert {order.symbol for order in closing} >= {BTC}
    assert all(abs(quantity) < Decimal("0.001") for quantity in held(year).values())
    with connect(year.home) as store:
        assert {each.code for each in left_over(store, "daily")} <= {LeftOver.DUST}
    assert orders(year, days[-1]).keys() <= held(year).keys()
    year.checks.balances()
    resume(year.home, "daily", "it is over", year._now())


def test_a_symbol_that_is_halted_there_is_kept_named_and_sold_once_it_trades_again(year: Calm) -> None:
    number = year.until_it_holds()
    flattened(year)
    books = (year.testnet.exchange.spot.books, year.testnet.exchange.futures.books)
    for book in books:
        book[BTC].listing.status = "BREAK"
    year.on(number + 1)
    assert BTC not in orders(year, number + 1)
    with connect(year.home) as store:
        (left,) = (each for each in left_over(store, "daily") if each.symbol == BTC)
    assert (left.code, BTC in left.reason) == (LeftOver.BARRED, True)
    for book in books:
        book[BTC].listing.status = "TRADING"
    year.on(number + 2)
    assert orders(year, number + 2)[BTC].state is OrderState.FILLED


def test_a_broker_that_does_not_answer_keeps_no_account_from_being_flattened(year: Calm) -> None:
    year.until_it_holds()
    with connect(year.home) as store:
        store.execute("UPDATE orders SET state = 'acknowledged', settled_on = NULL WHERE symbol = ?", [BTC])
        (waiting,) = order_store.open_orders(store, "daily")

    def down(_: str, now: datetime) -> Broker:
        raise BrokerUnavailable(f"{year.venue} does not answer at {now:%H:%M}")

    answer = flatten(year.home, "daily", "out of here", year._now(), down)
    assert answer.flatten
    assert answer.warnings[0].startswith(f"orders that were sent could not be cancelled now ({waiting.order_id}): ")
    again = flattened(year)
    assert (again.changed, again.warnings) == (False, ())
    with connect(year.home) as store:
        assert order_store.open_orders(store, "daily") == ()


def test_an_order_that_closes_a_position_is_explained_by_what_is_held_alone(year: Calm) -> None:
    number = year.until_it_holds()
    flattened(year)
    year.on(number + 1)
    order = orders(year, number + 1)[BTC]
    (found,) = orders_named(year.home, order.order_id, "daily")
    answer = explain(year.home, found, lambda *_: pytest.fail("it is stored"))
    assert (answer.origin, answer.verified, answer.bars, answer.decision.rebalance) == ("stored", None, None, "flatten")
    assert answer.planned is not None
    assert (answer.planned.exposure, answer.planned.quantity) == (0.0, order.signed_quantity)
    assert answer.planned.held == -answer.planned.change == held(year)[BTC]


def test_only_the_futures_venue_takes_closing_orders_of_any_value(year: Calm) -> None:
    year.until_it_holds()
    with connect(year.home) as store:
        config = account_config(store, year._job(DAYS[0] + timedelta(days=5)))
    least = config.terms.instruments[BTC].min_notional
    assert least > 0
    assert closing_config(config, FUTURES).terms.instruments[BTC].min_notional == 0
    assert closing_config(config, SPOT).terms.instruments[BTC].min_notional == least
