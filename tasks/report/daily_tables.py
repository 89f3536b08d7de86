"""The tables of a day: decisions, orders, trades, positions and findings."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from strategy.account.orders import Fill, Order
from strategy.account.state import Snapshot
from strategy.market.findings import Finding
from strategy.portfolio.decision import Decision
from tasks.report.markup import (
    ABSENT,
    Table,
    converted,
    cost,
    exactly,
    exposed,
    figure,
    held_quantity,
    money,
    share,
    signed,
    with_minus_signs,
)
from tasks.report.small_numbers import as_decided

#: Columns of the decisions before those of their status and reason.
_NUMBERED = ("Symbol", "Regime", "Confidence", "Signal", "Volatility", "Held", "Target")


def decisions_table(decisions: Sequence[Decision], snapshot: Snapshot) -> Table:
    """Return the decision for each symbol, with the numbers behind it and what is held of it at the close.

    A target is that of the next open; a symbol that is kept has none.
    """
    held = snapshot.held if snapshot.equity > 0 else {}
    return Table(
        heading="Decisions",
        columns=(*_NUMBERED, "Status", "Reason"),
        numbers=frozenset(_NUMBERED[2:]),
        rows=tuple(
            (
                decision.symbol,
                decision.regime or ABSENT,
                figure(decision.confidence),
                signed(decision.signal),
                share(decision.volatility),
                exposed(snapshot.exposure(decision.symbol)) if decision.symbol in held else ABSENT,
                exposed(decision.exposure),
                as_decided(decision.status, decision.exposure),
                with_minus_signs(decision.reason),
            )
            for decision in decisions
        ),
    )


def changes_table(decisions: Sequence[Decision], before: Sequence[Decision], snapshot: Snapshot) -> Table:
    """Return the decisions with the change of signal and target since the decisions `before`."""
    plain, known = decisions_table(decisions, snapshot), {decision.symbol: decision for decision in before}
    rows, numbered = [], len(_NUMBERED)
    for cells, decision in zip(plain.rows, decisions, strict=True):
        old = known.get(decision.symbol)
        moved = (_moved(old.signal, decision.signal), _shifted(old.exposure, decision.exposure)) if old else ("", "")
        rows.append((*cells[:numbered], *moved, *cells[numbered:]))
    columns = (*_NUMBERED, "Signal moved", "Target moved", *plain.columns[numbered:])
    return Table(heading=plain.heading, columns=columns, rows=tuple(rows), numbers=plain.numbers)


def _moved(old: float | None, new: float | None) -> str:
    return "" if old is None or new is None else signed(new - old)


def _shifted(old: float | None, new: float | None) -> str:
    return "" if old is None or new is None else exposed(new - old)


def orders_table(orders: Sequence[Order]) -> Table:
    """Return the orders and their states."""
    return Table(
        heading="Orders for the next open",
        columns=("Symbol", "Side", "Quantity", "State", "Reason", "Order"),
        numbers=frozenset({"Quantity"}),
        rows=tuple((o.symbol, o.side, exactly(o.quantity), o.state, o.reason, o.order_id) for o in orders),
        empty="No order: the positions are where they should be.",
    )


def fills_table(heading: str, fills: Sequence[Fill]) -> Table:
    """Return the trades under a heading."""
    return Table(
        heading=heading,
        columns=("Date", "Symbol", "Side", "Quantity", "Price", "Fee", "Order"),
        numbers=frozenset({"Quantity", "Price", "Fee"}),
        rows=tuple(
            (
                *(f.as_of.isoformat(), f.symbol, f.side, exactly(f.quantity)),
                *(converted(f.price, f.fx_rate), cost(f.fee), f.order_id),
            )
            for f in fills
        ),
        empty="Nothing was filled.",
    )


def positions_table(snapshot: Snapshot) -> Table:
    """Return the positions at the close, without dust."""

    def of_equity(value: Decimal) -> str:
        return exposed(float(value / snapshot.equity)) if snapshot.equity > 0 else ABSENT

    return Table(
        heading="Positions at the close",
        columns=("Symbol", "Quantity", "Mark", "Value", "Over equity"),
        numbers=frozenset({"Quantity", "Mark", "Value", "Over equity"}),
        rows=tuple(
            (
                *(symbol, held_quantity(held.quantity), converted(held.mark, held.fx_rate)),
                *(money(held.value), of_equity(held.value)),
            )
            for symbol, held in snapshot.held.items()
        ),
        empty="Nothing is held.",
    )


def risk_table(snapshot: Snapshot, decisions: Sequence[Decision], limits: Mapping[str, float], halted: str) -> Table:
    """Return the account's risk beside its limits; turnover is what the decisions change, before rounding to lots."""
    held = snapshot.account.positions
    equity = float(snapshot.equity)
    gross = sum(abs(float(position.value)) for position in held.values())
    worth = {symbol: float(position.value) for symbol, position in held.items()}
    turned = sum(
        abs(decision.exposure * equity - worth.get(decision.symbol, 0.0))
        for decision in decisions
        if decision.exposure is not None
    )

    def over_equity(value: float) -> str:
        return share(value / equity) if equity > 0 else ABSENT

    return Table(
        heading="Risk",
        columns=("What", "Now", "Limit"),
        rows=(
            ("Drawdown", share(snapshot.drawdown), f"halts at {share(limits['max_drawdown_halt'])}"),
            ("Gross exposure over equity", over_equity(gross), share(limits["max_position_size"])),
            ("Turnover decided over equity", over_equity(turned), share(limits["max_turnover"])),
            ("Halted", "yes" if halted else "no", "until it is resumed" if halted else ""),
        ),
    )


def verdicts_table(published: Mapping[str, int], findings: Sequence[Finding], symbols: Sequence[str]) -> Table:
    """Return the data gate's verdict on each symbol's new bars."""
    worst = {finding.symbol: finding for finding in reversed(findings)}
    rows = []
    for symbol in symbols:
        finding = worst.get(symbol)
        if finding is None:
            count = published.get(symbol)
            said = "nothing new" if not count else f"passed, {count:,} bars published"
            rows.append((symbol, said, "", "", ""))
            continue
        day = finding.open_time.isoformat() if finding.open_time else ABSENT
        rows.append((symbol, f"held back: {finding.reason}", day, finding.value, finding.limit))
    return Table(heading="Validation", columns=("Symbol", "Verdict", "Date", "Found", "Limit"), rows=tuple(rows))


def findings_table(findings: Sequence[Finding]) -> Table:
    """Return the findings of the data gate on what it held back."""
    return Table(
        heading="Data quality: held back",
        columns=("Symbol", "Date", "Found", "Limit", "Expectation", "Reason"),
        rows=tuple(
            (f.symbol, f.open_time.isoformat() if f.open_time else ABSENT, f.value, f.limit, f.expectation, f.reason)
            for f in findings
        ),
        empty="Every bar passed the gate.",
    )
