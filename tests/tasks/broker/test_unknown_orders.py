"""Orders of which the venue does not say what became: bought once, and every state has a way out."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from exchange.ports import OrderReport
from storage.database import connect
from storage.ledger import broker_events
from storage.ledger import days as ledger
from storage.ledger import order_evidence as evidence
from storage.ledger import orders as order_store
from storage.ledger import positions as position_store
from strategy.account.orders import Order, OrderState, ReasonCode
from tasks.backfill.market import OPEN
from tasks.broker.balances import BrokerDisagrees
from tasks.broker.submission import record
from tasks.broker.unknown_orders import unresolved_notices
from tasks.daily.report import report
from tasks.daily.settle import settle
from tasks.models.retrain import Champion
from tasks.operations.adopt import adopt, foresee
from tasks.operations.halt import flatten
from tasks.run.answers import day_answer
from tasks.run.runs import day_result
from testing.exchange.transport import ExchangeTransport
from testing.simulation.calm_days import BTC, DAYS, Calm

SPOT, FUTURES = "testnet-spot", "testnet-futures"
RULES = Champion(model_id=None, reason="rules needs no model")
TIME_OUT = (408, -1007, "Timeout waiting for response from backend server. Send status unknown; execution unknown.")


@pytest.fixture(params=[SPOT, FUTURES])
def year(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Calm]:
    with Calm(3, tmp_path / "home", request.param).open() as made:
        yield made


@pytest.fixture
def spot(tmp_path: Path) -> Iterator[Calm]:
    with Calm(3, tmp_path / "home", SPOT).open() as made:
        yield made


def ends(request: requests.PreparedRequest, *endings: str) -> bool:
    return str(request.url).partition("?")[0].endswith(endings)


def refusal(status: int, code: int, said: str) -> requests.Response:
    response = requests.Response()
    response.status_code, response._content = status, f'{{"code": {code}, "msg": "{said}"}}'.encode()
    return response


@dataclass
class Late(ExchangeTransport):
    """A way on which the first order reaches the engine `late` after it left (None: never), whatever was answered."""

    year: Calm
    late: timedelta | None
    answer: tuple[int, int, str] | None = None
    step: timedelta = timedelta(0)
    due: datetime | None = None
    held: dict[str, str] | None = None
    path: str = ""
    met: bool = False

    def send(self, request: requests.PreparedRequest, *given: Any, **options: Any) -> requests.Response:
        clock = self.year.testnet.clock
        if self.held is not None and self.due is not None and clock.server() >= self.due:
            asked = {k: v for k, v in self.held.items() if k not in ("timestamp", "signature", "recvWindow")}
            self.held = None
            self.exchange.call("POST", self.path, **asked)
        if self.met or request.method != "POST" or not ends(request, "/order"):
            return super().send(request, *given, **options)
        body = request.body.decode() if isinstance(request.body, bytes) else request.body or ""
        address = urlsplit(str(request.url))
        self.met, self.path = True, address.path
        self.held = dict(parse_qsl(address.query)) | dict(parse_qsl(str(body)))
        self.due = None if self.late is None else clock.server() + self.late
        # Our clock is set, the venue's goes on.
        self.year.clock.now += self.step
        clock.offset -= self.step
        if self.answer is None:
            raise requests.ConnectionError("cut")
        return refusal(*self.answer)


@dataclass
class Forgetful(ExchangeTransport):
    """A way on which orders are taken and answered, and told no more while it forgets, nor are their trades."""

    forgets: bool = True
    met: bool = False

    def send(self, request: requests.PreparedRequest, *given: Any, **options: Any) -> requests.Response:
        response = super().send(request, *given, **options)
        self.met = self.met or (request.method == "POST" and ends(request, "/order"))
        if not self.forgets or not self.met:
            return response
        if ends(request, "/myTrades", "/userTrades", "/allOrders"):
            response._content = b"[]"
        if request.method == "GET" and ends(request, "/order"):
            return refusal(400, -2013, "Order does not exist.")
        return response


def until_met(year: Calm, way: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[int, Order]:
    """The number of the first day that orders, and the order that met its fate on that way."""
    monkeypatch.setattr(year, "_broker", lambda _: year.testnet.broker(year.venue, way))
    for number in range(len(DAYS)):
        year.on(number)
        if way.met:
            break
    with connect(year.home) as store:
        steps = store.execute(
            "SELECT order_id FROM order_events WHERE state = 'unknown' ORDER BY recorded_at"
        ).fetchall()
        return number, order_store.read_order(store, "daily", steps[0][0])


def orders_of(year: Calm, number: int) -> tuple[Order, ...]:
    with connect(year.home) as store:
        return order_store.orders_on(store, "daily", DAYS[number])


def stored(year: Calm, order: Order) -> Order:
    with connect(year.home) as store:
        return order_store.read_order(store, "daily", order.order_id)


def bought(year: Calm, order: Order) -> tuple[int, Decimal]:
    """How many orders of its symbol and day the exchange has taken, and what the ledger says that they traded."""
    with connect(year.home) as store:
        ids = [one.order_id for one in order_store.orders_on(store, "daily", order.as_of) if one.symbol == order.symbol]
        told = [execution for execution in broker_events.executions(store, "daily", 1) if execution.order_id in ids]
    return sum(len(year.testnet.exchange.accepted(one)) for one in ids), sum(
        (execution.quantity for execution in told), Decimal(0)
    )


@pytest.mark.parametrize(("late_s", "answer"), [(12, TIME_OUT), (16, None), (20, TIME_OUT), (60, None)])
def test_an_order_that_reaches_the_engine_late_is_bought_once(
    spot: Calm, monkeypatch: pytest.MonkeyPatch, late_s: int, answer: tuple[int, int, str] | None
) -> None:
    way = Late(spot.testnet.exchange, year=spot, late=timedelta(seconds=late_s), answer=answer)
    number, order = until_met(spot, way, monkeypatch)
    assert (order.state, bought(spot, order)) == (OrderState.FILLED, (1, order.quantity))
    spot.checks.after(DAYS[number], spot._job(DAYS[number]))


@pytest.mark.parametrize("step_s", [60, -60])
@pytest.mark.parametrize("late", [timedelta(seconds=16), None])
def test_a_clock_that_is_set_changes_nothing(
    spot: Calm, monkeypatch: pytest.MonkeyPatch, step_s: int, late: timedelta | None
) -> None:
    way = Late(spot.testnet.exchange, year=spot, late=late, step=timedelta(seconds=step_s))
    _, order = until_met(spot, way, monkeypatch)
    expected = (OrderState.UNKNOWN, (0, Decimal(0))) if late is None else (OrderState.FILLED, (1, order.quantity))
    assert (order.state, bought(spot, order)) == expected


def test_an_order_that_left_no_trace_is_closed_by_the_next_day_and_never_sent_again_on_its_own(
    year: Calm, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, order = until_met(year, Late(year.testnet.exchange, year=year, late=None), monkeypatch)
    assert (order.state, order.code) == (OrderState.UNKNOWN, ReasonCode.UNSEEN)
    (told,) = unresolved_notices(year._job(DAYS[number]), ())
    assert told.startswith(f"{order.symbol} takes no order until it is known what became of order {order.order_id}")
    assert unresolved_notices(year._job(DAYS[number]), (order.symbol,)) == ()
    # The same day again, an hour later: still unknown, nothing sent, and the symbol is held back with the reason.
    year.testnet.sleep(3_600)
    year._run(DAYS[number])
    barred = settle(year._job(DAYS[number]), year._broker).agreement.barred
    assert "a run 12 hours after it was sent closes it if no trace is left" in barred[order.symbol]
    assert (stored(year, order).state, bought(year, order)) == (OrderState.UNKNOWN, (0, Decimal(0)))
    year.on(number + 1)
    ended = stored(year, order)
    assert (ended.state, ended.code) == (OrderState.EXPIRED, ReasonCode.ABSENT)
    assert "has no such order, lists none among open orders and all orders, reports no trade of it" in ended.reason
    year.on(number + 2)
    assert bought(year, order) == (0, Decimal(0))
    with connect(year.home) as store:
        fresh = [one for day in (1, 2) for one in order_store.orders_on(store, "daily", DAYS[number + day])]
    assert order.symbol in {one.symbol for one in fresh}


def test_the_answer_of_the_day_tells_an_unknown_order_once(spot: Calm, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is raised, which is exit code 0; and a later run of the day tells it once, by its symbol."""
    number, order = until_met(spot, Late(spot.testnet.exchange, year=spot, late=None), monkeypatch)
    job = spot._job(DAYS[number])

    def answered(barred: Mapping[str, str]) -> Any:
        gate = replace(OPEN, held_back=barred, warnings=unresolved_notices(job, barred))
        return json.loads(day_answer(day_result(job, report(job, RULES, gate))).to_json())

    first = answered({})
    spot.testnet.sleep(3_600)
    spot._run(DAYS[number])
    second = answered(settle(job, spot._broker).agreement.barred)
    for answer in (first, second):
        (told,) = [
            warning for warning in answer["warnings"] if order.order_id in warning or f"of {order.as_of} to" in warning
        ]
        assert told.startswith(f"{order.symbol} takes no order until it is known what became of order {order.order_id}")
        assert answer["orders"]


