"""The tables of a backtest: performance, months, folds and trades."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from strategy.account.orders import Fill
from strategy.evaluation.metrics import Metrics
from strategy.sleeves.results import SleeveResults
from tasks.report.charts import Line
from tasks.report.markup import ABSENT, Table, converted, cost, exactly, figure, money, share
from tasks.report.scales import signed_percent

#: Fewest account days for an annualised figure: the result of a week is no estimate of a year.
FEWEST_ANNUALISED_DAYS = 63
TOO_EARLY = f"from {FEWEST_ANNUALISED_DAYS} days on"
#: Trades listed at each end of a backtest.
LISTED_TRADES = 200
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
#: Absolute monthly returns from which on a cell is shaded darker.
SHADES = (0.0005, 0.02, 0.06)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Metrics under a label: gross, net, net at twice the cost, or a benchmark's net."""

    label: str
    metrics: Metrics


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """A fill and the reason for its order."""

    fill: Fill
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """A walk-forward fold: its span, the trader, and the reason."""

    start: date
    end: date
    fitted_to: date
    trader: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SleeveLine:
    """A sleeve of an account: its name, its weight on the last day, and what it has earned and paid in fees."""

    name: str
    weight: float
    profit: Decimal
    fees: Decimal


def sleeve_lines(found: SleeveResults | None) -> tuple[SleeveLine, ...]:
    """Return the sleeves of an account as lines of a table; empty if it runs a single strategy."""
    sleeves = found.sleeves if found else ()
    return tuple(
        SleeveLine(name=each.sleeve, weight=each.weight, profit=each.profit, fees=each.fees) for each in sleeves
    )


def sleeves_table(sleeves: Sequence[SleeveLine], since: date) -> Table:
    """Return what each sleeve has earned since the close of the day, and their sum."""
    every = SleeveLine(
        name="All",
        weight=sum(sleeve.weight for sleeve in sleeves),
        profit=sum((sleeve.profit for sleeve in sleeves), Decimal(0)),
        fees=sum((sleeve.fees for sleeve in sleeves), Decimal(0)),
    )
    return Table(
        heading=f"Sleeves since {since}: profit after their part of every cost",
        columns=("Sleeve", "Weight", "Profit", "Fees in it"),
        numbers=frozenset({"Weight", "Profit", "Fees in it"}),
        rows=tuple((one.name, figure(one.weight), money(one.profit), cost(one.fees)) for one in (*sleeves, every)),
    )


def a_year(text: str, days: int) -> str:
    """Return the annualised figure, or a note of how many account days it takes."""
    return text if days >= FEWEST_ANNUALISED_DAYS else TOO_EARLY


def metrics_table(measured: Sequence[Measured], days: int) -> Table:
    """Return the performance over that many account days, one column per measured account."""
    labels = tuple(column.label for column in measured)
    lines = (
        ("Total return", [share(column.metrics.total_return) for column in measured]),
        ("Growth per year", [_a_year(share(column.metrics.cagr), days) for column in measured]),
        ("Volatility per year", [_a_year(share(column.metrics.annual_vol), days) for column in measured]),
        ("Sharpe ratio", [_a_year(figure(column.metrics.sharpe), days) for column in measured]),
        *_above_cash(measured, days),
        ("Sortino ratio", [_a_year(figure(column.metrics.sortino), days) for column in measured]),
        ("Deepest drawdown", [share(column.metrics.max_drawdown) for column in measured]),
        ("Calmar ratio", [_a_year(figure(column.metrics.calmar), days) for column in measured]),
        ("Days won", [share(column.metrics.win_rate) for column in measured]),
        (
            "Turnover per year, × equity",
            [_a_year(figure(column.metrics.turnover_per_year), days) for column in measured],
        ),
    )
    return Table(
        heading="Performance" if days >= FEWEST_ANNUALISED_DAYS else f"Performance; figures of a year {TOO_EARLY}",
        columns=("", *labels),
        numbers=frozenset(labels),
        rows=tuple((name, *values) for name, values in lines),
    )


def _a_year(text: str, days: int) -> str:
    return text if days >= FEWEST_ANNUALISED_DAYS else ABSENT


def _above_cash(measured: Sequence[Measured], days: int) -> tuple[tuple[str, list[str]], ...]:
    """Return the rate that the Sharpe ratios are above, and the ratios without it; nothing where it was 0."""
    if all(column.metrics.rate_mean == 0 or column.metrics.sharpe_raw is None for column in measured):
        return ()
    return (
        (
            "Sharpe ratio without a risk-free rate",
            [_a_year(figure(column.metrics.sharpe_raw), days) for column in measured],
        ),
        ("Risk-free rate, mean", [share(column.metrics.rate_mean) for column in measured]),
    )


