"""The tables of a day: decisions, orders, trades, positions and faults."""

from collections.abc import Sequence
from decimal import Decimal

from strategy.account import Snapshot
from strategy.decision import Decision
from strategy.orders import Fill, Order
from strategy.quality import Finding
from tasks.markup import ABSENT, Table, exactly, figure, money, share, signed


def decisions_table(decisions: Sequence[Decision]) -> Table:
    """What was decided for each symbol, and from which numbers."""
    return Table(
        heading="Decisions",
        columns=("Symbol", "Regime", "Confidence", "Signal", "Volatility", "Exposure", "Status", "Reason"),
        numbers=frozenset({"Confidence", "Signal", "Volatility", "Exposure"}),
        rows=tuple(
            (
                decision.symbol,
                decision.regime or ABSENT,
                figure(decision.confidence),
                signed(decision.signal),
                share(decision.volatility),
                signed(decision.exposure),
                decision.status.replace("_", " "),
                decision.reason,
            )
            for decision in decisions
        ),
    )


def orders_table(orders: Sequence[Order]) -> Table:
    """What was ordered, and what became of it."""
    return Table(
        heading="Orders for the next open",
        columns=("Symbol", "Side", "Quantity", "State", "Reason", "Order"),
        numbers=frozenset({"Quantity"}),
        rows=tuple((o.symbol, o.side, exactly(o.quantity), o.state, o.reason, o.order_id) for o in orders),
        empty="No order: the positions are where they should be.",
    )


def fills_table(heading: str, fills: Sequence[Fill]) -> Table:
    """Trades under a heading."""
    return Table(
        heading=heading,
        columns=("Date", "Symbol", "Side", "Quantity", "Price", "Fee", "Order"),
        numbers=frozenset({"Quantity", "Price", "Fee"}),
        rows=tuple(
            (f.as_of.isoformat(), f.symbol, f.side, exactly(f.quantity), exactly(f.price), money(f.fee), f.order_id)
            for f in fills
        ),
    )


def positions_table(snapshot: Snapshot) -> Table:
    """What is held at the close."""

    def of_equity(value: Decimal) -> str:
        return signed(float(value / snapshot.equity)) if snapshot.equity > 0 else ABSENT

    return Table(
        heading="Positions at the close",
        columns=("Symbol", "Quantity", "Mark", "Value", "Over equity"),
        numbers=frozenset({"Quantity", "Mark", "Value", "Over equity"}),
        rows=tuple(
            (symbol, exactly(held.quantity), exactly(held.mark), money(held.value), of_equity(held.value))
            for symbol, held in sorted(snapshot.account.positions.items())
            if held.quantity
        ),
        empty="Nothing is held.",
    )


def findings_table(findings: Sequence[Finding]) -> Table:
    """What the gate held back, and why."""
    return Table(
        heading="Data quality: held back",
        columns=("Symbol", "Date", "Found", "Limit", "Expectation", "Reason"),
        rows=tuple(
            (f.symbol, f.open_time.isoformat() if f.open_time else ABSENT, f.value, f.limit, f.expectation, f.reason)
            for f in findings
        ),
        empty="Every bar passed the gate.",
    )