def test_the_others_trade_on_while_an_order_is_unknown(year: Calm, monkeypatch: pytest.MonkeyPatch) -> None:
    number, order = until_met(year, Late(year.testnet.exchange, year=year, late=None), monkeypatch)
    taken = dict.fromkeys(one.symbol for one in year.testnet.exchange.accepted_orders)
    for later in range(number + 1, number + 4):
        with connect(year.home) as store:
            store.execute("UPDATE order_events SET recorded_at = ? WHERE state = 'sent'", [year._instant(DAYS[later])])
        year.on(later)
        taken |= dict.fromkeys(one.symbol for one in year.testnet.exchange.accepted_orders)
        assert order.symbol not in taken
        with connect(year.home) as store:
            status = {decision.symbol: decision.status for decision in ledger.decisions_on(store, "daily", DAYS[later])}
        assert (status[order.symbol], len(set(status.values()))) == ("quarantined", 2)
    assert taken


def test_a_fill_that_the_venue_confirmed_and_forgot_is_waited_for_and_booked_once(
    year: Calm, monkeypatch: pytest.MonkeyPatch
) -> None:
    way = Forgetful(year.testnet.exchange)
    number, order = until_met(year, way, monkeypatch)
    with connect(year.home) as store:
        confirmed = evidence.evidence_of(store, "daily", year.venue, order.order_id)
    (accepted,) = year.testnet.exchange.accepted(order.order_id)
    assert order.state is OrderState.UNKNOWN
    assert confirmed is not None
    assert confirmed.venue_order_id == str(accepted.id)
    # The balances hold the fill that no trade tells: the same day waits for it, and nothing is bought again.
    year.testnet.sleep(3_600)
    year._run(DAYS[number])
    assert (stored(year, order).state, bought(year, order)) == (OrderState.UNKNOWN, (1, Decimal(0)))
    way.forgets = False
    year.on(number + 1)
    assert (stored(year, order).state, bought(year, order)) == (OrderState.FILLED, (1, order.quantity))
    year.checks.after(DAYS[number + 1], year._job(DAYS[number + 1]))


