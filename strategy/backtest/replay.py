"""Replay of an account over history: from plain records where its terms allow it, else value by value."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import cache

from strategy.account.orders import Fill, Order
from strategy.account.quotes import QuotesByDate
from strategy.account.state import Entry, Snapshot
from strategy.backtest.day_loop import REPLAY, Curve, Leg, Replay, opening, plan_orders, settle_day, with_orders
from strategy.backtest.deferred import Deferred
from strategy.backtest.plain_account import is_plain, replay_plainly
from strategy.backtest.pretrade import pretrade_days
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.aligned_signals import AlignedSignals
from strategy.portfolio.decision import Decision, PreTradeView, decided
from strategy.work_progress import counted


def replay(
    view: AlignedSignals, quotes: QuotesByDate, dates: Sequence[date], capital: Decimal, config: AccountConfig
) -> Replay:
    """Run the account over these dates (sorted, at least one), starting with cash on the first.

    Each date is settled, then decided; the orders of the last date stay open.
    """
    return replay_legs([Leg(view=view, dates=dates, config=config)], quotes, capital)


def replay_legs(legs: Sequence[Leg], quotes: QuotesByDate, capital: Decimal) -> Replay:
    """Run one account over legs that follow one another, starting with cash on the first date.

    Its positions and open orders pass from leg to leg, so that a change of configuration costs its trades. The legs
    have the same symbols. A leg with a longer look-back than the one before at first knows that one's unit values only.
    The result is that of `replay_by_day`, digit for digit.
    """
    if all(is_plain(leg.config) for leg in legs):
        # An amount that does not fit the ledger is refused by the day loop, in its own words.
        with suppress(InvalidOperation):
            return replay_plainly(legs, quotes, capital)
    return replay_by_day(legs, quotes, capital)


def curve_alone(replayed: Replay, again: Callable[[], Replay]) -> Replay:
    """Return the replay with nothing but its curve in memory; what else is read of it is replayed `again`.

    One whose curve is not known stays as it is.
    """
    known = replayed.curve
    if known is None:
        return replayed
    once = cache(again)
    snapshots = Deferred(len(replayed.snapshots), lambda: once().snapshots)
    fills = Deferred(len(replayed.fills), lambda: once().fills)
    return Replay(
        snapshots=snapshots,
        decisions=Deferred(len(replayed.decisions), lambda: once().decisions),
        orders=Deferred(len(replayed.orders), lambda: once().orders),
        fills=fills,
        entries=Deferred(len(replayed.entries), lambda: once().entries),
        known_curve=Curve(
            snapshots=snapshots,
            fills=fills,
            dates=known.dates,
            equities=known.equities,
            traded=known.traded,
            cancelled=known.cancelled,
        ),
    )


def replay_by_day(legs: Sequence[Leg], quotes: QuotesByDate, capital: Decimal) -> Replay:
    """Run the account as a daily run does, every value of every day built: the reference of `replay_legs`."""
    snapshots: list[Snapshot] = []
    decisions: list[Decision] = []
    orders: dict[str, Order] = {}
    fills: list[Fill] = []
    entries: list[Entry] = []
    state = opening(legs[0].dates[0], capital)
    for as_of, pretrade_view, config in counted(_legs_by_day(legs), REPLAY, sum(len(leg.dates) for leg in legs)):
        today = quotes.on(as_of)
        if snapshots:
            day = settle_day(state, today, as_of, config)
            state = day.state
            fills.extend(day.fills)
            entries.extend(day.entries)
            orders.update({order.order_id: order for order in day.settled})
        snapshot = state.snapshot
        snapshots.append(snapshot)
        today_decided = decided(pretrade_view, snapshot, config)
        decisions.extend(today_decided)
        planned = plan_orders(state, today_decided, today, config)
        orders.update({order.order_id: order for order in planned})
        state = with_orders(state, planned)
    return Replay(
        snapshots=tuple(snapshots),
        decisions=tuple(decisions),
        orders=tuple(orders.values()),
        fills=tuple(fills),
        entries=tuple(entries),
    )


def _legs_by_day(legs: Sequence[Leg]) -> Iterator[tuple[date, PreTradeView, AccountConfig]]:
    for leg in legs:
        days = leg.days or pretrade_days(leg.view, leg.dates, leg.config)
        for row, as_of in enumerate(leg.dates):
            yield as_of, days.view(row), leg.config
