"""Warnings about orders that were refused, lost, cut and the like: for a day's answer, and for a whole window."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

from storage.bars import published as bar_store
from storage.database import Connection, connect
from storage.ledger import days as ledger
from storage.ledger import orders as order_store
from storage.ledger import runs
from strategy.account.missed_orders import Miss, MissedOrder, cuts, filled_quantities, missed_orders
from strategy.account.orders import Fill, Order, OrderState
from strategy.account.paper_fills import VOLUME_SHARE
from strategy.account.quotes import QuotesByDate, quotes_by_date
from strategy.backtest.day_loop import Replay
from strategy.market.bars import Bars
from tasks.report.markup import exactly
from tasks.run.job import Job
from tasks.run.runs import DAILY

#: Most symbols that a sentence names.
NAMED = 5

_ONE = {
    Miss.REFUSED: "was refused",
    Miss.LOST: "was lost",
    Miss.UNKNOWN: "may have traded or not",
    Miss.NOT_SENT: "did not leave",
    Miss.EXPIRED: "expired",
    Miss.CANCELLED: "was cancelled",
    Miss.CUT: "was cut",
}
_SEVERAL = {
    **_ONE,
    Miss.REFUSED: "were refused",
    Miss.LOST: "were lost",
    Miss.CANCELLED: "were cancelled",
    Miss.CUT: "were cut",
}


def missed_since_last_answer(job: Job) -> tuple[str, ...]:
    """Return a warning for each order that missed since the last answer, the day's own orders included.

    Warnings of an earlier answer are not repeated, and orders of unknown outcome are left to `doubts`.
    """
    with connect(job.home) as store:
        last = runs.last_done(store, job.account, DAILY, before=job.as_of)
        since = last.run.as_of if last else ledger.last_decided(store, job.account, before=job.as_of) or job.as_of
        orders = [order for order in order_store.orders_since(store, job.account, since) if order.as_of <= job.as_of]
        told = last.outcome.warnings if last and last.outcome else ()
        found = missed_among(store, (job.account, job.source), orders)
    known = [missed_order for missed_order in found if missed_order.miss is not Miss.UNKNOWN]
    return tuple(sentence for sentence in sentences(known) if sentence not in told)


def missed_among(store: Connection, account: tuple[str, str], orders: Sequence[Order]) -> tuple[MissedOrder, ...]:
    """Return the orders that missed; `account` is its name and the source whose bars give the splits."""
    name, source = account
    fills = ledger.fills_of(store, name, [order.order_id for order in orders])
    return missed_orders(orders, filled_quantities(fills, _factors(store, source, orders, fills)))


def sentences(missed: Sequence[MissedOrder]) -> tuple[str, ...]:
    """Return what became of the orders, one sentence for all orders of a day that missed for the same reason."""
    alike: dict[tuple[date, Miss, str], list[MissedOrder]] = {}
    for missed_order in missed:
        alike.setdefault((missed_order.order.as_of, missed_order.miss, missed_order.order.reason), []).append(
            missed_order
        )
    return tuple(_sentence(some) for some in alike.values())


def cut_in_window(
    label: str, orders: Sequence[Order], fills: Sequence[Fill], bars: Mapping[str, Bars]
) -> tuple[str, ...]:
    """Return a warning for each symbol whose orders the paper broker cut over a window, with count and shares."""
    if not any(order.state is OrderState.CANCELLED for order in orders):
        return ()
    days = [fill.as_of for fill in fills]
    quotes = quotes_by_date(bars, min(days), max(days)) if days else QuotesByDate(quotes={})
    factors = {
        (fill.symbol, fill.as_of): quotes.on(fill.as_of)[fill.symbol].factor_change
        for fill in fills
        if fill.symbol in quotes.on(fill.as_of)
    }
    shares = cuts(missed_orders(orders, filled_quantities(fills, factors)))
    return tuple(_cut(label, symbol, some) for symbol, some in shares.items())


def cut_orders(replays: Mapping[str, Replay], bars: Mapping[str, Bars]) -> tuple[str, ...]:
    """Return the warnings of `cut_in_window` for each account, by its label."""
    return tuple(
        said
        for label, replay in replays.items()
        if replay.cancelled
        for said in cut_in_window(label, replay.orders, replay.fills, bars)
    )


def percent(share: float) -> str:
    """Return a share below one in percent, never rounded up to 100%.

    >>> percent(0.0823), percent(0.0004), percent(0.99999), percent(0.0)
    ('8.2%', '0.04%', '99.9%', '0%')
    """
    value = min(100 * share, 99.9)
    return f"{value:.1f}%" if value >= 1 else f"{value:.2g}%"


def _sentence(alike: Sequence[MissedOrder]) -> str:
    first = alike[0]
    order = first.order
    if len(alike) == 1:
        shown = f" to {percent(first.share)}" if first.miss is Miss.CUT else ""
        what = f"the order of {order.as_of} to {order.side} {exactly(order.quantity)} {order.symbol} {_ONE[first.miss]}"
    else:
        shares = sorted(missed_order.share for missed_order in alike)
        shown = f" to {percent(shares[0])} to {percent(shares[-1])}" if first.miss is Miss.CUT else ""
        named = ", ".join(missed_order.order.symbol for missed_order in alike[:NAMED])
        more = f" and {len(alike) - NAMED} more" if len(alike) > NAMED else ""
        what = f"{len(alike)} orders of {order.as_of} ({named}{more}) {_SEVERAL[first.miss]}"
    return f"{what}{shown}: {order.reason}" if order.reason else f"{what}{shown}"


def _cut(label: str, symbol: str, filled: Sequence[float]) -> str:
    """Return the warning about a symbol's orders that were cut, given the fractions filled, lowest first."""
    single, least, median = len(filled) == 1, percent(filled[0]), percent(filled[(len(filled) - 1) // 2])
    count = f"1 order of {symbol} was" if single else f"{len(filled)} orders of {symbol} were"
    shares = least if single else f"{median} in the median, {least} at least,"
    return (
        f"{label}: {count} cut to {shares} of what was wanted: an order takes at most {VOLUME_SHARE:.0%} of the volume "
        "of its fill bar and the rest is cancelled; trade less capital, or, if the volumes are stated in thousands, "
        "millions or lots, state them in units"
    )


def _factors(
    store: Connection, source: str, orders: Sequence[Order], fills: Sequence[Fill]
) -> Mapping[tuple[str, date], Decimal]:
    """Return the split factor of each order that did not trade whole, by symbol and day of the fill."""
    asked = {order.order_id: order.quantity for order in orders}
    cut = [fill for fill in fills if fill.quantity != asked[fill.order_id]]
    factors = {}
    for fill in cut:
        bars = bar_store.load(store, source, (fill.symbol,), until=fill.as_of, last_bars=2)
        quotes = quotes_by_date(bars, fill.as_of, fill.as_of).on(fill.as_of)
        if fill.symbol in quotes:
            factors[fill.symbol, fill.as_of] = quotes[fill.symbol].factor_change
    return factors
