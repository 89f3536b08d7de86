"""Adopting while something of ours is still on its way: it is asked for first, and whatever it did is counted once."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from exchange.ports import BrokerUnavailable
from storage.database import connect
from storage.ledger import broker_events
from storage.ledger import order_lookup as order_history
from storage.ledger import orders as order_store
from storage.ledger.broker_events import BrokerBaseline
from strategy.account.orders import Order, OrderState, ReasonCode, Side
from strategy.broker.fills import BrokerFill
from tasks.broker.balances import BrokerDisagrees
from tasks.explain.order_record import explain, orders_named
from tasks.operations.adopt import adopt, foresee
from testing.exchange.faults import Fault, Faults, Kind
from testing.exchange.orders import Order as Accepted
from testing.exchange.transport import ExchangeTransport
from testing.simulation.calm_days import BTC, DAYS, Calm, Interrupted
from testing.simulation.store import Killed
from testing.simulation.year import SYMBOLS

D = Decimal
SPOT, FUTURES = "testnet-spot", "testnet-futures"
VENUES = (SPOT, FUTURES)
QUANTITY = {SPOT: D("0.9"), FUTURES: D(2)}
ORDERS = {SPOT: "/api/v3/order", FUTURES: "/fapi/v1/order"}
ANSWERS_LOST = [Fault(kind=Kind.HTML, method="GET", path="order")] * 40
LONG_AFTER = timedelta(days=91)


@pytest.fixture(params=VENUES)
def year(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Calm]:
    with Calm(3, tmp_path / "home", request.param).open() as made:
        yield made


def taken_over(year: Calm) -> dict[str, Any]:
    return adopt(year.home, "daily", "I looked", year._broker, year._now()).json_values()


def newest(year: Calm) -> BrokerBaseline:
    with connect(year.home) as store:
        found = broker_events.newest_baseline(store, "daily", year.venue)
    assert found is not None
    return found


def stored(year: Calm, order_id: str) -> Order:
    with connect(year.home) as store:
        return order_store.read_order(store, "daily", order_id)


def trades(year: Calm, order_id: str) -> dict[int, list[BrokerFill]]:
    """The order's trades in the ledger, by the number of the adoption under which they count."""
    with connect(year.home) as store:
        every = {
            number: broker_events.executions(store, "daily", number) for number in range(1, newest(year).number + 1)
        }
    return {number: found for number, all_ in every.items() if (found := [o for o in all_ if o.order_id == order_id])}


def there(year: Calm, order_id: str) -> Accepted:
    (accepted,) = year.testnet.exchange.accepted(order_id)
    return accepted


def left_hanging(year: Calm, first: Fault) -> tuple[int, Order]:
    """The number of a day and an order of it, of which the run never heard again: the first fault met it on its way."""
    number = year.until_it_holds()
    year.testnet.exchange.faults = Faults(listed=[first, *ANSWERS_LOST])
    for later in range(number + 1, len(DAYS)):
        try:
            year.on(later)
        except BrokerUnavailable:
            break
    else:
        raise AssertionError("no order was due in these days; take another seed")
    year.testnet.exchange.faults = Faults()
    with connect(year.home) as store:
        (hanging,) = [
            order for order in order_store.open_orders(store, "daily") if order.state is not OrderState.INTENDED
        ]
    return later, hanging


TAKEN = Fault(kind=Kind.CUT_ACCEPTED, method="POST", path="order")
LOST = Fault(kind=Kind.CUT, method="POST", path="order")


def put(year: Calm, number: int, price: str) -> Order:
    """An order of ours that stands in the venue's book at the price; what stood there at that price it has taken."""
    now, exchange = year._now(), year.testnet.exchange
    order = Order(
        order_id=f"tdmt-{5:024x}", symbol=BTC, as_of=DAYS[number], side=Side.SELL, quantity=QUANTITY[year.venue]
    )
    with connect(year.home) as store:
        order_store.record_orders(store, "daily", [order])
        sent = replace(order, state=OrderState.SENT)
        order_store.claim_order(store, "daily", sent)
        broker_events.record_step(store, "daily", sent, now)
    limit = {"type": "LIMIT", "timeInForce": "GTC", "price": price, "newClientOrderId": order.order_id}
    exchange.call("POST", ORDERS[year.venue], symbol=BTC, side="SELL", quantity=order.quantity, **limit)
    return order


