"""Conversion of an account after its history was restated: converted if the ratio is certain, held unchanged if not."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from storage.bars import quarantine
from storage.database import Connection
from storage.ledger import explanations as explanation_store
from storage.ledger.price_units import Used, unit_changes
from strategy.account.money import quantised
from strategy.account.orders import Order
from strategy.account.state import Entry
from strategy.backtest.day_loop import AccountState
from strategy.backtest.restatement import UnitChange, in_new_units, unit_entries
from tasks.report.markup import exactly, priced
from tasks.run.job import PAPER, Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Restated:
    """An account in the units of today's bars, the account before, and by symbol why it cannot be converted."""

    state: AccountState
    before: AccountState
    changes: tuple[UnitChange, ...]
    doubtful: Mapping[str, UnitChange]

    def entries(self, as_of: date) -> tuple[Entry, ...]:
        """Return the units that the conversion added, as entries of the day."""
        return unit_entries(self.before, self.state, as_of)

    @property
    def remarks(self) -> tuple[str, ...]:
        """Return one sentence for each converted symbol, sorted."""
        return tuple(_moved(change, self) for change in self.changes)


def restated(store: Connection, job: Job, state: AccountState) -> Restated:
    """Return the account in the units of today's bars, by the mark of each position and each open order.

    Only the paper account can be converted: positions at an external broker stay as they are, and their symbols are
    doubtful. So is a symbol whose close is far from the one used without a single ratio for its bars; a person who
    accepts the bar of that close confirms it.
    """
    held = {
        symbol: Used(symbol=symbol, on=position.marked_on or state.account.as_of, close=position.mark)
        for symbol, position in state.account.positions.items()
    }
    ordered = {
        order.order_id: Used(symbol=order.symbol, on=order.as_of, close=mark)
        for order in state.open_orders
        if (mark := order.mark or _decided_at(store, job, order)) is not None
    }
    changes = unit_changes(store, job.source, (*held.values(), *ordered.values()))
    doubtful = {
        used.symbol: change
        for used, change in changes.items()
        if (job.broker != PAPER if change.certain else change.misleading)
        and change.on not in quarantine.accepted(store, job.source, change.symbol)
    }
    moving = {
        used: change
        for used, change in changes.items()
        if change.certain and job.broker == PAPER and change.symbol not in doubtful
    }
    after = in_new_units(
        state,
        {symbol: moving[used] for symbol, used in held.items() if used in moving},
        {order_id: moving[used] for order_id, used in ordered.items() if used in moving},
    )
    named = {change.symbol: change for change in moving.values()}
    return Restated(state=after, before=state, changes=tuple(named[name] for name in sorted(named)), doubtful=doubtful)


def _decided_at(store: Connection, job: Job, order: Order) -> Decimal | None:
    """Return the close at which an order without a mark was decided, from its explanation; None if none is kept."""
    trace = explanation_store.load(store, job.account, order.as_of, order.symbol)
    return None if trace is None else quantised(Decimal(trace["planned"]["mark"]))


def _moved(change: UnitChange, found: Restated) -> str:
    ratio = change.new / change.old
    quantity = found.before.account.quantity(change.symbol)
    parts = []
    if quantity:
        after = found.state.account.quantity(change.symbol)
        parts.append(f"the position of {exactly(quantity)} became {exactly(after)}")
    count = sum(order.symbol == change.symbol for order in found.before.open_orders)
    if count:
        parts.append(f"open orders were scaled alike ({count})")
    return (
        f"{change.symbol}: the source restated its past in another unit: the last {change.bars} bars up to {change.on} "
        f"are at x{ratio:.6g} of what this account used, open, high, low and close alike; "
        f"{' and '.join(parts)}, at the same value"
    )


def why_held(change: UnitChange, job: Job) -> str:
    """Return why a symbol with a restated history is held back, and the remedy."""
    what = (
        f"{change.symbol}: its close of {change.on} was {priced(change.old)} when this account used it and is "
        f"{priced(change.new)} now (x{change.new / change.old:.6g})"
    )
    why = (
        f"{change.bars} bars say that this is a change of unit, which a position at {job.broker} does not follow"
        if change.certain
        else "fewer than five bars agree on that ratio, so the change of unit is not certain"
    )
    return (
        f"{what}; {why}; its position, mark and open orders stay as they are: correct the source, or if the close is "
        f"right and the quantity too, `turbodmt import SOURCE --accept {change.symbol}:{change.on} --reason TEXT`"
    )
