"""An account's books at an external broker, from the ledger: what it owns now, and what the broker must hold."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from exchange.ports import Balances, Broker, BrokerUnavailable
from storage.bars import instruments as instrument_store
from storage.database import Connection
from storage.ledger import broker_events, takeovers
from storage.ledger import days as ledger
from storage.ledger import orders as order_store
from storage.ledger import positions as position_store
from storage.ledger.broker_events import BrokerBaseline
from strategy.account.orders import Order
from strategy.account.state import Account
from strategy.backtest.day_loop import AccountState, Day
from strategy.broker.daily_booking import Holding, booked_day, realised, traded, with_fee_payers
from strategy.broker.fills import (
    BrokerFill,
    FundingPayment,
    PaidIn,
    as_fill,
    booking_day,
    charge_entries,
    fee_entries,
    fees_elsewhere,
)
from strategy.broker.takeover import Books, Found
from tasks.broker.funding import past_funding
from tasks.run.job import Customer


@dataclass(frozen=True, slots=True, kw_only=True)
class UnrecordedEvents:
    """Events from the broker that the ledger does not hold yet, and orders whose outcome it will never report."""

    executions: tuple[BrokerFill, ...] = ()
    charges: tuple[FundingPayment, ...] = ()
    unknown: tuple[Order, ...] = ()


NO_EVENTS = UnrecordedEvents()

#: Times to read balances that are to become a baseline, if funding is paid meanwhile.
_READS = 3
#: A venue's clock may be set back by less than this after a baseline: funding paid later is then stamped before it.
CLOCK_STEP = timedelta(minutes=2)


def is_current_baseline(store: Connection, current: BrokerBaseline) -> bool:
    """Return whether this is the account's newest baseline; another run may have recorded a newer one meanwhile."""
    newest = broker_events.newest_baseline(store, current.account, current.broker)
    return newest is not None and newest.number == current.number


def holdings_of(broker: Broker, symbols: Sequence[str], cash: str = "") -> Balances:
    """Return the balances at the external broker; `cash` is its asset where it lists none of the symbols.

    Raises BrokerUnavailable, BrokerRefused.
    """
    holdings = broker.holdings(tuple(symbols), cash)
    assert holdings is not None, "a broker outside the process has books of its own"
    return holdings


def baseline_holdings(broker: Broker, symbols: Sequence[str], cash: str = "") -> Balances:
    """Return balances to make a baseline of, with the ids of the recent funding payments that they hold.

    Waits until funding of the hour is paid. `cash` is the asset of the cash where the broker lists none of the symbols.
    Raises BrokerUnavailable, BrokerRefused.
    """
    past_funding(broker)
    for _ in range(_READS):
        charges_held = _recent_charges(broker)
        holdings = holdings_of(broker, symbols, cash)
        if _recent_charges(broker) <= charges_held:
            return replace(holdings, charges_held=charges_held)
    raise BrokerUnavailable(f"{broker.name} pays funding at this moment; run the same command again in a minute")


def _recent_charges(broker: Broker) -> frozenset[str]:
    return frozenset(charge.charge_id for charge in broker.charges(broker.now() - CLOCK_STEP))


def delisted_by(store: Connection, account: str, symbols: Sequence[str], day: date) -> frozenset[str]:
    """Return those of the symbols that are delisted on the day, as the account's source or a person says."""
    source, _ = ledger.newest_panel(store, account)
    known = instrument_store.load(store, source, symbols) if source else {}
    return frozenset(
        symbol for symbol, each in known.items() if each.delisted_from is not None and each.delisted_from <= day
    )


def without_delisted(holdings: Balances, delisted: Collection[str], due: Holding, owned: Account | None) -> Balances:
    """Return the balances without the account's own part of the delisted symbols that the broker lists no longer.

    What else is due there is not the account's, and stays. One that the broker does not list for another reason is
    still missing: that proves nothing.
    """
    gone = frozenset(delisted) - set(holdings.positions)
    zero = Decimal(0)
    others = {symbol: due.positions.get(symbol, zero) - (owned.quantity(symbol) if owned else zero) for symbol in gone}
    return replace(holdings, positions={**holdings.positions, **others}, delisted=gone)


def baseline(account: str, broker: Broker, number: int, reason: str, holdings: Balances) -> BrokerBaseline:
    """Return the account's `number`-th baseline, made of these balances now."""
    now = broker.now()
    return BrokerBaseline(
        account=account,
        broker=broker.name,
        number=number,
        reason=reason,
        adopted_at=now,
        cash=holdings.cash,
        positions=holdings.positions,
        charges_from=now - CLOCK_STEP,
        charges_held=holdings.charges_held,
    )


def account_now(store: Connection, account: str, events: UnrecordedEvents = NO_EVENTS) -> Account | None:
    """Return the account of the last snapshot plus everything booked after it; None before its first day."""
    snapshot = position_store.latest_snapshot(store, account)
    if snapshot is None:
        return None
    settled = snapshot.account.as_of
    day = first_open_day(store, account, settled, events)
    executions = (*broker_events.executions_after(store, account, settled), *events.executions)
    fills = (
        *ledger.fills_after(store, account, settled),
        *(as_fill(execution, day) for execution in events.executions),
    )
    entries = (
        *fee_entries(executions, day),
        *charge_entries((*broker_events.charges_after(store, account, settled), *events.charges), day),
        *takeovers.entries_after(store, account, settled),
    )
    state = AccountState(account=snapshot.account, open_orders=(), unit_values=(snapshot.equity,))
    start = AccountState(account=Account(as_of=day, cash=Decimal(0)), open_orders=(), unit_values=())
    return booked_day(state, Day(state=start, fills=fills, entries=entries, settled=()), {}, 2).state.account