def test_a_fill_that_nobody_was_told_of_is_asked_for_before_the_balances_are_adopted(year: Calm) -> None:
    number, hanging = left_hanging(year, TAKEN)
    taken_over(year)
    assert stored(year, hanging.order_id).state is OrderState.FILLED
    assert set(trades(year, hanging.order_id)) == {1}
    year.on(number)
    year.on(number + 1)
    assert newest(year).number == 2
    assert not year.testnet.exchange.duplicates()


def test_an_order_that_did_not_arrive_ends_with_the_adoption(year: Calm) -> None:
    number, hanging = left_hanging(year, LOST)
    sent = len(year.testnet.exchange.accepted_orders)
    year.testnet.sleep(600)
    taken_over(year)
    ended = stored(year, hanging.order_id)
    assert (ended.state, ended.code) == (OrderState.EXPIRED, ReasonCode.ADOPTED)
    # It was decided for what is cash now, so that it is not written anew either.
    year.on(number)
    assert len(year.testnet.exchange.accepted_orders) == sent


@pytest.mark.parametrize(("depth", "filled"), [(None, "0"), ("0.2", "0.2")])
def test_what_still_rests_at_the_venue_is_cancelled_before_the_balances_are_adopted(
    year: Calm, depth: str | None, filled: str
) -> None:
    number, exchange = year.until_it_holds(), year.testnet.exchange
    price = (exchange.spot if year.venue == SPOT else exchange.futures).books[BTC].last
    if depth is not None:
        exchange.quote(BTC, price, depth=D(depth))
    order = put(year, number, f"{price if depth else price * D('1.04'):.1f}")
    taken_over(year)
    assert (there(year, order.order_id).status, there(year, order.order_id).executed) == ("CANCELED", D(filled))
    assert stored(year, order.order_id).state is OrderState.CANCELLED
    assert {
        number: sum(execution.quantity for execution in told) for number, told in trades(year, order.order_id).items()
    } == ({1: D(filled)} if depth else {})
    year.on(number + 1)
    assert newest(year).number == 2


def test_what_had_not_left_before_an_adoption_never_does(year: Calm) -> None:
    number, hanging = left_hanging(year, TAKEN)
    late = replace(hanging, order_id=f"tdmt-{7:024x}", state=OrderState.INTENDED, reason="")
    with connect(year.home) as store:
        order_store.record_orders(store, "daily", [late])
    taken_over(year)
    ended = stored(year, late.order_id)
    assert (ended.state, ended.reason) == (OrderState.EXPIRED, "the broker was adopted before it left")
    sent = len(year.testnet.exchange.accepted_orders)
    year.on(number)
    assert len(year.testnet.exchange.accepted_orders) == sent


def test_what_had_not_left_before_a_reset_never_does(year: Calm) -> None:
    number, hanging = left_hanging(year, TAKEN)
    waiting = replace(hanging, order_id=f"tdmt-{7:024x}", state=OrderState.INTENDED, reason="")
    with connect(year.home) as store:
        order_store.record_orders(store, "daily", [waiting])
    year.testnet.exchange.reset()
    year.checks.reset()
    sent = len(year.testnet.exchange.accepted_orders)
    year.on(number)
    assert newest(year).reason == "the venue was reset"
    assert stored(year, waiting.order_id).state is OrderState.EXPIRED
    assert len(year.testnet.exchange.accepted_orders) == sent


class Silent(ExchangeTransport):
    """A way to the exchange on which it tells of no trades yet."""

    def send(self, request: requests.PreparedRequest, *given: Any, **options: Any) -> requests.Response:
        response = super().send(request, *given, **options)
        if str(request.url).partition("?")[0].endswith(("/myTrades", "/userTrades")):
            response._content = b"[]"
        return response


def test_nothing_is_adopted_while_the_venue_does_not_say_what_became_of_an_order(year: Calm) -> None:
    number, hanging = left_hanging(year, TAKEN)
    year.ways.append(Silent(year.testnet.exchange))
    told = (
        rf"^{year.venue} does not say yet what became of order {hanging.order_id} of {DAYS[number]}; nothing was "
        r"adopted: run the same command again in 10 minutes$"
    )
    with pytest.raises(BrokerUnavailable, match=told):
        taken_over(year)
    assert newest(year).number == 1
    taken_over(year)
    assert (newest(year).number, stored(year, hanging.order_id).state) == (2, OrderState.FILLED)