def folds_table(folds: Sequence[Fold]) -> Table:
    """Return the walk-forward folds: every model saw only bars from before its span."""
    return Table(
        heading="Walk-forward",
        columns=("Traded from", "To", "Saw bars up to", "Traded by", "Why"),
        rows=tuple(
            (fold.start.isoformat(), fold.end.isoformat(), fold.fitted_to.isoformat(), fold.trader, fold.reason)
            for fold in folds
        ),
    )


def trades_table(trades: Sequence[Trade]) -> Table:
    """Return all trades of a backtest, or the first and the last of many, with a row that says what is between."""
    many, heading = len(trades) > 2 * LISTED_TRADES, f"Trades, {len(trades):,} in all"
    listed = (*trades[:LISTED_TRADES], *trades[-LISTED_TRADES:]) if many else trades
    rows = tuple(_trade_row(trade.fill, trade.reason) for trade in listed)
    if many:
        gap = ("…", *[""] * 5, f"{len(trades) - 2 * LISTED_TRADES:,} more in trades.parquet")
        rows = (*rows[:LISTED_TRADES], gap, *rows[LISTED_TRADES:])
        heading = f"Trades, the first and the last {LISTED_TRADES} of {len(trades):,}"
    return Table(
        heading=heading,
        columns=("Date", "Symbol", "Side", "Quantity", "Price", "Fee", "Why"),
        numbers=frozenset({"Quantity", "Price", "Fee"}),
        rows=rows,
        empty="No trade.",
    )


def _trade_row(fill: Fill, reason: str) -> tuple[str, ...]:
    numbers = (exactly(fill.quantity), converted(fill.price, fill.fx_rate), cost(fill.fee))
    return (fill.as_of.isoformat(), fill.symbol, fill.side, *numbers, reason)


def monthly_table(dates: Sequence[date], lines: Sequence[Line]) -> Table:
    """Return the first line's return of every month and year, shaded, with each year of the second line beside it."""
    returns = monthly_returns(dates, lines[0].values)
    labels = ("Year", *(line.label for line in lines[1:2]))
    columns = ("", *MONTHS, *labels)
    years = [yearly_returns(monthly_returns(dates, line.values)) for line in lines[:2]]
    rows = {
        year: [*(returns.get((year, month)) for month in range(1, 13)), *(known[year] for known in years)]
        for year in years[0]
    }
    return Table(
        heading="Monthly returns, net",
        columns=columns,
        numbers=frozenset(columns[1:]),
        rows=tuple((str(year), *map(_return, values)) for year, values in rows.items()),
        tones=tuple(("", *map(_tone, values[:12]), *("" for _ in labels)) for values in rows.values()),
    )


def _return(value: float | None) -> str:
    return ABSENT if value is None or math.isnan(value) else signed_percent(value)


def _tone(value: float | None) -> str:
    shade = 0 if value is None else sum(abs(value) >= least for least in SHADES)
    return f"{'up' if value is not None and value > 0 else 'down'}{shade}" if shade else ""


def monthly_returns(dates: Sequence[date], equity: Sequence[float]) -> dict[tuple[int, int], float]:
    """Return the return of each (year, month), from the previous month's last equity; the first from the first equity.

    >>> monthly_returns([date(2020, 1, 30), date(2020, 1, 31), date(2020, 2, 3)], [100.0, 110.0, 99.0])
    {(2020, 1): 0.10000000000000009, (2020, 2): -0.09999999999999998}
    """
    last = {(day.year, day.month): value for day, value in zip(dates, equity, strict=True)}
    returns, before = {}, equity[0]
    for month, value in last.items():
        returns[month] = value / before - 1 if before > 0 else math.nan
        before = value
    return returns


def yearly_returns(monthly: dict[tuple[int, int], float]) -> dict[int, float]:
    """Return the compounded return of each year.

    >>> yearly_returns({(2020, 1): 0.5, (2020, 2): -0.5, (2021, 1): 0.25})
    {2020: -0.25, 2021: 0.25}
    """
    growth: dict[int, float] = {}
    for (year, _), value in monthly.items():
        growth[year] = growth.get(year, 1.0) * (1 + value)
    return {year: value - 1 for year, value in growth.items()}
