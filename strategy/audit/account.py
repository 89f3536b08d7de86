"""Audits of an account: its history must not depend on later bars, and its trades must have the right prices."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import numpy as np

from strategy.account.lots import whole_lots
from strategy.account.money import exact, quantised
from strategy.account.orders import OPEN_STATES, Fill, Order, OrderState, Side
from strategy.account.paper_fills import impact_share
from strategy.account.quotes import QuotesByDate
from strategy.account.trading_terms import TradingTerms
from strategy.audit.lookahead import Checked, Market, with_another_future
from strategy.backtest.day_loop import Replay
from strategy.market.bars import bars_until
from strategy.portfolio.account_config import AccountConfig

#: Key of an event: its day, its kind, and the rest of its natural key.
Name = tuple[str, ...]
#: The kinds of events, and the names of their checks.
KINDS = {"decision": "decisions", "order": "orders", "fill": "fills", "entry": "entries", "snapshot": "equity"}
#: Days that an account is run on with altered later bars: long enough for its last orders to fill.
DAYS_AFTER = 10


def accounts(subject: str, run: Callable[[Market], Replay], bars: Market, cuts: Sequence[date], seed: int) -> Checked:
    """Check that an account's history up to each of the days is the same with altered later bars.

    `run` replays the account on any bars.
    """
    replay = run(bars)
    differences = []
    for number, day in enumerate(cuts):
        changed = with_another_future(bars, day, np.random.default_rng([seed, number]))
        expected = _events(replay, day)
        actual = _events(run(bars_until(changed, day + timedelta(days=DAYS_AFTER))), day)
        differences += [
            f"{' '.join(name)}: {expected.get(name)!r} with the real bars after {day}, {actual.get(name)!r} with others"
            for name in _unequal(expected, actual)
        ]
    return Checked(check="account", subject=subject, dates=len(cuts), differences=tuple(differences))


def parity(subject: str, replay: Replay, tested: Replay) -> tuple[Checked, ...]:
    """Check that daily runs and a backtest of the same days agree: one check for each kind of event.

    Open orders count as equal: an order that a broker has accepted is still INTENDED in a backtest.
    """
    last = max(snapshot.account.as_of for snapshot in (*replay.snapshots, *tested.snapshots))
    daily, backtest = _events(replay, last, _as_it_stands), _events(tested, last, _as_it_stands)
    differences: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for name in _unequal(daily, backtest):
        differences[name[1]].append(
            f"{' '.join(name)}: {daily.get(name)!r} in the daily run, {backtest.get(name)!r} in the backtest"
        )
    days = len({snapshot.account.as_of for snapshot in (*replay.snapshots, *tested.snapshots)})
    return tuple(
        Checked(check=check, subject=subject, dates=days, differences=tuple(differences[kind]))
        for kind, check in KINDS.items()
    )


def _unequal(first: Mapping[Name, object], other: Mapping[Name, object]) -> list[Name]:
    return [name for name in sorted(first.keys() | other.keys()) if first.get(name) != other.get(name)]


def _as_made(order: Order) -> Order:
    return (
        order if order.state is OrderState.SKIPPED else replace(order, state=OrderState.INTENDED, reason="", code=None)
    )


def _as_it_stands(order: Order) -> Order:
    return replace(order, state=OrderState.INTENDED) if order.state in OPEN_STATES else order


def _events(replay: Replay, last: date, view: Callable[[Order], Order] = _as_made) -> dict[Name, object]:
    """Return all events up to the day, by day, kind and natural key."""
    found: list[tuple[date, tuple[str, ...], object]] = [
        *((snapshot.account.as_of, ("snapshot",), snapshot) for snapshot in replay.snapshots),
        *((decision.as_of, ("decision", decision.symbol), decision) for decision in replay.decisions),
        *((order.as_of, ("order", order.symbol, order.order_id), view(order)) for order in replay.orders),
        *((fill.as_of, ("fill", fill.symbol, fill.order_id, fill.trade_id), fill) for fill in replay.fills),
        *((entry.as_of, ("entry", entry.kind, entry.symbol), entry) for entry in replay.entries),
    ]
    return {(day.isoformat(), *name): value for day, name, value in found if day <= last}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trading:
    """Reference for the fills of an account: its configuration, and the real quotes of its days."""

    config: AccountConfig
    quotes: QuotesByDate

    def next_session(self, symbol: str, after: date) -> date | None:
        """Return the symbol's first session after the day; None if there is none."""
        return next(
            (day for day in sorted(self.quotes.quotes) if day > after and symbol in self.quotes.quotes[day]), None
        )


