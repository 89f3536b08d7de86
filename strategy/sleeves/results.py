"""Results of an account's sleeves: their virtual ledgers, replayed from the record of the account's days."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import TypeVar

from strategy.account.money import exact, quantised
from strategy.account.orders import Fill, Order, OrderState
from strategy.account.state import Entry, EntryKind, Snapshot
from strategy.backtest.day_loop import Replay
from strategy.portfolio.decision import Decision
from strategy.sleeves.ledgers import BookedDay, OrderWish, SleeveLedgers, booked, opened

#: No day of several passes.
NONE: Mapping[tuple[date, str], Decimal] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class SleeveResult:
    """What a sleeve has earned since the day on which the account's sleeves began, in the account's currency.

    `weight` is that of the last day, `profit` is net of the sleeve's part of every cost and `fees` are in it, and
    `quantities` are what it holds, signed, and `entered` its part of the account's entries by kind. The profits of all
    sleeves add up to that of the account.
    """

    sleeve: str
    weight: float
    profit: Decimal
    fees: Decimal
    quantities: Mapping[str, Decimal]
    entered: Mapping[EntryKind, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class SleeveResults:
    """The results of all sleeves, in their order, from the close of `since` on; `filled` are their parts by order."""

    since: date
    sleeves: tuple[SleeveResult, ...]
    filled: Mapping[str, tuple[Decimal, ...]]


def sleeve_results(record: Replay, decided_at: Mapping[tuple[date, str], Decimal] = NONE) -> SleeveResults | None:
    """Return the results of the sleeves that the account had on its last day; None if it had none.

    They begin on the first day from which on the account always had these. Positions of before are shared by weight.
    `decided_at` is the equity at which a symbol was decided on a day, where that is not the equity at its end.
    """
    decided = _by_day(record.decisions)
    days = _newest_stretch(record.snapshots, decided)
    if not days:
        return None
    orders, weights = _Orders.of(record, decided_at), _weights(decided[days[0].account.as_of])
    ledgers = opened(days[0].account, [exact(weight) for weight in weights.values()])
    wishes = orders.wished(ledgers, decided[days[0].account.as_of])
    filled: dict[str, tuple[Decimal, ...]] = {}
    fills, entries = _by_day(record.fills), _by_day(record.entries)
    for snapshot in days[1:]:
        day = snapshot.account.as_of
        booking = BookedDay(
            account=snapshot.account, fills=fills.get(day, ()), entries=entries.get(day, ()), wishes=wishes
        )
        ledgers = booked(ledgers, booking, [exact(weight) for weight in weights.values()])
        filled |= ledgers.filled
        today = decided.get(day, ())
        weights = _weights(today) or weights
        wishes = {**wishes, **orders.wished(ledgers, today)}
    return SleeveResults(
        since=days[0].account.as_of,
        sleeves=tuple(
            SleeveResult(
                sleeve=name,
                weight=weight,
                profit=profit,
                fees=ledger.fees,
                quantities=ledger.quantities,
                entered=ledger.entered,
            )
            for (name, weight), profit, ledger in zip(weights.items(), ledgers.profits, ledgers.ledgers, strict=True)
        ),
        filled=filled,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Orders:
    """The orders of a record by the day that decided them, each symbol's, and the equity of before a later pass."""

    orders: Mapping[date, Mapping[str, Order]]
    decided_at: Mapping[tuple[date, str], Decimal]

    @staticmethod
    def of(record: Replay, decided_at: Mapping[tuple[date, str], Decimal]) -> "_Orders":
        found: dict[date, dict[str, Order]] = {}
        for order in record.orders:
            found.setdefault(order.as_of, {})[order.symbol] = order
        return _Orders(orders=found, decided_at=decided_at)

    def wished(self, ledgers: SleeveLedgers, decisions: Sequence[Decision]) -> dict[str, OrderWish]:
        """Return what the sleeves want of the day's orders, by order."""
        result = {}
        for decision in decisions:
            order = self.orders.get(decision.as_of, {}).get(decision.symbol)
            if order is None or order.mark is None or not decision.sleeves:
                continue
            position = ledgers.account.positions.get(decision.symbol)
            equity = self.decided_at.get((decision.as_of, decision.symbol), ledgers.account.equity)
            result[order.order_id] = OrderWish(
                quantity=order.signed_quantity,
                worth=tuple(quantised(exact(wish.exposure) * equity) for wish in decision.sleeves),
                held=ledgers.held(decision.symbol),
                mark=order.mark,
                whole=order.state is OrderState.FILLED,
                fx_rate=None if position is None else position.fx_rate,
            )
        return result


def _newest_stretch(snapshots: Sequence[Snapshot], decided: Mapping[date, Sequence[Decision]]) -> list[Snapshot]:
    """Return the snapshots from the first day on from which on every decided day has the sleeves of the last one."""
    stretch: list[Snapshot] = []
    wanted: list[str] | None = None
    for snapshot in reversed(snapshots):
        today = decided.get(snapshot.account.as_of)
        if today is not None:
            sleeves = list(_weights(today))
            wanted = sleeves if wanted is None else wanted
            if not wanted or sleeves != wanted:
                break
        stretch.append(snapshot)
    # A day that was only settled cannot be the first.
    while stretch and stretch[-1].account.as_of not in decided:
        stretch.pop()
    return stretch[::-1] if wanted else []


def _weights(decisions: Sequence[Decision]) -> dict[str, float]:
    """Return the weights of the day's sleeves, by name in their order; empty without any."""
    for decision in decisions:
        if decision.sleeves:
            return {wish.sleeve: wish.weight for wish in decision.sleeves}
    return {}


Dated = TypeVar("Dated", Decision, Fill, Entry)


def _by_day(rows: Sequence[Dated]) -> dict[date, list[Dated]]:
    found: dict[date, list[Dated]] = {}
    for row in rows:
        found.setdefault(row.as_of, []).append(row)
    return found
