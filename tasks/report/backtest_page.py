"""The report of a backtest: one self-contained HTML file, complete without its script."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from tasks.report import capacity_curve, distribution
from tasks.report.backtest_tables import (
    Fold,
    Measured,
    SleeveLine,
    Trade,
    folds_table,
    metrics_table,
    monthly_table,
    sleeves_table,
    trades_table,
)
from tasks.report.capacity_curve import CapacityCurve, capacity_picture
from tasks.report.charts import EquityPicture
from tasks.report.daily_page import Provenance, equity_drawings
from tasks.report.distribution import Distribution, distribution_picture
from tasks.report.markup import LivePicture, Table, figure, money, render
from tasks.report.picture_data import picture_data


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A number about the Sharpe ratio, and its meaning in words."""

    name: str
    value: str
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CostLine:
    """A kind of cost: the money paid, its share a year of the average equity, and the settings used."""

    name: str
    paid: str
    per_year: str
    terms: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveBeside:
    """A live account of what was tested: a sentence on it, its equity in the band, and both on the same days."""

    told: str
    facts: tuple[tuple[str, str], ...]
    picture: EquityPicture
    figures: Table


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSection:
    """Live accounts beside a backtest; `said` are sentences on those that are not compared, and what to do."""

    accounts: tuple[LiveBeside, ...]
    said: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestPage:
    """The content of a backtest report; the first line of the picture is the net equity of the strategy.

    `facts` are names with their values: the results. `spans` is the table of the returns of days and longer spans.
    `capacity` is None without market impact.
    """

    strategy: str
    symbols: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    measured: tuple[Measured, ...]
    picture: EquityPicture
    evidence: tuple[Evidence, ...]
    returns: Distribution | None
    spans: Table
    folds: tuple[Fold, ...]
    trades: tuple[Trade, ...]
    warnings: tuple[str, ...]
    bar_warnings: tuple[str, ...]
    would_halt_on: date | None
    provenance: Provenance
    costs: tuple[CostLine, ...] = ()
    capacity: CapacityCurve | None = None
    sleeves: tuple[SleeveLine, ...] = ()
    """Those of an account that runs several strategies."""
    attribution: tuple[Table, ...] = ()
    risk: tuple[Evidence, ...] = ()
    risk_tables: tuple[Table, ...] = ()
    weights: LivePicture | None = None
    """Those of several symbols over time."""
    live: LiveSection | None = None
    """None where nobody has looked for live accounts."""


def backtest_page(page: BacktestPage, back: str = "") -> str:
    """Return the report of a backtest as one HTML document; `back` as in `render`."""
    dates = page.picture.dates
    values = {
        "page": page,
        "equity": equity_drawings(page.picture),
        "data": picture_data(page.picture),
        "returns": _drawings(page.returns) if page.returns else (),
        "metrics": metrics_table(page.measured, len(dates)),
        "costs": _costs(page.costs),
        "capacity": _capacity(page.capacity) if page.capacity else None,
        "capacity_drawn": _capacity_drawings(page.capacity) if page.capacity else (),
        "sleeves": sleeves_table(page.sleeves, dates[0]),
        "monthly": monthly_table(dates, page.picture.lines),
        "folds": folds_table(page.folds),
        "trades": trades_table(page.trades),
        "lived": [
            (each, equity_drawings(each.picture), picture_data(each.picture))
            for each in (page.live.accounts if page.live else ())
        ],
    }
    return render("backtest_page.html.j2", values, back)


def _costs(lines: Sequence[CostLine]) -> Table:
    return Table(
        heading="Costs of the net account",
        columns=("", "Paid", "A year, of equity", "At"),
        numbers=frozenset({"Paid", "A year, of equity"}),
        rows=tuple((line.name, line.paid, line.per_year, line.terms) for line in lines),
    )


def _capacity(curve: CapacityCurve) -> Table:
    return Table(
        heading="Capacity: the net account with other capitals, market impact included",
        columns=("Capital", "Sharpe ratio"),
        numbers=frozenset({"Capital", "Sharpe ratio"}),
        rows=tuple((money(capital), figure(ratio)) for capital, ratio in curve.points),
    )


def _capacity_drawings(curve: CapacityCurve) -> tuple[str, str]:
    return capacity_picture(curve, capacity_curve.WIDE), capacity_picture(curve, capacity_curve.NARROW)


def _drawings(returns: Distribution) -> tuple[str, str]:
    return distribution_picture(returns, distribution.WIDE), distribution_picture(returns, distribution.NARROW)