def test_a_fill_that_is_never_told_stops_the_next_day_until_the_broker_is_adopted(
    year: Calm, monkeypatch: pytest.MonkeyPatch
) -> None:
    way = Forgetful(year.testnet.exchange)
    number, order = until_met(year, way, monkeypatch)
    told = rf"what became of order {order.order_id} of .* is not known .*turbodmt adopt --account daily --broker"
    with pytest.raises(BrokerDisagrees, match=told):
        year.on(number + 1)
    foreseen = foresee(year.home, "daily", year._broker, year._now()).json_values()
    answer = adopt(year.home, "daily", "I looked", year._broker, year._now()).json_values()
    assert foreseen | {"dry_run": False, "reason": "I looked"} == answer
    ended = stored(year, order)
    assert (ended.state, ended.code) == (OrderState.EXPIRED, ReasonCode.ADOPTED)
    # What the venue has is the account's, at what the venue's books say that it cost.
    fills = [entry for entry in answer["entries"] if entry["cause"] == "fill"]
    trades = [trade for one in year.testnet.exchange.accepted_orders for trade in one.trades]
    spent = sum((trade.price * trade.quantity for trade in trades), Decimal(0))
    assert order.symbol in {fill["symbol"] for fill in fills}
    assert f"order {order.order_id} of unknown outcome" in next(
        fill["reason"] for fill in fills if fill["symbol"] == order.symbol
    )
    assert abs(-sum(Decimal(fill["cash"]) for fill in fills) / spent - 1) < Decimal("0.002")
    assert abs(Decimal(answer["after"]["equity"]) / Decimal(answer["before"]["equity"]) - 1) < Decimal("0.02")
    way.forgets = False
    for later in (number + 1, number + 2):
        year.on(later)
        year.checks._conserved(DAYS[later])
    assert bought(year, order)[0] == 1


