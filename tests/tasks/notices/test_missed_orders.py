"""Orders that were not taken are told in the day's answer and on its page, once, and are a concern when they repeat."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from exchange.brokers.binance_spot import SpotTestnet
from exchange.ports import Broker, OrderReport
from storage.database import connect
from storage.ledger import days as ledger
from storage.ledger import orders as order_store
from strategy.account.orders import Fill, Order, OrderState, Side
from strategy.builtin.registry import HOLD
from tasks.backfill.market import OPEN
from tasks.backtest.run import Window, backtest
from tasks.daily.report import report
from tasks.models.retrain import Champion
from tasks.notices.missed_orders import cut_in_window, missed_among, missed_since_last_answer, percent, sentences
from tasks.operations.concerns import look
from tasks.run.answers import day_answer
from tasks.run.job import Job
from tasks.run.runs import begin, close_done, day_result
from testing.exchange.testnets import KEYS
from testing.exchange.transport import ExchangeTransport
from testing.markets.bars import PAIR
from testing.runs.jobs import a_job, on
from testing.simulation.calm_days import DAYS, Calm
from testing.simulation.year import SYMBOLS

FRIDAY = date(2020, 6, 12)
RULES = Champion(model_id=None, reason="rules needs no model")
NO_MONEY = "HTTP 400, code -2010: Account has insufficient balance for requested action."


class Refusing(SpotTestnet):
    """A broker that takes no order."""

    def submit(self, order: Order, sent_at: datetime) -> OrderReport:
        return OrderReport(order=replace(order, state=OrderState.REJECTED, reason=NO_MONEY))


class Barren(Calm):
    """Days at a broker that refuses every order while `refusing`."""

    refusing = True

    def _broker(self, now: datetime) -> Broker:
        wire = self.testnet.wire(ExchangeTransport(self.testnet.exchange))
        return Refusing(KEYS, wire) if self.refusing else super()._broker(now)

    def answered(self, number: int) -> list[str]:
        """Return what the answer of the day of that number says of orders that were refused."""
        job = replace(self._job(DAYS[number]), run_id=f"run-{number}")
        begin(job, job.now)
        self.on(number)
        result = day_result(job, report(job, RULES, OPEN))
        close_done(job, job.now, result, day_answer(result).to_json())
        return [one for one in result.warnings if "refused" in one]

    def concerns(self) -> list[str]:
        """Return what the watchdog says of the account's orders."""
        return [concern.text for concern in look(self.home, self._now()) if concern.key == "orders:daily"]


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return a_job(tmp_path / "home", PAIR.symbols(), FRIDAY, HOLD)


def test_refused_orders_are_warned_of_once_shown_on_the_page_and_a_concern_when_they_repeat(tmp_path: Path) -> None:
    with Barren(3, tmp_path / "home", "testnet-spot").open() as year:
        told = {number: year.answered(number) for number in range(6)}
        refused = [number for number, some in told.items() if some]
        assert len(refused) >= 3, "too little was ordered; take another seed"
        first, *_, last = refused
        assert told[first] == [f"2 orders of {DAYS[first]} ({', '.join(SYMBOLS)}) were refused: {NO_MONEY}"]
        assert all(f"of {DAYS[number]} " in one for number, some in told.items() for one in some)
        page = (year.home / "reports" / "daily" / f"{DAYS[first]}.html").read_text()
        assert f"were refused: {NO_MONEY}" in page
        (concern,) = year.concerns()
        assert concern.startswith(
            f"orders of daily were not taken as decided on 3 of the last 3 days that ordered: {told[last][0]}; see"
        )
        year.refusing = False
        assert [year.answered(number) for number in range(6, 9)] == [[], [], []]
        assert year.concerns() == []


def test_a_cut_order_is_told_with_its_share(job: Job) -> None:
    ordered = Order(
        order_id="tdmt-1", symbol="SHARE", as_of=FRIDAY, side=Side.BUY, quantity=Decimal("121.5"), reason="filled"
    )
    fill = Fill(
        order_id="tdmt-1",
        trade_id="1",
        symbol="SHARE",
        as_of=FRIDAY + timedelta(days=1),
        side=Side.BUY,
        quantity=Decimal(10),
        price=Decimal(80),
        fee=Decimal(0),
    )
    with connect(job.home) as store:
        order_store.record_orders(store, job.account, [ordered])
        ledger.record_fills(store, job.account, [fill])
        cut = replace(ordered, state=OrderState.CANCELLED, reason="filled 10 of 121.5")
        order_store.update_orders(store, job.account, [cut], day=FRIDAY + timedelta(days=1))
        unknown = replace(ordered, order_id="tdmt-2", as_of=FRIDAY + timedelta(days=1), state=OrderState.UNKNOWN)
        order_store.record_orders(store, job.account, [replace(unknown, reason="no answer")])
    # Of that one the step that sent it tells.
    assert missed_since_last_answer(on(job, FRIDAY + timedelta(days=1))) == ()
    with connect(job.home) as store:
        told = sentences(
            missed_among(store, (job.account, job.source), order_store.orders_since(store, job.account, FRIDAY))
        )
    assert told[0] == f"the order of {FRIDAY} to buy 121.5 SHARE was cut to 8.2%: filled 10 of 121.5"


def test_a_backtest_counts_the_orders_that_volume_cut(job: Job) -> None:
    rich = replace(job, symbols=("SHARE",), policy=replace(job.policy, capital=Decimal(50_000_000)))
    tested = backtest(rich, Window(strategies=(HOLD,), start=None), lambda: PAIR)
    (order,), (fill,) = tested.net.replay.orders, tested.net.replay.fills
    (told,) = (warning for warning in tested.warnings if "cut" in warning)
    share = percent(float(fill.quantity / order.quantity))
    assert told.startswith(f"hold: 1 order of SHARE was cut to {share} of what was wanted: an order takes at most 10%")


@pytest.mark.parametrize(
    ("filled", "shares"),
    [
        ((6,), "1 order of SHARE was cut to 60.0% of what"),
        ((6, 2), "2 orders of SHARE were cut to 20.0% in the median, 20.0% at least, of what"),
        ((6, 2, 4), "3 orders of SHARE were cut to 40.0% in the median, 20.0% at least, of what"),
        ((6, 2, 4, 8), "4 orders of SHARE were cut to 40.0% in the median, 20.0% at least, of what"),
    ],
)
def test_the_median_of_the_cuts_is_the_lower_of_the_middle(filled: tuple[int, ...], shares: str) -> None:
    orders, fills = [], []
    for number, quantity in enumerate(filled):
        trade = Fill(
            order_id=f"tdmt-{number}",
            trade_id="1",
            symbol="SHARE",
            as_of=FRIDAY + timedelta(days=number),
            side=Side.BUY,
            quantity=Decimal(quantity),
            price=Decimal(80),
            fee=Decimal(0),
        )
        fills.append(trade)
        key = {"order_id": trade.order_id, "symbol": trade.symbol, "as_of": trade.as_of, "side": trade.side}
        orders.append(Order(**key, quantity=Decimal(10), state=OrderState.CANCELLED, reason="filled"))
    (told,) = cut_in_window("hold", orders, fills, {})
    assert told.startswith(f"hold: {shares} was wanted: ")