def fills(subject: str, run: Callable[[Decimal], Replay], trading: Trading) -> Checked:
    """Check that every trade fills at the open after its decision, with exact costs, at single and at double cost.

    `run` replays the account with fee and slippage multiplied. Cash must change by the price and fee of each trade and
    by the entries, to the last digit.
    """
    dates, differences = 0, []
    for times in (Decimal(1), Decimal(2)):
        replayed = run(times)
        dates += len(replayed.snapshots)
        orders = {order.order_id: order for order in replayed.orders}
        for fill in replayed.fills:
            wrong = _wrong(fill, orders.get(fill.order_id), trading, times)
            differences += [f"{fill.symbol} on {fill.as_of} at {times} × cost: {fault}" for fault in wrong]
        differences += _unpaid(replayed, times)
    return Checked(check="fills", subject=subject, dates=dates, differences=tuple(differences))


def _wrong(fill: Fill, order: Order | None, trading: Trading, times: Decimal) -> list[str]:
    """Return what is wrong with a trade, in words; empty if nothing is."""
    terms = trading.config.terms
    instrument = terms.instruments[fill.symbol]
    single = replace(terms.costs, multiplier=Decimal(1))
    once = replace(terms, costs=single)
    if order is None:
        return _wrong_closure(fill, trading, once, times)
    expected = trading.next_session(fill.symbol, order.as_of)
    if fill.as_of != expected:
        return [f"decided on {order.as_of}, filled on {fill.as_of}, but the next session is {expected}"]
    quote = trading.quotes.on(fill.as_of)[fill.symbol]
    quantity, slippage = quantised(order.quantity * quote.factor_change), single.slippage(instrument) * times
    if quote.volume is not None and quantity > quote.volume / 10:
        # A tenth of the bar's volume, in whole lots, is the most that an order may take.
        quantity = whole_lots(exact(quote.volume * 0.1), instrument.lot)
    slippage = min(slippage + impact_share(single.impact(instrument) * times, quantity, quote), Decimal(1))
    return _not_as_expected(
        fill,
        {
            "side": order.side,
            "quantity": quantity,
            "price": quantised(quote.open * (1 + slippage if order.side is Side.BUY else 1 - slippage)),
            "fee": quantised(once.fee_of(fill.symbol, quantity, quantity * quote.open, fill.as_of) * times),
            "fx_rate": terms.rate(fill.symbol, fill.as_of),
        },
    )


def _wrong_closure(fill: Fill, trading: Trading, once: TradingTerms, times: Decimal) -> list[str]:
    """Return what is wrong with a trade without an order, which must close a delisted position at its last close."""
    if not trading.config.terms.delisted(fill.symbol, fill.as_of):
        return ["no order asked for it, and the symbol is still listed"]
    before = [day for day, quotes in trading.quotes.quotes.items() if day < fill.as_of and fill.symbol in quotes]
    if not before:
        return ["it was delisted before it had a close"]
    close = trading.quotes.on(max(before))[fill.symbol].close
    value = quantised(fill.quantity * close)
    fee = once.fee_of(fill.symbol, fill.quantity, value, fill.as_of) * times
    return _not_as_expected(fill, {"price": close, "fee": quantised(fee)})


def _not_as_expected(fill: Fill, expected: Mapping[str, object]) -> list[str]:
    return [
        f"{name} is {getattr(fill, name)}, it must be {value}"
        for name, value in expected.items()
        if getattr(fill, name) != value
    ]


def _unpaid(replayed: Replay, times: Decimal) -> list[str]:
    """Return the days, in words, whose change of cash is not that of their trades and entries."""
    moved: dict[date, Decimal] = {}
    for entry in replayed.entries:
        moved[entry.as_of] = moved.get(entry.as_of, Decimal(0)) + entry.cash
    for fill in replayed.fills:
        paid = fill.paid + fill.fee
        moved[fill.as_of] = moved.get(fill.as_of, Decimal(0)) - paid
    days = [
        (after.account.as_of, after.account.cash - before.account.cash)
        for before, after in pairwise(replayed.snapshots)
    ]
    return [
        f"cash on {day} at {times} × cost moved by {change}, its trades and entries come to {moved.get(day, 0)}"
        for day, change in days
        if change != moved.get(day, Decimal(0))
    ]
