import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from exchange.brokers.paper import PaperBroker
from exchange.ports import BrokerRefused, BrokerUnavailable
from storage.database import connect
from storage.ledger import broker_events, risk_state
from storage.ledger import days as ledger
from storage.ledger import orders as order_store
from storage.ledger import positions as position_store
from strategy.account.orders import Order, OrderState, Side
from strategy.account.state import EntryKind
from strategy.exit_codes import UsageError
from strategy.portfolio.drawdown_halt import CUT, RiskState
from tasks.broker.balances import BrokerDisagrees
from tasks.broker.funding import past_funding
from tasks.broker.submission import send_all
from tasks.daily.account_state import account_config
from tasks.daily.order import OrdersBlocked, trade, withheld
from tasks.daily.settle import settle
from tasks.daily.signals import settled_state
from tasks.operations.adopt import adopt
from testing.exchange.core import KEY, SECRET, FakeExchange
from testing.exchange.faults import Fault, Faults, Kind
from testing.exchange.testnets import stamped_by
from testing.exchange.transport import ExchangeTransport
from testing.simulation.calm_days import BTC, DAYS, ETH, Calm, Interrupted

D = Decimal
SPOT, FUTURES = "testnet-spot", "testnet-futures"


@pytest.fixture(params=[SPOT, FUTURES])
def year(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Calm]:
    with Calm(3, tmp_path / "home", request.param).open() as made:
        yield made


@pytest.fixture
def spot(tmp_path: Path) -> Iterator[Calm]:
    with Calm(3, tmp_path / "home", SPOT).open() as made:
        yield made


def test_the_first_run_adopts_what_is_there_and_owns_only_its_capital(year: Calm) -> None:
    year.on(0)
    with connect(year.home) as store:
        adopted = broker_events.newest_baseline(store, "daily", year.venue)
        snapshot = position_store.latest_snapshot(store, "daily")
    assert adopted is not None
    assert snapshot is not None
    assert (adopted.number, adopted.reason, adopted.cash) == (1, "first run", D(10_000))
    assert (snapshot.account.cash, dict(snapshot.account.positions)) == (D(10_000), {})


def test_ledger_and_venue_stay_equal_over_days_of_trading(year: Calm) -> None:
    for number, day in enumerate(DAYS):
        year.on(number)
        year.checks.after(day, year._job(day))
    assert len(year.testnet.exchange.accepted_orders) >= 5


def test_a_capital_beyond_the_venues_cash_is_refused(spot: Calm) -> None:
    spot.testnet.exchange.spot.account.free["USDT"] = D(9_999)
    with pytest.raises(BrokerRefused, match=r"capital is 10000, but testnet-spot holds 9999\S* in cash"):
        spot.on(0)


def test_a_trade_by_somebody_else_stops_everything_until_a_person_adopts_it(year: Calm) -> None:
    number = year.until_it_holds()
    year.testnet.exchange.call(
        "POST",
        "/api/v3/order" if year.venue == SPOT else "/fapi/v1/order",
        symbol=ETH,
        side="BUY",
        type="MARKET",
        quantity="0.5",
    )
    before = len(year.testnet.exchange.accepted_orders)
    with pytest.raises(BrokerDisagrees, match=r"of ETHUSDT where our trades since its adoption give .*turbodmt adopt"):
        year.on(number + 1)
    assert len(year.testnet.exchange.accepted_orders) == before
    told = adopt(year.home, "daily", "I tried something", year._broker, year._now()).json_values()
    assert (told["number"], told["reason"]) == (2, "I tried something")
    year.on(number + 1)
    with connect(year.home) as store:
        assert {entry.kind for entry in ledger.entries_on(store, "daily", DAYS[number + 1])} >= {EntryKind.REBASE}


