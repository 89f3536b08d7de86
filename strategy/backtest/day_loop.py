"""Day loop: one function advances an account by a day; a backtest only repeats it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import numpy as np

from strategy.account.cash_flows import Booking, CashFlow, booked, flow_entries, grown
from strategy.account.money import exact
from strategy.account.orders import OPEN_STATES, Fill, Order, OrderState, Target, client_order_id, plan_order
from strategy.account.quotes import Quote, QuotesByDate
from strategy.account.settlement import settle, settle_late
from strategy.account.state import Account, Entry, Position, Snapshot
from strategy.account.trading_terms import TradingTerms
from strategy.backtest.fill_quotes import fill_quotes
from strategy.backtest.pretrade import PreTradeDays
from strategy.market.bars import Bars
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.aligned_signals import AlignedSignals
from strategy.portfolio.decision import ORDERED, Decision
from strategy.work_progress import WorkName

#: The days of an account that are lived one after the other.
REPLAY = WorkName(name="Replay", unit="days")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountState:
    """State of an account at the close of a day: everything about the past that the next day needs.

    `unit_values` holds those of the last `lookback_period` account days, oldest first, this day's last: the equity,
    free of money paid in or out. `flowed_equity` is the equity where flows made it another amount. `known_peak` is the
    highest of them if known from the day before, so that a backtest need not scan them all every day.
    `previous` is the account date before, None on the first.
    """

    account: Account
    open_orders: tuple[Order, ...]
    unit_values: tuple[Decimal, ...]
    flowed_equity: Decimal | None = None
    known_peak: Decimal | None = field(default=None, compare=False, repr=False)
    previous: date | None = field(default=None, compare=False, repr=False)

    @property
    def equity(self) -> Decimal:
        """Return the equity at the close, after the flows of the day."""
        return self.unit_values[-1] if self.flowed_equity is None else self.flowed_equity

    @property
    def peak(self) -> Decimal:
        """Return the highest of `unit_values`."""
        return max(self.unit_values) if self.known_peak is None else self.known_peak

    @property
    def last_seen(self) -> dict[str, date]:
        """Return the session of the last bar used for each symbol that the account holds or has an open order in."""
        ordered = {order.symbol: order.as_of for order in self.open_orders}
        marked = {
            symbol: position.marked_on or self.account.as_of for symbol, position in self.account.positions.items()
        }
        return {**ordered, **marked}

    @property
    def snapshot(self) -> Snapshot:
        """Return the account with its drawdown from the highest of `unit_values`."""
        unit_value, peak = self.unit_values[-1], self.peak
        return Snapshot(
            account=self.account,
            equity=self.equity,
            drawdown=float(1 - unit_value / peak) if peak > 0 else 0.0,
            own_unit_value=None if self.flowed_equity is None else unit_value,
            previous=self.previous,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """Result of a settled day: the account state after it, fills, entries, and the orders that changed state.

    `bookings` say what became of the flows that were asked for.
    """

    state: AccountState
    fills: tuple[Fill, ...]
    entries: tuple[Entry, ...]
    settled: tuple[Order, ...]
    bookings: tuple[Booking, ...] = ()


def opening(as_of: date, capital: Decimal) -> AccountState:
    """Return the state of a new account: only cash. Raises ValueError unless the capital is positive."""
    if not (capital.is_finite() and capital > 0):
        raise ValueError(f"capital is {capital}; it must be above 0")
    return AccountState(account=Account(as_of=as_of, cash=capital), open_orders=(), unit_values=(capital,))


def settle_day(state: AccountState, quotes: Mapping[str, Quote], as_of: date, config: AccountConfig) -> Day:
    """Settle a day: the bars of `as_of` fill the open orders and mark the positions."""
    settlement = settle(state.account, state.open_orders, quotes, as_of, config.terms)
    equity = settlement.account.equity
    unit_value = equity if state.flowed_equity is None else grown(state.unit_values[-1], state.flowed_equity, equity)
    unit_values = (*state.unit_values[1 - config.sizing.lookback_period :], unit_value)
    left = state.unit_values[: len(state.unit_values) + 1 - len(unit_values)]
    after = AccountState(
        account=settlement.account,
        open_orders=tuple(order for order in settlement.orders if order.state in OPEN_STATES),
        unit_values=unit_values,
        flowed_equity=None if unit_value == equity else equity,
        known_peak=None if state.peak in left else max(state.peak, unit_value),
        previous=state.account.as_of,
    )
    return Day(state=after, fills=settlement.fills, entries=settlement.entries, settled=settlement.orders)


def settle_day_late(state: AccountState, quotes: Mapping[str, Quote], config: AccountConfig, flowed: Decimal) -> Day:
    """Settle bars of the state's own day that came after it was settled; see `settle_late`.

    `flowed` is the value of the flows that the day has booked, which are no return.
    """
    settlement = settle_late(state.account, state.open_orders, quotes, config.terms)
    settled = {order.order_id: order for order in settlement.orders}
    orders = (settled.get(order.order_id, order) for order in state.open_orders)
    return Day(
        state=replace(
            revalued(state, settlement.account, flowed),
            open_orders=tuple(order for order in orders if order.state in OPEN_STATES),
        ),
        fills=settlement.fills,
        entries=settlement.entries,
        settled=settlement.orders,
    )


def revalued(state: AccountState, account: Account, flowed: Decimal) -> AccountState:
    """Return the state of the day with another account at its close; the unit value grows with the equity before flows.

    U' = U · (E' − F) / (E − F), with the value F of the flows that the day has booked.
    """
    equity, before = account.equity, state.equity - flowed
    unit_value = grown(state.unit_values[-1], before, equity - flowed)
    return replace(
        state,
        account=account,
        unit_values=(*state.unit_values[:-1], unit_value),
        flowed_equity=None if unit_value == equity else equity,
        known_peak=None,
    )


def with_flows(day: Day, flows: Sequence[CashFlow], marks: Mapping[str, Position]) -> Day:
    """Return the day with the flows booked after its marks, before it is decided; `bookings` say what became of each.

    Unit value and drawdown stay as they were. `marks` holds the last close of every symbol that is transferred.
    """
    state = day.state
    account, bookings = booked(state.account, flows, marks, state.unit_values[-1])
    entries = flow_entries(bookings, account.as_of)
    flowed = account.equity
    after = replace(state, account=account, flowed_equity=None if flowed == state.unit_values[-1] else flowed)
    return replace(day, state=after, entries=(*day.entries, *entries), bookings=bookings)


def late_quotes(state: AccountState, bars: Mapping[str, Bars], terms: TradingTerms) -> dict[str, Quote]:
    """Return the quotes of the account's own day for symbols whose bar of it is not settled yet.

    Without a position and an open order there is nothing to settle.
    """
    as_of = state.account.as_of
    seen = {symbol: day for symbol, day in state.last_seen.items() if day < as_of}
    eve = replace(state, account=replace(state.account, as_of=as_of - timedelta(days=1)))
    late = {symbol: series for symbol, series in bars.items() if symbol in seen}
    return dict(unseen(eve, late, as_of, terms).on(as_of))


def unseen(state: AccountState, bars: Mapping[str, Bars], last: date, terms: TradingTerms) -> QuotesByDate:
    """Return the quotes of the days after the account's, up to `last`.

    A bar that arrived late, after its day had been settled without it, is left out: the next bar carries the whole
    change of the adjustment factor since the last bar used, so that no split is lost.
    """
    as_of = state.account.as_of
    seen = state.last_seen
    known = {
        symbol: series.without(np.datetime64(seen.get(symbol, as_of), "us"), np.datetime64(as_of, "us"))
        for symbol, series in bars.items()
    }
    return fill_quotes(known, as_of + timedelta(days=1), last, terms)


def plan_orders(
    state: AccountState, decisions: Sequence[Decision], quotes: Mapping[str, Quote], config: AccountConfig
) -> tuple[Order, ...]:
    """Return the orders that carry out a day's decisions, one for each traded symbol whose position must change."""
    orders = []
    equity = state.equity
    for decision in decisions:
        if decision.status not in ORDERED or decision.exposure is None:
            continue
        target = Target(
            instrument=config.terms.instruments[decision.symbol],
            exposure=exact(decision.exposure),
            mark=quotes[decision.symbol].close,
            held=state.account.quantity(decision.symbol),
            fx_rate=config.terms.rate(decision.symbol, state.account.as_of),
        )
        terms = config.terms
        order_id = client_order_id(terms.series or terms.account, config.strategy.name, decision.symbol, decision.as_of)
        order = plan_order(target, equity, decision.as_of, order_id)
        if order is not None:
            orders.append(order)
    return tuple(orders)