def test_a_reset_is_met_though_an_order_of_unknown_outcome_might_have_sold_all(
    year: Calm, monkeypatch: pytest.MonkeyPatch
) -> None:
    year.traded = (BTC,)
    number = year.until_it_holds() + 1
    flatten(year.home, "daily", "out of here", year._now(), lambda _, now: year._broker(now))
    way = Late(year.testnet.exchange, year=year, late=None)
    with monkeypatch.context() as patched:
        patched.setattr(year, "_broker", lambda _: year.testnet.broker(year.venue, way))
        year.on(number)
    (order,) = (one for one in orders_of(year, number) if one.state is OrderState.UNKNOWN)
    with connect(year.home) as store:
        before = position_store.latest_snapshot(store, "daily")
    assert before is not None
    assert before.account.positions[order.symbol].quantity == -order.signed_quantity
    year.testnet.exchange.reset()
    year.checks.reset()
    # Within 12 hours a fill that is not told yet explains it as well.
    year.testnet.sleep(3_600)
    year._run(DAYS[number])
    assert stored(year, order).state is OrderState.UNKNOWN
    year.on(number + 1)
    assert (stored(year, order).state, bought(year, order)) == (OrderState.EXPIRED, (0, Decimal(0)))
    with connect(year.home) as store:
        after = position_store.latest_snapshot(store, "daily")
        newest = broker_events.newest_baseline(store, "daily", year.venue)
    assert after is not None
    assert newest is not None
    # Neither profit nor loss: what was held is cash at the last mark.
    assert (newest.number, newest.reason, after.account.positions) == (2, "the venue was reset", {})
    assert abs(after.equity - before.equity) < Decimal("0.01")
    year.checks.after(DAYS[number + 1], year._job(DAYS[number + 1]))


@dataclass
class Spoiled(ExchangeTransport):
    """A way on which orders are taken, and what is told of them or of their trades is spoiled."""

    spoils: Mapping[str, Callable[[requests.Response], requests.Response]] = field(default_factory=dict)
    met: bool = False

    def send(self, request: requests.PreparedRequest, *given: Any, **options: Any) -> requests.Response:
        response = super().send(request, *given, **options)
        path = str(request.url).partition("?")[0].rsplit("/", 1)[1]
        self.met = self.met or (request.method == "POST" and path == "order")
        return self.spoils.get(f"{request.method} {path}", lambda one: one)(response)


def with_odd_status(response: requests.Response) -> requests.Response:
    response._content = json.dumps({**response.json(), "status": "ODD"}).encode()
    return response


def without_the_last(response: requests.Response) -> requests.Response:
    response._content = json.dumps(response.json()[:-1]).encode()
    return response


def refused(_: requests.Response) -> requests.Response:
    return refusal(400, -1121, "Invalid symbol.")