def test_what_another_home_has_sent_under_the_same_name_is_never_taken_for_ours(tmp_path: Path) -> None:
    with Calm(3, tmp_path / "one", SPOT).open() as one:
        one.on(0)
        one.on(1)
        ours = {order.client_id for order in one.testnet.exchange.accepted_orders}
    with Calm(3, tmp_path / "two", SPOT).open() as two, stamped_by(one.clock):
        two.testnet, two.clock = one.testnet, one.clock
        two.testnet.exchange.spot.account.free["USDT"] += D(10_000)
        two.on(1)
        theirs = {order.client_id for order in one.testnet.exchange.accepted_orders} - ours
        with connect(two.home) as store:
            orders = order_store.orders_on(store, "daily", DAYS[1])
    assert ours
    assert {order.order_id for order in orders} == theirs
    assert all(re.fullmatch(r"[\.A-Z\:/a-z0-9_-]{1,36}", name) for name in theirs)


def test_orders_that_are_written_keep_their_ids_when_the_broker_is_adopted_anew(spot: Calm) -> None:
    number = spot.until_it_holds()
    with connect(spot.home) as store:
        before = order_store.orders_on(store, "daily", DAYS[number])
    assert before
    adopt(spot.home, "daily", "the test says so", spot._broker, spot._now())
    trade(spot._job(DAYS[number]), spot._broker)
    with connect(spot.home) as store:
        assert order_store.orders_on(store, "daily", DAYS[number]) == before


def test_a_reset_is_adopted_anew_and_is_neither_profit_nor_loss(year: Calm) -> None:
    number = year.until_it_holds()
    with connect(year.home) as store:
        trades = broker_events.executions(store, "daily", 1)
        before = position_store.latest_snapshot(store, "daily")
    assert before is not None
    year.testnet.exchange.reset()
    year.checks.reset()
    year.on(number + 1)
    with connect(year.home) as store:
        adopted = broker_events.newest_baseline(store, "daily", year.venue)
        after = position_store.snapshots(store, "daily", until=DAYS[number + 1], last_days=1)[0]
    assert adopted is not None
    assert (adopted.number, adopted.reason) == (2, "the venue was reset")
    fees = sum(
        (execution.fee * (1 if execution.fee_asset == "USDT" else execution.price) for execution in trades), D(0)
    )
    # What was bought after the last snapshot is given back at what it was bought for; its fees are gone.
    assert abs(after.equity - (before.equity - fees)) < D("0.02")
    assert dict(after.account.positions) == {}


def test_what_an_earlier_run_left_open_is_asked_for_before_anything_is_sent(year: Calm) -> None:
    number = year.until_it_holds()
    year.testnet.exchange.faults = Faults(listed=[Fault(kind=Kind.CUT_ACCEPTED, method="POST", path="order")])
    asked = [Fault(kind=Kind.HTML, method="GET", path="order")] * 40
    year.testnet.exchange.faults.add(*asked)
    for later in range(number + 1, len(DAYS)):
        try:
            year.on(later)
        except BrokerUnavailable:
            break
    else:
        raise AssertionError("no order was due in these days; take another seed")
    with connect(year.home) as store:
        waiting = order_store.open_orders(store, "daily")
    (hanging,) = [order for order in waiting if order.state is OrderState.UNKNOWN]
    year.testnet.exchange.faults = Faults()
    year.on(later)
    with connect(year.home) as store:
        assert order_store.read_order(store, "daily", hanging.order_id).state is OrderState.FILLED
    assert len(year.testnet.exchange.accepted(hanging.order_id)) == 1


def test_a_symbol_that_the_venue_has_halted_keeps_its_position_and_the_others_trade(year: Calm) -> None:
    number = year.until_it_holds()
    books = (year.testnet.exchange.spot if year.venue == SPOT else year.testnet.exchange.futures).books
    books[BTC].listing.status = "BREAK"
    before = [order for order in year.testnet.exchange.accepted_orders if order.symbol == BTC]
    for later in range(number + 1, number + 4):
        year.on(later)
    assert [order for order in year.testnet.exchange.accepted_orders if order.symbol == BTC] == before
    with connect(year.home) as store:
        decision = ledger.decisions_on(store, "daily", DAYS[number + 3])[0]
    assert (decision.status, "is not trading at" in decision.reason) == ("quarantined", True)


