"""The tables of the reports: decisions, orders, trades, positions, faults, performance and months."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from strategy.account import Snapshot
from strategy.decision import Decision
from strategy.metrics import Metrics
from strategy.orders import Fill, Order
from strategy.quality import Finding
from tasks.markup import ABSENT, Table, exactly, figure, money, share, signed
from tasks.scales import signed_percent

#: Trades listed at either end of a backtest.
LISTED_TRADES = 200
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
FILL_COLUMNS = ("Date", "Symbol", "Side", "Quantity", "Price", "Fee", "Order")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Metrics under a heading: gross, net, net at twice the cost, or a benchmark's net."""

    label: str
    metrics: Metrics


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
        columns=FILL_COLUMNS,
        numbers=frozenset({"Quantity", "Price", "Fee"}),
        rows=tuple(
            (f.as_of.isoformat(), f.symbol, f.side, exactly(f.quantity), exactly(f.price), money(f.fee), f.order_id)
            for f in fills
        ),
    )


def trades_tables(trades: Sequence[Fill]) -> tuple[Table, ...]:
    """All trades of a backtest, or its first and its last where they are many."""
    if len(trades) <= 2 * LISTED_TRADES:
        return (fills_table(f"Trades, {len(trades):,} in all", trades),)
    return (
        fills_table(f"Trades, the first {LISTED_TRADES} of {len(trades):,}", trades[:LISTED_TRADES]),
        fills_table(f"Trades, the last {LISTED_TRADES} of {len(trades):,}", trades[-LISTED_TRADES:]),
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


def metrics_table(measured: Sequence[Measured]) -> Table:
    """Performance, one column for each account measured."""
    labels = tuple(column.label for column in measured)
    lines = (
        ("Total return", [share(column.metrics.total_return) for column in measured]),
        ("Growth per year", [share(column.metrics.cagr) for column in measured]),
        ("Volatility per year", [share(column.metrics.annual_vol) for column in measured]),
        ("Sharpe", [figure(column.metrics.sharpe) for column in measured]),
        ("Sortino", [figure(column.metrics.sortino) for column in measured]),
        ("Deepest drawdown", [share(column.metrics.max_drawdown) for column in measured]),
        ("Days won", [share(column.metrics.win_rate) for column in measured]),
        ("Turnover per year", [figure(column.metrics.turnover_per_year) for column in measured]),
    )
    return Table(
        heading="Performance",
        columns=("", *labels),
        numbers=frozenset(labels),
        rows=tuple((name, *values) for name, values in lines),
    )


def monthly_table(dates: Sequence[date], equity: Sequence[float]) -> Table:
    """The return of every month and year, (years, 13)."""
    returns = monthly_returns(dates, equity)
    years: dict[int, float] = {}
    for (year, _), value in returns.items():
        years[year] = years.get(year, 1.0) * (1 + value)
    rows = []
    for year, growth in years.items():
        months = [returns.get((year, month)) for month in range(1, 13)]
        texts = (ABSENT if value is None or math.isnan(value) else signed_percent(value) for value in months)
        rows.append((str(year), *texts, ABSENT if math.isnan(growth) else signed_percent(growth - 1)))
    columns = ("Year", *MONTHS, "All")
    return Table(heading="Monthly returns, net", columns=columns, numbers=frozenset(columns[1:]), rows=tuple(rows))


def monthly_returns(dates: Sequence[date], equity: Sequence[float]) -> dict[tuple[int, int], float]:
    """The return of every (year, month), from its predecessor's last equity; the first month's from the first equity.

    >>> monthly_returns([date(2020, 1, 30), date(2020, 1, 31), date(2020, 2, 3)], [100.0, 110.0, 99.0])
    {(2020, 1): 0.10000000000000009, (2020, 2): -0.09999999999999998}
    """
    last = {(day.year, day.month): value for day, value in zip(dates, equity, strict=True)}
    returns, before = {}, equity[0]
    for month, value in last.items():
        returns[month] = value / before - 1 if before > 0 else math.nan
        before = value
    return returns