@pytest.mark.parametrize(
    ("spoils", "told"),
    [
        ({"GET myTrades": without_the_last}, "but not all its trades are reported yet"),
        ({"GET myTrades": refused}, "its trades cannot be queried"),
        ({"GET myTrades": refused, "GET order": refused}, "the venue refuses to report it"),
    ],
)
def test_an_order_that_the_venue_does_not_tell_of_hangs_until_the_broker_is_adopted(
    spot: Calm, monkeypatch: pytest.MonkeyPatch, spoils: Any, told: str
) -> None:
    way = Spoiled(spot.testnet.exchange, spoils=spoils)
    number, order = until_met(spot, way, monkeypatch)
    assert (order.state, order.code) == (OrderState.UNKNOWN, ReasonCode.UNTOLD)
    assert told in order.reason
    for _ in range(2):
        with pytest.raises(
            BrokerDisagrees, match="`turbodmt adopt --account daily --broker testnet-spot --reason TEXT`"
        ):
            spot.on(number + 1)
    answer = adopt(spot.home, "daily", "I looked", spot._broker, spot._now()).json_values()
    assert (stored(spot, order).state, stored(spot, order).code) == (OrderState.EXPIRED, ReasonCode.ADOPTED)
    assert abs(Decimal(answer["after"]["equity"]) / Decimal(answer["before"]["equity"]) - 1) < Decimal("0.02")
    spot.on(number + 1)
    assert bought(spot, order)[0] == 1


def test_a_state_that_is_not_known_of_an_order_that_was_filled_is_a_fill(
    spot: Calm, monkeypatch: pytest.MonkeyPatch
) -> None:
    way = Spoiled(spot.testnet.exchange, spoils={"POST order": with_odd_status, "GET order": with_odd_status})
    monkeypatch.setattr(spot, "_broker", lambda _: spot.testnet.broker(SPOT, way))
    number = spot.until_it_holds()
    spot.checks.after(DAYS[number], spot._job(DAYS[number]))
    spot.on(number + 1)


def test_an_order_of_an_unknown_state_that_bought_nothing_holds_back_its_symbol_alone(
    spot: Calm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order stays unknown with the balances as they were: the others trade, and the sentence names the way out."""
    number, order = until_met(spot, Late(spot.testnet.exchange, year=spot, late=None), monkeypatch)
    spoils = {"GET order": refused}
    monkeypatch.setattr(spot, "_broker", lambda _: spot.testnet.broker(SPOT, Spoiled(spot.testnet.exchange, spoils)))
    spot.on(number + 1)
    barred = settle(spot._job(DAYS[number + 1]), spot._broker).agreement.barred
    assert "if it stays so, look, then `turbodmt adopt --account daily" in barred[order.symbol]
    adopt(spot.home, "daily", "I looked", spot._broker, spot._now())
    assert stored(spot, order).state is OrderState.EXPIRED


def test_a_trade_that_is_told_otherwise_stays_as_it_was_told_first(
    spot: Calm, caplog: pytest.LogCaptureFixture
) -> None:
    number = spot.until_it_holds()
    job, broker = spot._job(DAYS[number]), spot._broker(spot._now())
    with connect(spot.home) as store:
        first = broker_events.executions(store, "daily", 1)[0]
        store.execute("UPDATE orders SET state = 'unknown', settled_on = NULL WHERE order_id = ?", [first.order_id])
        order = order_store.read_order(store, "daily", first.order_id)
        fee = first.fee + Decimal("0.00000001")
    record(
        job, broker, OrderReport(order=replace(order, state=OrderState.FILLED), executions=(replace(first, fee=fee),))
    )
    with connect(spot.home) as store:
        assert broker_events.executions(store, "daily", 1)[0] == first
    assert stored(spot, order).state is OrderState.FILLED
    assert f"Trade {first.trade_id} of order {first.order_id} was reported as" in caplog.text
    spot.on(number + 1)


def test_books_that_lag_behind_an_order_are_looked_at_again(year: Calm) -> None:
    year.testnet.exchange.delays.rate = 1.0
    number = year.until_it_holds()
    before = year.checks.contents()
    year._run(DAYS[number])
    assert year.checks.contents() == before
    year.checks.after(DAYS[number], year._job(DAYS[number]))


def test_an_adoption_waits_for_balances_that_lag_behind_an_order(year: Calm) -> None:
    year.testnet.exchange.delays.rate = 1.0
    year.until_it_holds()
    assert adopt(year.home, "daily", "I looked", year._broker, year._now()).json_values()["entries"] == []