def with_orders(state: AccountState, orders: Sequence[Order]) -> AccountState:
    """Return the account state with the new orders added to the open ones."""
    fresh = tuple(order for order in orders if order.state in OPEN_STATES)
    return replace(state, open_orders=(*state.open_orders, *fresh))


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Dates and equities of an account without flows, and the notional traded on each day that traded any.

    `cancelled` tells whether any order was cancelled. The curve is that of these `snapshots` and `fills`, and of no
    others.
    """

    snapshots: Sequence[Snapshot]
    fills: Sequence[Fill]
    dates: tuple[date, ...]
    equities: tuple[Decimal, ...]
    traded: Mapping[date, Decimal]
    cancelled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """Full history of an account: one snapshot a day; decisions, orders, fills and entries in chronological order.

    They may be built when first read; with a `known_curve`, dates, equities and turnovers are read without.
    """

    snapshots: Sequence[Snapshot]
    decisions: Sequence[Decision]
    orders: Sequence[Order]
    fills: Sequence[Fill]
    entries: Sequence[Entry]
    known_curve: Curve | None = field(default=None, compare=False, repr=False)

    @property
    def curve(self) -> Curve | None:
        """Return the curve, if it is known and no other snapshots or fills have taken the place of its own."""
        known = self.known_curve
        own = known is not None and known.snapshots is self.snapshots and known.fills is self.fills
        return known if own else None

    @property
    def dates(self) -> tuple[date, ...]:
        """Return the account dates."""
        curve = self.curve
        return curve.dates if curve else tuple(snapshot.account.as_of for snapshot in self.snapshots)

    @property
    def equities(self) -> tuple[Decimal, ...]:
        """Return the equity of each day, after its flows."""
        curve = self.curve
        return curve.equities if curve else tuple(snapshot.equity for snapshot in self.snapshots)

    @property
    def unit_values(self) -> tuple[Decimal, ...]:
        """Return the equity of each day, free of money paid in or out."""
        curve = self.curve
        return curve.equities if curve else tuple(snapshot.unit_value for snapshot in self.snapshots)

    @property
    def traded(self) -> Mapping[date, Decimal]:
        """Return the notional traded on each day that traded any, in the account's currency."""
        curve = self.curve
        if curve is not None:
            return curve.traded
        traded: dict[date, Decimal] = {}
        for fill in self.fills:
            traded[fill.as_of] = traded.get(fill.as_of, Decimal(0)) + fill.quantity * fill.price * fill.fx_rate
        return traded

    @property
    def cancelled(self) -> bool:
        """Return whether any order was cancelled, whole or in part."""
        curve = self.curve
        return curve.cancelled if curve else any(order.state is OrderState.CANCELLED for order in self.orders)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Leg:
    """A stretch of an account's dates (sorted, at least one), on which it follows one configuration and its signals.

    `days` are what `pretrade_days` gives of them, if that is known: accounts that differ only in costs share it.
    """

    view: AlignedSignals
    dates: Sequence[date]
    config: AccountConfig
    days: PreTradeDays | None = None


def turnovers(replayed: Replay) -> list[float]:
    """Return the traded notional of each day over the equity of the day before; 0 on the first."""
    traded = replayed.traded
    pairs = pairwise(zip(replayed.dates, replayed.equities, strict=True))
    return [0.0] + [
        float(traded[day] / before) if before > 0 and day in traded else 0.0 for (_, before), (day, _) in pairs
    ]