def day_of_orders(folder: Path, venue: str) -> int:
    """The number of a day after the first buy on which orders leave."""
    with Calm(3, folder / "rehearsal", venue).open() as year:
        for number in range(year.until_it_holds() + 1, len(DAYS)):
            before = len(year.testnet.exchange.accepted_orders)
            year.on(number)
            if len(year.testnet.exchange.accepted_orders) > before:
                return number
    raise AssertionError("no order left in these days; take another seed")


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("outer", ["adopt", "daily"])
def test_an_adoption_and_a_run_that_meet_at_any_request_leave_books_that_agree(
    tmp_path: Path, venue: str, outer: str
) -> None:
    day, number, sent = day_of_orders(tmp_path, venue), 0, 0
    while number <= sent:
        number += 1
        with Calm(3, tmp_path / str(number), venue).open() as year:
            for earlier in range(day):
                year.on(earlier)
            year.testnet.move_to(year._instant(DAYS[day]))
            year._quote(DAYS[day])
            both: tuple[Callable[[], object], ...] = (partial(taken_over, year), partial(year._run, DAYS[day]))
            first, second = both if outer == "adopt" else both[::-1]
            way = Interrupted(year.testnet.exchange, number, second)
            year.ways.append(way)
            with suppress(BrokerUnavailable):
                first()
            sent = way.sent
            if newest(year).number == 1:
                taken_over(year)
            year.on(day)
            year.on(day + 1)
            year.on(day + 2)
            assert newest(year).number == 2, number
            assert not year.testnet.exchange.duplicates()


def killed_at(year: Calm, monkeypatch: pytest.MonkeyPatch, number: int) -> int:
    """Return how many statements and requests an adoption takes that is killed at that one, or at none (0)."""
    seen = 0

    def maybe_kill(_: str) -> None:
        nonlocal seen
        seen += 1
        if seen == number:
            raise Killed("here")

    with monkeypatch.context() as patched:
        patched.setattr(year.dice, "maybe_kill", maybe_kill)
        taken_over(year)
    return seen


@pytest.mark.parametrize(("venue", "forgotten"), [(SPOT, False), (FUTURES, False), (FUTURES, True)])
@pytest.mark.parametrize("step", [23, pytest.param(1, marks=pytest.mark.slow)])
def test_an_adoption_killed_anywhere_and_repeated_leaves_books_that_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, venue: str, step: int, *, forgotten: bool
) -> None:
    number, total = 0, 1
    while number <= total:
        with Calm(3, tmp_path / str(number), venue).open() as year:
            day, hanging = left_hanging(year, TAKEN)
            next_day = DAYS[day] + (LONG_AFTER if forgotten else timedelta(days=1))
            year.testnet.move_to(year._instant(next_day))
            if number:
                with pytest.raises(Killed, match="here"):
                    killed_at(year, monkeypatch, number)
                ended = stored(year, hanging.order_id).state is OrderState.EXPIRED
                assert not ended or newest(year).number == 2, "it ended before its fill was counted"
                taken_over(year)
            else:
                total = killed_at(year, monkeypatch, 0)
            year.lived_on(next_day)
            year.lived_on(next_day + timedelta(days=1))
            assert len(year.testnet.exchange.accepted(hanging.order_id)) == 1
        number += step


@pytest.mark.parametrize("filled", [True, False])
def test_a_futures_order_that_the_venue_has_forgotten_is_ended_by_an_adoption(tmp_path: Path, *, filled: bool) -> None:
    with Calm(3, tmp_path / "home", FUTURES).open() as year:
        number, hanging = left_hanging(year, TAKEN if filled else LOST)
        later, sent = DAYS[number] + LONG_AFTER, len(year.testnet.exchange.accepted_orders)
        told = (
            rf"^{FUTURES} no longer reports what became of order {hanging.order_id} of {DAYS[number]}; nothing was "
            rf"ordered; look, then `turbodmt adopt --account daily --broker {FUTURES} --reason TEXT` ends it and takes "
            r"the broker over as it stands$"
        )
        for _ in range(2):
            with pytest.raises(BrokerDisagrees, match=told):
                year.lived_on(later)
        assert stored(year, hanging.order_id).state is OrderState.UNKNOWN
        taken_over(year)
        ended = stored(year, hanging.order_id)
        assert (ended.state, ended.reason) == (
            OrderState.EXPIRED,
            "the venue reports no order older than 90 days; what it may have traded is in the balances of adoption 2",
        )
        assert trades(year, hanging.order_id) == {}
        assert len(year.testnet.exchange.accepted_orders) == sent
        year.lived_on(later)
        year.lived_on(later + timedelta(days=1))
        assert newest(year).number == 2
        assert len(year.testnet.exchange.accepted(hanging.order_id)) == (1 if filled else 0)