def first_open_day(store: Connection, account: str, settled: date, events: UnrecordedEvents = NO_EVENTS) -> date:
    """Return the first day that is not settled, but none earlier than trades that are booked already."""
    executions = (*broker_events.executions_after(store, account, settled), *events.executions)
    return max(
        [booking_day(execution.executed_at, settled) for execution in executions], default=settled + timedelta(days=1)
    )


def books_of(store: Connection, current: BrokerBaseline, events: UnrecordedEvents = NO_EVENTS) -> Books | None:
    """Return the account's books, with the cost of its positions on margin; None before its first day."""
    now = account_now(store, current.account, events)
    if now is None:
        return None
    costs = dict(takeovers.kept_positions(store, current).costs)
    for execution in (*broker_events.executions(store, current.account, current.number), *events.executions):
        if execution.realised is not None:
            cost = costs.get(execution.symbol, Decimal(0))
            costs[execution.symbol] = cost + execution.realised + execution.signed_quantity * execution.price
    return Books(
        cash=now.cash,
        positions={symbol: position.quantity for symbol, position in now.positions.items()},
        marks={symbol: position.mark for symbol, position in now.positions.items()},
        costs={symbol: cost for symbol, cost in costs.items() if symbol in now.positions},
    )


def expected(store: Connection, current: BrokerBaseline, events: UnrecordedEvents = NO_EVENTS) -> Holding:
    """Return what the broker must hold: the baseline, changed by our trades and funding payments."""
    executions = (*broker_events.executions(store, current.account, current.number), *events.executions)
    on_margin = any(execution.realised is not None for execution in executions)
    ours = realised(executions) if on_margin else traded(executions)
    charges = (*broker_events.charges(store, current.account, current.number), *events.charges)
    charged = sum((charge.cash for charge in charges), Decimal(0))
    symbols = {*current.positions, *ours.positions}
    spent = fees_elsewhere(executions, instrument_store.bases(store, sorted(symbols)))
    zero = Decimal(0)
    return Holding(
        cash=current.cash + ours.cash + charged,
        positions={
            symbol: current.positions.get(symbol, zero) + ours.positions.get(symbol, zero) - spent.get(symbol, zero)
            for symbol in symbols
        },
    )


def found_of(holdings: Balances, due: Holding, unknown: Sequence[Order] = ()) -> Found:
    """Return the broker's balances beside those expected, and the orders of unknown outcome that may have traded."""
    return Found(
        expected=due,
        cash=holdings.cash,
        available=holdings.cash - holdings.locked,
        positions=holdings.positions,
        on_margin=holdings.on_margin,
        unknown=unknown,
        entry_prices=holdings.entry_prices,
    )


def unreported_orders(store: Connection, current: BrokerBaseline, events: UnrecordedEvents) -> tuple[Order, ...]:
    """Return the orders whose outcome will never be reported, each with its mark and the quantity without trades."""
    told: dict[str, Decimal] = {}
    for execution in (*broker_events.executions(store, current.account, current.number), *events.executions):
        told[execution.order_id] = told.get(execution.order_id, Decimal(0)) + execution.quantity
    marks, zero = order_store.marks_of(store, current.account, [order.order_id for order in events.unknown]), Decimal(0)
    return tuple(
        replace(
            order, quantity=max(order.quantity - told.get(order.order_id, zero), zero), mark=marks.get(order.order_id)
        )
        for order in events.unknown
    )


def as_recorded(store: Connection, customer: Customer, fresh: Sequence[BrokerFill]) -> tuple[BrokerFill, ...]:
    """Return new trades, oldest first, as the ledger will hold them: with assets, and with what paid their fees.

    Call it where the trades are recorded, within one transaction: a later trade may use up what paid the fee.
    """
    account, broker = customer.account, customer.broker
    terms = instrument_store.load(store, broker, sorted({execution.symbol for execution in fresh}))
    executions = tuple(
        replace(execution, base=terms[execution.symbol].base, quote=terms[execution.symbol].quote)
        if execution.symbol in terms
        else execution
        for execution in fresh
    )
    current = broker_events.newest_baseline(store, account, broker)
    if current is None or all(execution.paid_in is not PaidIn.ELSEWHERE for execution in executions):
        return executions
    owned = traded_since(store, current).positions
    symbols = {*owned, *(execution.symbol for execution in executions)}
    return with_fee_payers(executions, owned, instrument_store.bases(store, sorted(symbols)))


def traded_since(store: Connection, current: BrokerBaseline, events: UnrecordedEvents = NO_EVENTS) -> Holding:
    """Return the positions that the account must own: those it kept at the baseline, and its trades since."""
    kept = takeovers.kept_positions(store, current).positions
    ours = traded((*broker_events.executions(store, current.account, current.number), *events.executions)).positions
    symbols = {*kept, *ours}
    return Holding(
        cash=Decimal(0),
        positions={symbol: kept.get(symbol, Decimal(0)) + ours.get(symbol, Decimal(0)) for symbol in symbols},
    )