def test_a_day_on_which_the_venue_has_halted_everything_is_lived(year: Calm) -> None:
    number = year.until_it_holds()
    books = (year.testnet.exchange.spot if year.venue == SPOT else year.testnet.exchange.futures).books
    for symbol in (BTC, ETH):
        books[symbol].listing.status = "BREAK"
    before = list(year.testnet.exchange.accepted_orders)
    year.on(number + 1)
    assert year.testnet.exchange.accepted_orders == before
    with connect(year.home) as store:
        decisions = ledger.decisions_on(store, "daily", DAYS[number + 1])
        snapshot = position_store.latest_snapshot(store, "daily")
    assert snapshot is not None
    assert snapshot.account.as_of == DAYS[number + 1]
    assert snapshot.account.quantity(BTC)
    assert {(decision.status, "is not trading at" in decision.reason) for decision in decisions} == {
        ("quarantined", True)
    }


def test_two_first_runs_at_once_both_end_well(tmp_path: Path) -> None:
    for venue in (SPOT, FUTURES):
        for number in range(1, 12):
            with Calm(3, tmp_path / f"{venue}-{number}", venue).open() as year:
                year.testnet.move_to(year._instant(DAYS[0]))
                year._quote(DAYS[0])
                way = Interrupted(year.testnet.exchange, number, partial(year._run, DAYS[0]))
                year.ways = [way]
                year._run(DAYS[0])
                year.checks.after(DAYS[0], year._job(DAYS[0]))
            if way.sent < number:
                break


class LateFunding(ExchangeTransport):
    """A way to the exchange on which funding is told seven seconds after it has moved the balance."""

    def send(self, request: requests.PreparedRequest, *given: Any, **options: Any) -> requests.Response:
        response = super().send(request, *given, **options)
        if "/fapi/v1/income" in str(request.url):
            told_ms = round((self.exchange.clock.server().timestamp() - 7) * 1000)
            told = [item for item in response.json() if item["time"] <= told_ms]
            response._content = json.dumps(told).encode()
        return response


def test_funding_that_is_told_seconds_late_is_booked_once_on_its_day(tmp_path: Path) -> None:
    with Calm(3, tmp_path / "home", FUTURES).open() as year:
        number = year.until_it_holds() + 1
        day, exchange = DAYS[number], year.testnet.exchange
        year.testnet.move_to(year._instant(day))
        year._quote(day)
        exchange.fund(BTC, D("0.0003"))
        year.ways = [LateFunding(exchange) for _ in range(2)]
        year._run(day)
        year.on(number + 1)
        with connect(year.home) as store:
            entries = [
                entry
                for lived in DAYS[: number + 3]
                for entry in ledger.entries_on(store, "daily", lived)
                if entry.kind is EntryKind.FUNDING
            ]
        assert len(entries) == 1
        assert entries[0].as_of == DAYS[number + 1]
        year.checks.after(DAYS[number + 1], year._job(DAYS[number + 1]))


@pytest.mark.parametrize(("second", "waits"), [(7, 53.0), (0, 60.0), (60, 0.0)])
def test_nothing_is_adopted_in_the_minute_in_which_funding_is_paid(tmp_path: Path, second: int, waits: float) -> None:
    with Calm(3, tmp_path / "home", FUTURES).open() as year:
        broker = year._broker(year._now())
        start = year._instant(DAYS[0]).replace(minute=0) + timedelta(seconds=second)
        year.testnet.move_to(start)
        past_funding(broker)
        assert timedelta(seconds=waits - 1) <= year._now() - start <= timedelta(seconds=waits + 1)


class Delisting(ExchangeTransport):
    """A way to the exchange on which it lists ETHUSDT no longer."""

    def send(self, request: requests.PreparedRequest, *given: Any, **options: Any) -> requests.Response:
        response = super().send(request, *given, **options)
        path, _, query = str(request.url).partition("?")
        if path.endswith("/api/v3/exchangeInfo") and ETH in query:
            response.status_code, response._content = 400, b'{"code": -1121, "msg": "Invalid symbol."}'
        elif path.endswith("/fapi/v1/exchangeInfo"):
            told = response.json()
            told["symbols"] = [symbol for symbol in told["symbols"] if symbol["symbol"] != ETH]
            response._content = json.dumps(told).encode()
        return response


