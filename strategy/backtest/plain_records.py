"""Records of plain days, and the values that are built from them when somebody reads them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

from strategy.account.orders import Fill, Order, OrderState, Side, Target, client_order_id, plan_order
from strategy.account.state import Account, Entry, EntryKind, Position, Snapshot
from strategy.backtest.day_loop import Curve, Replay
from strategy.backtest.deferred import Deferred
from strategy.backtest.pretrade import PreTradeDays
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.decision import Decision, Outcome, decisions_of

_ZERO, _ONE = Decimal(0), Decimal(1)


#: Makes a record of its fields in their order, in half the time of its own constructor, which names them.
new_record = tuple.__new__


class Plan(NamedTuple):
    """What is decided of an order; `target` is that of one below the market's least order, at this `equity`.

    `most` is near the highest that its quantity can be.
    """

    column: int
    as_of: date
    config: AccountConfig
    side: Side
    quantity: Decimal
    mark: Decimal
    target: Target | None
    equity: Decimal
    most: float


class PlannedOrder:
    """An order of a plain day, and what became of it; `made` is its value, once that had to be built."""

    __slots__ = ("_order_id", "filled", "made", "plan")

    def __init__(self, plan: Plan) -> None:
        self.plan, self.filled = plan, False
        self.made: Order | None = None
        self._order_id = ""

    @property
    def order_id(self) -> str:
        """Return the order id."""
        if not self._order_id:
            plan, config = self.plan, self.plan.config
            account = config.terms.series or config.terms.account
            self._order_id = client_order_id(account, config.strategy.name, self.symbol, plan.as_of)
        return self._order_id

    @property
    def symbol(self) -> str:
        """Return the symbol."""
        return self.plan.config.symbols[self.plan.column]

    @property
    def value(self) -> Order:
        """Return the order in its present state."""
        if self.made is not None:
            return self.made
        plan = self.plan
        if plan.target is not None:
            skipped = plan_order(plan.target, plan.equity, plan.as_of, self.order_id)
            assert skipped is not None, "an order that changes nothing is not planned"
            return skipped
        return Order(
            order_id=self.order_id,
            symbol=self.symbol,
            as_of=plan.as_of,
            side=plan.side,
            quantity=plan.quantity,
            state=OrderState.FILLED if self.filled else OrderState.INTENDED,
            mark=plan.mark,
        )


class PlainFill(NamedTuple):
    """The fill of an order at an open."""

    order: PlannedOrder
    as_of: date
    quantity: Decimal
    price: Decimal
    fee: Decimal

    @property
    def symbol(self) -> str:
        """Return the symbol."""
        return self.order.symbol

    @property
    def value(self) -> Fill:
        """Return the fill."""
        return Fill(
            order_id=self.order.order_id,
            trade_id="1",
            symbol=self.order.symbol,
            as_of=self.as_of,
            side=self.order.plan.side,
            quantity=self.quantity,
            price=self.price,
            fee=self.fee,
            fx_rate=_ONE,
        )


class CashEntry(NamedTuple):
    """An entry of the whole account."""

    as_of: date
    kind: EntryKind
    cash: Decimal

    @property
    def value(self) -> Entry:
        """Return the entry."""
        return Entry(as_of=self.as_of, kind=self.kind, symbol="", cash=self.cash, quantity=_ZERO)


class Close(NamedTuple):
    """The account at a close: quantities and marks by column, of the columns `held` alone.

    `peak` is the highest unit value of the look-back. `stale` holds the sessions of marks of earlier days.
    """

    as_of: date
    cash: Decimal
    equity: Decimal
    peak: Decimal
    held: Sequence[int]
    quantities: Sequence[Decimal]
    marks: Sequence[Decimal]
    stale: Mapping[int, date]

    @property
    def drawdown(self) -> float:
        """Return the drawdown from the peak, a fraction."""
        return float(1 - self.equity / self.peak) if self.peak > 0 else 0.0

    def account(self, symbols: Sequence[str]) -> Account:
        """Return the account."""
        positions = {
            symbols[column]: Position(
                quantity=self.quantities[column],
                mark=self.marks[column],
                marked_on=self.stale.get(column, self.as_of),
                fx_rate=_ONE,
            )
            for column in self.held
        }
        return Account(as_of=self.as_of, cash=self.cash, positions=MappingProxyType(positions))

    def snapshot(self, symbols: Sequence[str], previous: date | None) -> Snapshot:
        """Return the snapshot of the day, given the account date before."""
        return Snapshot(account=self.account(symbols), equity=self.equity, drawdown=self.drawdown, previous=previous)


class FollowedLeg(NamedTuple):
    """The days that an account followed from a row of its records on, and by which configuration."""

    first: int
    days: PreTradeDays
    config: AccountConfig

    def decisions(self, row: int, outcome: Outcome) -> tuple[Decision, ...]:
        """Return the decisions of a row of the records, given what came of its targets."""
        return decisions_of(self.days.view(row - self.first), outcome, self.config)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedCurve(Curve):
    """A curve with the records that it was read from."""

    records: "Records"


class Records:
    """What happened to an account, in chronological order: records, and values where one had to be built.

    `legs` are those that it followed, one after the other. A day's decision is what came of its targets, or the values.
    `traded` is the notional of each day that traded any.
    """

    def __init__(self, symbols: tuple[str, ...]) -> None:
        self.symbols = symbols
        self.closes: list[Close] = []
        self.decisions: list[Outcome | tuple[Decision, ...]] = []
        self.orders: list[PlannedOrder] = []
        self.fills: list[PlainFill | Fill] = []
        self.entries: list[CashEntry | Entry] = []
        self.legs: list[FollowedLeg] = []
        self.traded: dict[date, Decimal] = {}

    def filled(self, fill: PlainFill | Fill, notional: Decimal) -> None:
        """Record a fill of this notional, its quantity times its price."""
        self.fills.append(fill)
        traded, as_of = self.traded, fill.as_of
        traded[as_of] = traded.get(as_of, _ZERO) + notional

    def entered(self, as_of: date, kind: EntryKind, cash: Decimal) -> Decimal:
        """Record an entry of the whole account, unless it is of no money, and return its cash."""
        if not cash:
            return _ZERO
        self.entries.append(new_record(CashEntry, (as_of, kind, cash)))
        return cash

    def replay(self) -> Replay:
        """Return the history of the account; its values are built when first read."""
        snapshots = Deferred(len(self.closes), self._snapshots)
        fills = Deferred(len(self.fills), lambda: [_fill(fill) for fill in self.fills])
        return Replay(
            snapshots=snapshots,
            decisions=Deferred(len(self.closes) * len(self.symbols), self._decisions),
            orders=Deferred(len(self.orders), lambda: [order.value for order in self.orders]),
            fills=fills,
            entries=Deferred(
                len(self.entries),
                lambda: [entry if isinstance(entry, Entry) else entry.value for entry in self.entries],
            ),
            known_curve=RecordedCurve(
                snapshots=snapshots,
                fills=fills,
                dates=tuple(close.as_of for close in self.closes),
                equities=tuple(close.equity for close in self.closes),
                traded=self.traded,
                cancelled=any(
                    order.made is not None and order.made.state is OrderState.CANCELLED for order in self.orders
                ),
                records=self,
            ),
        )

    def days(self) -> Iterator[tuple[Snapshot, Sequence[Decision]]]:
        """Yield the snapshot and the decisions of each day."""
        return zip(self._each_snapshot(), self._each_decisions(), strict=True)

    def _each_decisions(self) -> Iterator[tuple[Decision, ...]]:
        ends = [*(leg.first for leg in self.legs[1:]), len(self.decisions)]
        for leg, end in zip(self.legs, ends, strict=True):
            for row in range(leg.first, end):
                day = self.decisions[row]
                yield leg.decisions(row, day) if isinstance(day, Outcome) else day

    def _each_snapshot(self) -> Iterator[Snapshot]:
        before = [None, *(close.as_of for close in self.closes[:-1])]
        return (close.snapshot(self.symbols, day) for close, day in zip(self.closes, before, strict=True))

    def _snapshots(self) -> list[Snapshot]:
        return list(self._each_snapshot())

    def _decisions(self) -> list[Decision]:
        return [decision for day in self._each_decisions() for decision in day]


def days_of(replayed: Replay) -> Iterator[tuple[Snapshot, Sequence[Decision]]]:
    """Yield the snapshot and the decisions of each day; where there are records, each day is built and not kept."""
    curve = replayed.curve
    if isinstance(curve, RecordedCurve):
        yield from curve.records.days()
        return
    decided: dict[date, list[Decision]] = {}
    for decision in replayed.decisions:
        decided.setdefault(decision.as_of, []).append(decision)
    for snapshot in replayed.snapshots:
        yield snapshot, tuple(decided.get(snapshot.account.as_of, ()))


def _fill(fill: PlainFill | Fill) -> Fill:
    return fill if isinstance(fill, Fill) else fill.value
