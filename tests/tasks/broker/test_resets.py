"""A reset is what is missing everywhere; anything less stops the account until a person has looked."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import requests

from exchange.ports import BrokerRefused
from storage.database import connect
from storage.ledger import broker_events, resets
from storage.ledger import orders as order_store
from storage.ledger import positions as position_store
from strategy.account.orders import OrderState
from tasks.broker.balances import BrokerDisagrees
from tasks.broker.reconciliation import reconcile_broker
from tasks.operations.adopt import adopt
from testing.exchange.core import FakeExchange
from testing.exchange.transport import ExchangeTransport
from testing.simulation.calm_days import BTC, DAYS, Calm
from testing.simulation.store import Killed

D = Decimal
SPOT, FUTURES = "testnet-spot", "testnet-futures"
NOT_TOLD = {"order": b'{"code": -2013, "msg": "Order does not exist."}', "trades": b"[]"}


@pytest.fixture(params=[SPOT, FUTURES])
def year(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Calm]:
    with Calm(3, tmp_path / "home", request.param).open() as made:
        yield made


def rebate(year: Calm, amount: Decimal) -> None:
    if year.venue == SPOT:
        year.testnet.exchange.spot.account.free["USDT"] += amount
    else:
        year.testnet.exchange.futures.account.wallet += amount


class Forgetful(ExchangeTransport):
    """A way on which the venue does not tell of some orders, or of trades."""

    def __init__(self, exchange: FakeExchange, orders: set[str] | None, *, trades: bool) -> None:
        super().__init__(exchange)
        self._orders, self._trades = orders, trades

    def send(self, request: requests.PreparedRequest, *given: Any, **options: Any) -> requests.Response:
        response = super().send(request, *given, **options)
        path, _, query = str(request.url).partition("?")
        named = parse_qs(query).get("origClientOrderId", [""])[0]
        hidden = self._orders is None or named in self._orders
        if request.method == "GET" and path.endswith("/order") and hidden:
            response.status_code, response._content = 400, NOT_TOLD["order"]
        elif self._trades and path.endswith(("/myTrades", "/userTrades", "/allOrders")):
            response._content = NOT_TOLD["trades"]
        return response


def number_of(year: Calm) -> int:
    with connect(year.home) as store:
        found = broker_events.newest_baseline(store, "daily", year.venue)
    assert found is not None
    return found.number


def positions(year: Calm) -> dict[str, Decimal]:
    with connect(year.home) as store:
        found = position_store.latest_snapshot(store, "daily")
    assert found is not None
    return {symbol: position.quantity for symbol, position in found.account.positions.items()}


def next_run(year: Calm, number: int) -> tuple[str, ...]:
    """The warnings of the agreement before the day of that number."""
    year.testnet.move_to(year._instant(DAYS[number]))
    return reconcile_broker(year._job(DAYS[number]), year._broker(year._now())).warnings


@pytest.mark.parametrize(
    ("newest_only", "trades", "told"),
    [
        (True, True, "it was not reset: it still has order"),
        (False, False, "it was not reset: it still reports trade"),
    ],
)
def test_orders_that_are_not_told_are_no_reset_while_anything_of_ours_is(
    year: Calm, *, newest_only: bool, trades: bool, told: str
) -> None:
    number = year.until_it_holds() + 2
    year.on(number - 1)
    held, exchange = positions(year), year.testnet.exchange
    sent = len(exchange.accepted_orders)
    assert sent > 1
    rebate(year, D("0.50"))
    newest = {exchange.accepted_orders[-1].client_id}
    year.ways += [Forgetful(exchange, newest if newest_only else None, trades=trades)]
    with pytest.raises(BrokerDisagrees, match=rf"{told} .*; nothing was ordered; look for .*turbodmt adopt"):
        next_run(year, number)
    assert (number_of(year), positions(year), len(exchange.accepted_orders)) == (1, held, sent)


def test_an_adoption_without_trades_since_is_no_reset_where_orders_have_left(year: Calm) -> None:
    number = year.until_it_holds() + 1
    rebate(year, D("0.50"))
    adopt(year.home, "daily", "a rebate", year._broker, year._now())
    rebate(year, D("0.25"))
    sent = len(year.testnet.exchange.accepted_orders)
    with pytest.raises(BrokerDisagrees, match="it was not reset: it still has order"):
        next_run(year, number)
    assert (number_of(year), len(year.testnet.exchange.accepted_orders)) == (2, sent)


def test_a_reset_is_told_with_what_shows_it(year: Calm) -> None:
    number = year.until_it_holds() + 1
    rebate(year, D("0.50"))
    adopt(year.home, "daily", "a rebate", year._broker, year._now())
    orders = len(year.testnet.exchange.accepted_orders)
    year.testnet.exchange.reset()
    year.checks.reset()
    (told,) = next_run(year, number)
    assert told.startswith(f"{year.venue} was reset: it has none of the {orders} orders that it had taken")
    assert "about once a month and without notice" in told
    assert "is cash of account daily now, at the last marks" in told
    assert number_of(year) == 3
    with connect(year.home) as store:
        assert abs(resets.remembers_from(store, "daily", year.venue) - year._now()) < timedelta(seconds=1)
    for later in range(number, number + 3):
        year.on(later)
    rebate(year, D("0.50"))
    with pytest.raises(BrokerDisagrees, match="it was not reset"):
        next_run(year, number + 3)


def test_a_reset_to_less_cash_leaves_no_account_whose_orders_cannot_be_paid(tmp_path: Path) -> None:
    with Calm(3, tmp_path / "home", SPOT).open() as year:
        number = year.until_it_holds() + 1
        year.testnet.exchange.spot.account.initial = {"USDT": D(7_000), "BTC": D(1)}
        year.testnet.exchange.reset()
        year.checks.reset()
        (told,) = next_run(year, number)
        assert "testnet-spot has 7,000.00 in cash to spend" in told
        year.on(number)
        with connect(year.home) as store:
            snapshot = position_store.latest_snapshot(store, "daily")
            orders = order_store.orders_on(store, "daily", DAYS[number])
        assert snapshot is not None
        assert (snapshot.account.cash, snapshot.equity) == (D(7_000), D(7_000))
        assert orders
        assert not [order for order in orders if order.state is OrderState.REJECTED]


def test_an_account_that_never_sent_an_order_has_nothing_that_could_be_wrong(year: Calm) -> None:
    assert next_run(year, 0) == ()
    rebate(year, D("0.50"))
    (told,) = next_run(year, 0)
    assert "account daily holds no position and has never sent an order there" in told
    assert number_of(year) == 2
    rebate(year, D(-1))
    for _ in range(2):
        with pytest.raises(BrokerRefused, match=r"capital is 10000, but .* holds 9999.50* in cash"):
            year.on(0)


def test_orders_that_the_venue_may_have_forgotten_show_no_reset(tmp_path: Path) -> None:
    with Calm(3, tmp_path / "home", FUTURES).open() as year:
        number = year.until_it_holds()
        year.testnet.exchange.reset()
        year.checks.reset()
        later = DAYS[number] + timedelta(days=91)
        year.testnet.move_to(year._instant(later))
        with pytest.raises(BrokerDisagrees, match="nothing shows that it was reset: it has taken no order since"):
            reconcile_broker(year._job(later), year._broker(year._now()))
        assert positions(year) is not None


@pytest.mark.parametrize("venue", [SPOT, FUTURES])
@pytest.mark.parametrize("step", [97, pytest.param(1, marks=pytest.mark.slow)])
def test_a_run_that_meets_a_reset_and_is_killed_anywhere_leaves_books_that_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, venue: str, step: int
) -> None:
    number, total = 0, 1
    while number <= total:
        with Calm(3, tmp_path / str(number), venue).open() as year:
            day = year.until_it_holds() + 1
            year.testnet.exchange.reset()
            year.checks.reset()
            seen = 0

            def maybe_kill(_: str, at: int = number) -> None:
                nonlocal seen
                seen += 1
                if seen == at:
                    raise Killed("here")

            with monkeypatch.context() as patched:
                patched.setattr(year.dice, "maybe_kill", maybe_kill)
                if number:
                    with pytest.raises(Killed, match="here"):
                        year.on(day)
                else:
                    year.on(day)
                    total = seen
            year.on(day)
            year.checks.after(DAYS[day], year._job(DAYS[day]))
            year.on(day + 1)
            assert number_of(year) == 2
            assert len([order for order in year.testnet.exchange.accepted_orders if order.symbol == BTC]) >= 1
        number += step