def test_a_symbol_that_the_venue_lists_no_longer_is_kept_while_the_others_trade(
    year: Calm, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, exchange = year.until_it_holds(ETH), year.testnet.exchange
    before = len(exchange.accepted_orders)
    monkeypatch.setattr(year, "_broker", lambda _: year.testnet.broker(year.venue, Delisting(exchange)))
    for later in range(number + 1, len(DAYS)):
        year.on(later)
    assert {order.symbol for order in exchange.accepted_orders[before:]} == {BTC}
    with connect(year.home) as store:
        snapshot = position_store.latest_snapshot(store, "daily")
        decisions = {decision.symbol: decision.status for decision in ledger.decisions_on(store, "daily", DAYS[-1])}
    assert snapshot is not None
    assert snapshot.account.quantity(ETH) > 0
    assert decisions == {BTC: "traded", ETH: "quarantined"}
    adopt(year.home, "daily", "ETHUSDT is gone", year._broker, year._now())
    with connect(year.home) as store:
        taken = broker_events.newest_baseline(store, "daily", year.venue)
    assert taken is not None
    assert set(taken.positions) == {BTC}


def test_a_symbol_that_the_venue_never_listed_does_not_keep_the_others_from_trading(
    year: Calm, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange = year.testnet.exchange
    monkeypatch.setattr(year, "_broker", lambda _: year.testnet.broker(year.venue, Delisting(exchange)))
    year.until_it_holds(BTC)
    with connect(year.home) as store:
        adopted = broker_events.newest_baseline(store, "daily", year.venue)
    assert adopted is not None
    assert set(adopted.positions) == {BTC}


def test_an_order_that_a_halt_has_cut_stays_withheld_whatever_the_venue_says_of_it(spot: Calm) -> None:
    number = spot.until_it_holds() + 1
    spot.on(number)
    job = spot._job(DAYS[number])
    sale = Order(order_id=f"tdmt-{7:024x}", symbol=BTC, as_of=job.as_of, side=Side.SELL, quantity=D(1))
    sale = replace(sale, reason=CUT, cut_by_halt=True)
    with connect(spot.home) as store:
        account = settled_state(store, job), account_config(store, job)
        # What else the day ordered would be in the way.
        store.execute("DELETE FROM orders WHERE as_of = ?", [job.as_of])
        order_store.record_orders(store, "daily", [sale])
    spot.testnet.exchange.faults = Faults(listed=[Fault(kind=Kind.CUT_ACCEPTED, method="POST", path="order")])
    send_all(job, spot._broker(job.now), account)
    with connect(spot.home) as store:
        orders = order_store.orders_on(store, "daily", job.as_of)
    assert [(order.state, order.reason) for order in orders] == [(OrderState.FILLED, CUT)]
    assert withheld(orders) == orders


def test_an_account_stays_with_its_broker_and_a_broker_with_its_account(spot: Calm) -> None:
    spot.on(0)
    other = replace(spot._job(DAYS[1]), account="other")
    with pytest.raises(BrokerRefused, match="account daily already trades at testnet-spot"):
        settle(other, spot._broker)
    spot.venue = "paper"
    with pytest.raises(BrokerRefused, match="account daily trades at testnet-spot, not at paper"):
        settle(spot._job(DAYS[1]), spot._broker)


def test_a_halt_that_comes_between_decision_and_sending_holds_the_orders_back(
    spot: Calm, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = Calm(3, spot.home / "rehearsal", SPOT)
    with number.open():
        first = number.until_it_holds()
    for day in range(first):
        spot.on(day)

    def halt_first(store: object, job: object, orders: object) -> None:
        record(store, job, orders)
        state = RiskState(halted=True, since=DAYS[first], reason="just now")
        risk_state.save(store, "daily", state, datetime(2026, 1, 2, tzinfo=UTC))

    record = order_store.record_orders
    monkeypatch.setattr(order_store, "record_orders", halt_first)
    with pytest.raises(OrdersBlocked, match=r"has been halted since .*: just now"):
        spot.on(first)
    assert spot.testnet.exchange.accepted_orders == []


def test_orders_of_a_run_that_comes_late_after_a_crash_do_not_leave(spot: Calm) -> None:
    rehearsal = Calm(3, spot.home / "rehearsal", SPOT)
    with rehearsal.open():
        first = rehearsal.until_it_holds()
    for day in range(first):
        spot.on(day)
    spot.testnet.exchange.faults = Faults(listed=[Fault(kind=Kind.HTML, path="order")] * 60)
    with pytest.raises(BrokerUnavailable, match="did not answer within 5 tries"):
        spot.on(first)
    spot.testnet.exchange.faults = Faults()
    spot.testnet.sleep(20 * 3_600)
    with pytest.raises(OrdersBlocked, match=r"did not leave .*too late at"):
        spot._run(DAYS[first])
    assert spot.testnet.exchange.accepted_orders == []


def test_adopting_by_hand_needs_a_reason_and_a_broker_that_was_adopted(spot: Calm) -> None:
    with pytest.raises(UsageError, match="--reason is ' '; say in a few words why"):
        adopt(spot.home, "daily", " ", spot._broker, spot._now())
    with pytest.raises(UsageError, match="account daily has never traded at testnet-spot"):
        adopt(spot.home, "daily", "so", spot._broker, spot._now())


def test_adopting_another_broker_than_the_accounts_names_the_right_one(spot: Calm) -> None:
    spot.on(0)
    with pytest.raises(UsageError, match="trades at testnet-spot, not at paper; adopt it with --broker testnet-spot"):
        adopt(spot.home, "daily", "so", PaperBroker, spot._now())


@pytest.mark.parametrize("venue", [SPOT, FUTURES])
def test_two_runs_that_meet_on_the_day_of_a_reset_adopt_the_venue_once(tmp_path: Path, venue: str) -> None:
    number = sent = 0
    while number <= sent:
        number += 1
        with Calm(3, tmp_path / str(number), venue).open() as year:
            day = DAYS[year.until_it_holds() + 1]
            year.testnet.exchange.reset()
            year.checks.reset()
            year.testnet.move_to(year._instant(day))
            year._quote(day)
            way = Interrupted(year.testnet.exchange, number, partial(year._run, day))
            year.ways.append(way)
            year._run(day)
            sent = way.sent
            year.checks.after(day, year._job(day))
            with connect(year.home) as store:
                adopted = broker_events.newest_baseline(store, "daily", venue)
            assert adopted is not None
            assert adopted.number == 2, number


def test_a_charge_that_the_venue_tells_after_a_later_one_is_not_missed(tmp_path: Path) -> None:
    with Calm(3, tmp_path / "home", FUTURES).open() as year:
        day, account = year.until_it_holds(), year.testnet.exchange.futures.account
        first = account.fund(BTC, D("0.0001"))
        year.testnet.sleep(3_600)
        second = account.fund(BTC, D("0.0003"))
        late = account.income.pop(-2)
        account.wallet -= first
        year.on(day + 1)
        account.income.append(late)
        account.wallet += first
        year.on(day + 2)
        with connect(year.home) as store:
            known = [charge.cash for charge in broker_events.charges(store, "daily", 1)]
    assert known == [first, second]


def test_funding_paid_after_the_venue_set_its_clock_back_counts_once(tmp_path: Path) -> None:
    with Calm(3, tmp_path / "home", FUTURES).open() as year:
        day, exchange = year.until_it_holds(), year.testnet.exchange
        exchange.futures.account.wallet += D("0.50")
        adopt(year.home, "daily", "a rebate", year._broker, year._now())
        year.clock.offset -= timedelta(seconds=59)
        paid = exchange.futures.account.fund(BTC, D("0.0001"))
        for later in (1, 2, 3):
            year.on(day + later)
        with connect(year.home) as store:
            adopted = broker_events.newest_baseline(store, "daily", FUTURES)
            charges = broker_events.charges(store, "daily", 2)
    assert adopted is not None
    assert paid != 0
    assert [(charge.cash, charge.charged_at < adopted.adopted_at) for charge in charges] == [(paid, True)]


@pytest.mark.parametrize("before_s", [1, 30, 61, 119, 121])
def test_funding_that_a_baseline_holds_is_not_counted_again(tmp_path: Path, before_s: float) -> None:
    with Calm(3, tmp_path / "home", FUTURES).open() as year:
        day = year.until_it_holds()
        year.testnet.exchange.futures.account.wallet += D("0.50")
        paid = year.testnet.exchange.futures.account.fund(BTC, D("0.0001"))
        year.testnet.sleep(before_s)
        adopt(year.home, "daily", "a rebate", year._broker, year._now())
        for later in (1, 2, 3):
            year.on(day + later)
        with connect(year.home) as store:
            after = broker_events.charges(store, "daily", 1), broker_events.charges(store, "daily", 2)
    assert [[charge.cash for charge in charges] for charges in after] == [[paid], []]


@pytest.mark.parametrize("before_s", [1, 61, 121])
def test_funding_before_the_first_run_is_not_the_accounts(tmp_path: Path, before_s: float) -> None:
    with Calm(3, tmp_path / "home", FUTURES).open() as year:
        account = year.testnet.exchange.futures.account
        year.testnet.move_to(year._instant(DAYS[0]) - timedelta(seconds=before_s))
        year._quote(DAYS[0])
        account.positions[BTC].amount = D("0.01")
        paid = account.fund(BTC, D("-0.0001"))
        account.positions[BTC].amount = D(0)
        for number in (0, 1, 2):
            year.on(number)
        with connect(year.home) as store:
            charges = broker_events.charges(store, "daily", 1)
    assert paid != 0
    assert charges == ()


def test_after_days_of_trading_no_file_holds_a_secret(tmp_path: Path) -> None:
    year = Calm(3, tmp_path / "home", SPOT)
    year.dice.calm, year.testnet.exchange.faults = True, Faults()
    with stamped_by(year.clock):
        year.until_it_holds()
    files = [path for path in year.home.rglob("*") if path.is_file()]
    assert files
    for path in files:
        content = path.read_bytes()
        assert not [word for word in (KEY, SECRET, "signature") if word.encode() in content], path


class Spoiled(ExchangeTransport):
    """A way to the exchange on which one answer is replaced: what was asked has been done all the same."""

    def __init__(self, exchange: FakeExchange, method: str, ending: str, answer: tuple[int, str]) -> None:
        super().__init__(exchange)
        self._method, self._ending, self._answer, self.left = method, ending, answer, 1

    def send(self, request: requests.PreparedRequest, *given: Any, **options: Any) -> requests.Response:
        response = super().send(request, *given, **options)
        path = str(request.url).partition("?")[0]
        if self.left and request.method == self._method and path.endswith(self._ending):
            self.left = 0
            response.status_code, response._content = self._answer[0], self._answer[1].encode()
            response.headers["location"] = "https://api.binance.com/"
        return response


@pytest.mark.parametrize(
    ("method", "ending", "status", "body"),
    [
        ("GET", "/myTrades", 401, '{"code":-2015,"msg":"Invalid API-key."}'),
        ("POST", "/order", 503, '{"code":-1008,"msg":"Server is currently overloaded"}'),
        ("POST", "/order", 302, ""),
        ("POST", "/order", 403, "<html>403 Forbidden</html>"),
    ],
)
def test_an_order_that_was_taken_is_never_sent_twice_whatever_the_answer_reads_like(
    spot: Calm, monkeypatch: pytest.MonkeyPatch, method: str, ending: str, status: int, body: str
) -> None:
    way = Spoiled(spot.testnet.exchange, method, ending, (status, body))
    monkeypatch.setattr(spot, "_broker", lambda now: spot.testnet.broker(SPOT, way))
    for number in range(len(DAYS)):
        for _ in range(2):
            with suppress(BrokerUnavailable, BrokerRefused, OrdersBlocked):
                spot.on(number)
    assert way.left == 0
    assert not spot.testnet.exchange.duplicates()
    spot.checks.after(DAYS[-1], spot._job(DAYS[-1]))
