"""Laws of the ledger that hold for any history: what ended stays ended, a trade counts once, half a day is no day."""

from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from storage.database import Connection, connect, transaction
from storage.keyed_rows import LedgerConflict
from storage.ledger import days as ledger
from storage.ledger import orders as order_store
from strategy.account.orders import OPEN_STATES, Fill, Order, OrderState, Side
from testing.simulation.store import Dice, stored_in_memory

FIRST = date(2020, 1, 6)
ACCOUNT = "daily"

numbers = st.integers(0, 1)
days = st.integers(0, 4).map(lambda number: FIRST + timedelta(days=number))
quantities = st.sampled_from([Decimal(1), Decimal("0.001"), Decimal("12.000000000001")])
states = st.sampled_from(sorted(OrderState))


def an_order(number: int, side: Side, quantity: Decimal) -> Order:
    day = FIRST + timedelta(days=number % 2)
    return Order(order_id=f"o{number}", symbol=f"S{number}", as_of=day, side=side, quantity=quantity)


class LedgerHistory(RuleBasedStateMachine):
    """Any calls in any order, beside a plain memory of what they must come to."""

    @initialize()
    def begin(self) -> None:
        self.ended = ExitStack()
        self.home = Path(self.ended.enter_context(TemporaryDirectory())) / "home"
        self.ended.enter_context(stored_in_memory(self.home, Dice(0, calm=True)))
        self.orders: dict[str, Order] = {}
        #: The last state in which the order could trade, and the day on which it ended.
        self.was_open: dict[str, OrderState] = {}
        self.settled: dict[str, date] = {}
        self.fills: dict[tuple[str, str], Fill] = {}

    def teardown(self) -> None:
        self.ended.close()

    @rule(number=numbers, side=st.sampled_from(Side), quantity=quantities)
    def record(self, number: int, side: Side, quantity: Decimal) -> None:
        order = an_order(number, side, quantity)
        known = self.orders.get(order.order_id)
        with connect(self.home) as store:
            if known is not None and (known.side, known.quantity) != (side, quantity):
                self._conflicts(lambda: order_store.record_orders(store, ACCOUNT, [order]))
                return
            assert order_store.record_orders(store, ACCOUNT, [order]) == (known is None)
        if known is None:
            self._now(order, order.as_of)

    @rule(number=numbers)
    def claim(self, number: int) -> None:
        known = self.orders.get(f"o{number}")
        if known is None:
            return
        sent = replace(known, state=OrderState.SENT)
        with connect(self.home) as store:
            claimed = order_store.claim_order(store, ACCOUNT, sent)
        assert claimed == (known.state is OrderState.INTENDED)
        if claimed:
            self._now(sent, known.as_of)

    @rule(number=numbers)
    def release(self, number: int) -> None:
        known = self.orders.get(f"o{number}")
        with connect(self.home) as store:
            released = order_store.release_order(store, ACCOUNT, f"o{number}")
        assert released == (known is not None and known.state is OrderState.SENT)
        if released and known is not None:
            self._now(replace(known, state=OrderState.INTENDED), known.as_of)

    @rule(number=numbers, state=states, reason=st.sampled_from(["", "said so"]), day=days)
    def advance(self, number: int, state: OrderState, reason: str, day: date) -> None:
        known = self.orders.get(f"o{number}", an_order(number, Side.BUY, Decimal(1)))
        moved = replace(known, state=state, reason=reason)
        with connect(self.home) as store:
            if known.order_id not in self.orders or (known.state not in OPEN_STATES and moved != known):
                self._conflicts(lambda: order_store.update_orders(store, ACCOUNT, [moved], day=day))
                return
            order_store.update_orders(store, ACCOUNT, [moved], day=day)
        if moved != known:
            self._now(moved, day)

    @rule(number=numbers, trade=st.integers(1, 2), quantity=quantities, day=days)
    def fill(self, number: int, trade: int, quantity: Decimal, day: date) -> None:
        side = Side.BUY if number % 2 else Side.SELL
        told = Fill(
            order_id=f"o{number}",
            trade_id=str(trade),
            symbol=f"S{number}",
            as_of=day,
            side=side,
            quantity=quantity,
            price=Decimal(100),
            fee=Decimal("0.01"),
        )
        stored = self.fills.setdefault((told.order_id, told.trade_id), told)
        with connect(self.home) as store:
            if replace(told, as_of=stored.as_of) != stored:
                self._conflicts(lambda: ledger.record_fills(store, ACCOUNT, [told]))
            elif told == stored:
                ledger.record_fills(store, ACCOUNT, [told])

    @rule(number=numbers, quantity=quantities)
    def die_half_way(self, number: int, quantity: Decimal) -> None:
        order = an_order(number, Side.BUY, quantity)
        lost = replace(order, order_id=f"lost{number}")
        with suppress(KeyboardInterrupt), connect(self.home) as store, transaction(store):
            order_store.record_orders(store, ACCOUNT, [lost])
            raise KeyboardInterrupt

    @invariant()
    def orders_stand_as_they_were_told(self) -> None:
        due = sorted(self.orders.values(), key=lambda order: (order.as_of, order.symbol))
        with connect(self.home) as store:
            stored = [order for number in range(2) for order in self._on(store, FIRST + timedelta(days=number))]
            waiting = order_store.open_orders(store, ACCOUNT)
        assert stored == due
        assert list(waiting) == [order for order in due if order.state in OPEN_STATES]

    @invariant()
    def the_past_is_told_as_it_was(self) -> None:
        day = FIRST + timedelta(days=2)
        due = {
            order_id: self.was_open[order_id]
            for order_id in self.orders
            if order_id in self.was_open and self.settled.get(order_id, date.max) > day
        }
        with connect(self.home) as store:
            told = {order.order_id: order.state for order in order_store.orders_open_at(store, ACCOUNT, day)}
        assert told == due

    @invariant()
    def a_trade_counts_once(self) -> None:
        day = FIRST + timedelta(days=1)
        due = sorted(
            (fill for fill in self.fills.values() if fill.as_of > day),
            key=lambda fill: (fill.as_of, fill.symbol, fill.order_id, fill.trade_id),
        )
        with connect(self.home) as store:
            assert list(ledger.fills_after(store, ACCOUNT, day)) == due

    def _on(self, store: Connection, day: date) -> tuple[Order, ...]:
        return order_store.orders_on(store, ACCOUNT, day)

    def _now(self, order: Order, day: date) -> None:
        self.orders[order.order_id] = order
        if order.state in OPEN_STATES:
            self.was_open[order.order_id] = order.state
            self.settled.pop(order.order_id, None)
        else:
            self.settled[order.order_id] = day

    @staticmethod
    def _conflicts(write: Callable[[], object]) -> None:
        try:
            write()
        except LedgerConflict:
            return
        raise AssertionError("the ledger took what contradicts it")


TestLedgerHistory = LedgerHistory.TestCase
TestLedgerHistory.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