def test_the_explanation_tells_why_a_forgotten_order_has_ended(tmp_path: Path) -> None:
    with Calm(3, tmp_path / "home", FUTURES).open() as year:
        number, hanging = left_hanging(year, TAKEN)
        year.testnet.move_to(year._instant(DAYS[number] + LONG_AFTER))
        taken_over(year)
        (found,) = orders_named(year.home, hanging.order_id, "daily")
        answer = explain(year.home, found, lambda _: year._job(DAYS[number]).policy).json_values()
        with connect(year.home) as store:
            steps = order_history.steps(store, "daily", hanging.order_id)
    reason = "the venue reports no order older than 90 days; what it may have traded is in the balances of adoption 2"
    assert (answer["order"]["state"], answer["order"]["reason"]) == ("expired", reason)
    assert [(str(step.state), step.reason) for step in steps[-1:]] == [("expired", reason)]
    assert (answer["steps"][-1]["reason"], answer["fills"]) == (reason, [])


@pytest.mark.parametrize("filled", [True, False])
def test_a_spot_order_is_told_of_however_old_it_is(tmp_path: Path, *, filled: bool) -> None:
    with Calm(3, tmp_path / "home", SPOT).open() as year:
        number, hanging = left_hanging(year, TAKEN if filled else LOST)
        year.lived_on(DAYS[number] + LONG_AFTER)
        state = stored(year, hanging.order_id).state
    assert state is (OrderState.FILLED if filled else OrderState.EXPIRED)


def test_an_archived_spot_order_ends_by_itself(tmp_path: Path) -> None:
    with Calm(3, tmp_path / "home", SPOT).open() as year:
        number = year.until_it_holds()
        order = put(year, number, f"{year.testnet.exchange.spot.books[BTC].last * D('1.04'):.1f}")
        year.testnet.exchange.spot.orders.mark(there(year, order.order_id), "EXPIRED")
        later: date = DAYS[number] + LONG_AFTER
        year.lived_on(later)
        ended = stored(year, order.order_id)
    assert ended.state is OrderState.EXPIRED
    assert "code -2026" in ended.reason


@pytest.mark.parametrize("state", [OrderState.UNKNOWN, OrderState.ACKNOWLEDGED])
def test_an_order_in_a_symbol_that_the_venue_no_longer_lists_stops_no_adoption(year: Calm, state: OrderState) -> None:
    number = year.until_it_holds()
    with connect(year.home) as store:
        code = ReasonCode.UNSEEN if state is OrderState.UNKNOWN else None
        store.execute("UPDATE orders SET state = ?, code = ?, settled_on = NULL WHERE symbol = ?", [state, code, BTC])
        (waiting,) = order_store.open_orders(store, "daily")
    # The venue has delisted it: no question about it is answered, and futures positions are settled.
    for venue in (year.testnet.exchange.spot, year.testnet.exchange.futures):
        venue.books.pop(BTC)
    year.testnet.exchange.futures.account.positions.pop(BTC, None)
    year.testnet.move_to(year._instant(DAYS[number + 1]))
    assert taken_over(year)["number"] == 2
    assert stored(year, waiting.order_id).state is OrderState.EXPIRED
    with connect(year.home) as store:
        assert order_store.open_orders(store, "daily") == ()


def test_an_account_none_of_whose_symbols_is_listed_any_more_is_adopted(year: Calm) -> None:
    year.until_it_holds()
    for venue in (year.testnet.exchange.spot, year.testnet.exchange.futures):
        for symbol in SYMBOLS:
            venue.books.pop(symbol)
            year.testnet.exchange.futures.account.positions.pop(symbol, None)
    year.testnet.sleep(600)
    foreseen = foresee(year.home, "daily", year._broker, year._now())
    told = taken_over(year)
    # What the venue tells nothing of stays, as where others are listed; the cash is that of before.
    assert (told["number"], told["positions"], foreseen.number) == (2, {}, 2)
    assert told["after"] == told["before"]
    assert any("tells of no BTCUSDT, which is no proof that it is gone" in note for note in told["notes"])
