"""Commissions in a coin that is among the account's symbols: its own position pays them where it covers them."""

from dataclasses import replace
from decimal import ROUND_DOWN, Decimal
from pathlib import Path

import pytest

from storage.database import connect
from storage.ledger import broker_events
from storage.ledger import orders as order_store
from strategy.account.orders import Order, OrderState, Side
from strategy.broker.fills import BrokerFill, PaidIn
from tasks.broker.account_books import account_now
from tasks.broker.submission import send_all
from tasks.daily.account_state import account_config
from tasks.daily.replay_check import reconcile
from tasks.daily.settle import settle
from tasks.daily.signals import settled_state
from tasks.operations.adopt import adopt, foresee
from testing.exchange.core import FakeExchange, spot_listings
from testing.exchange.filters import Listing, spot_rules
from testing.exchange.spot.account import Discount
from testing.simulation.calm_days import BTC, DAYS, ETH, Calm

D = Decimal
BNB = "BNBUSDT"
STEP = D("0.00001")


class InCoin(Calm):
    """Spot days on which BNB pays commissions while there is enough of it; `others` of it is not the account's."""

    symbols = (BTC, ETH, BNB)

    def __init__(self, home: Path, others: str = "0", seed: int = 6) -> None:
        super().__init__(seed, home, "testnet-spot")
        initial = {"USDT": D(10_000), "BTC": D(1), "ETH": D(0), "BNB": D(others)}
        listed = [*spot_listings(), Listing(BNB, "BNB", "USDT", spot_rules())]
        self.testnet.exchange = FakeExchange(clock=self.clock, spot_listed=listed, spot_initial=initial)
        self.testnet.exchange.spot.account.discount = Discount(asset="BNB", price=D(2))

    @property
    def there(self) -> Decimal:
        """Return how much BNB the venue holds."""
        return self.testnet.exchange.spot.account.total("BNB")

    def owned(self) -> Decimal:
        """Return how much of it the ledger says is the account's."""
        with connect(self.home) as store:
            now = account_now(store, "daily")
        return now.quantity(BNB) if now else D(0)

    def trades(self) -> tuple[BrokerFill, ...]:
        with connect(self.home) as store:
            return broker_events.executions(store, "daily", 1)

    def until_its_position_pays(self) -> int:
        """Return the number of the day on which the account's BNB first paid for a trade in another symbol."""
        for number in range(len(DAYS)):
            self.on(number)
            if any(execution.fee_symbol == BNB and execution.symbol != BNB for execution in self.trades()):
                return number
        raise AssertionError("the account's BNB paid for no trade in these days; take another seed")


def test_ledger_and_venue_stay_equal_while_a_position_pays_commissions(tmp_path: Path) -> None:
    with InCoin(tmp_path / "home").open() as year:
        for number, day in enumerate(DAYS):
            year.on(number)
            job = year._job(day)
            year.checks.after(day, job)
            year.checks.balances()
            assert reconcile(job).difference == 0.0
            assert year.owned() == year.there
        assert {execution.symbol for execution in year.trades() if execution.fee_symbol == BNB} == {BTC, ETH, BNB}


def test_all_that_is_left_of_a_position_that_paid_commissions_can_be_sold(tmp_path: Path) -> None:
    with InCoin(tmp_path / "home").open() as year:
        number = year.until_its_position_pays() + 1
        year.on(number)
        job, quantity = year._job(DAYS[number]), year.owned().quantize(STEP, ROUND_DOWN)
        assert quantity > 0
        sale = Order(order_id=f"tdmt-{7:024x}", symbol=BNB, as_of=job.as_of, side=Side.SELL, quantity=quantity)
        with connect(year.home) as store:
            account = settled_state(store, job), account_config(store, job)
            # What else the day ordered would be in the way.
            store.execute("DELETE FROM orders WHERE as_of = ?", [job.as_of])
            order_store.record_orders(store, "daily", [sale])
        send_all(job, year._broker(job.now), account)
        with connect(year.home) as store:
            sold = order_store.read_order(store, "daily", sale.order_id)
        assert (sold.state, sold.reason) == (OrderState.FILLED, "")
        assert D(0) <= year.owned() == year.there < STEP
        # Nothing was left to pay with.
        assert year.trades()[-1].fee_asset == "USDT"


def test_what_a_position_does_not_cover_others_pay_with_a_warning(tmp_path: Path) -> None:
    with InCoin(tmp_path / "home", others="50", seed=3).open() as year:
        number = year.until_it_holds(BTC)
        assert [execution.paid_in for execution in year.trades()[:1]] == [PaidIn.ELSEWHERE]
        job = replace(year._job(DAYS[number + 1]), now=year._now())
        told = settle(job, year._broker).agreement.warnings
        assert told == ("fees were paid in BNB, which the ledger does not count; switch that off at testnet-spot",)


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_a_dry_run_of_an_adoption_counts_what_a_position_will_have_paid(tmp_path: Path, side: Side) -> None:
    with InCoin(tmp_path / "home").open() as year:
        number = year.until_its_position_pays()
        before, now = year.owned(), year._now()
        order = Order(order_id=f"tdmt-{5:024x}", symbol=ETH, as_of=DAYS[number], side=side, quantity=D(1))
        with connect(year.home) as store:
            order_store.record_orders(store, "daily", [order])
            sent = replace(order, state=OrderState.SENT)
            order_store.claim_order(store, "daily", sent)
            broker_events.record_step(store, "daily", sent, now)
        named = {"type": "MARKET", "newClientOrderId": order.order_id}
        year.testnet.exchange.call("POST", "/api/v3/order", symbol=ETH, side=side.upper(), quantity="1", **named)
        contents = year.checks.contents()
        foreseen = foresee(year.home, "daily", year._broker, year._now()).json_values()
        assert year.checks.contents() == contents
        told = adopt(year.home, "daily", "I looked", year._broker, year._now()).json_values()
        assert foreseen | {"dry_run": False, "reason": "I looked"} == told
        assert told["entries"] == told["notes"] == []
        assert D(told["before"]["positions"][BNB]) == year.owned() == year.there < before
        year.on(number + 1)
        assert reconcile(year._job(DAYS[number + 1])).difference == 0.0
        assert year.owned() == year.there
