"""The report of a backtest: one self-contained HTML file without scripts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from tasks.report import distribution
from tasks.report.backtest_tables import (
    Fold,
    Measured,
    Trade,
    folds_table,
    metrics_table,
    monthly_table,
    trades_table,
)
from tasks.report.charts import EquityPicture
from tasks.report.daily_page import Provenance, both, equity_section, origin, title
from tasks.report.distribution import Distribution, distribution_picture
from tasks.report.markup import Table, document, folded, folded_notice, notice, pairs, table, told


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
class BacktestPage:
    """The content of a backtest report; the first line of the picture is the net equity of the strategy.

    `facts` and `spread` are names with their values: the results, and the distribution of daily returns.
    """

    strategy: str
    symbols: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    measured: tuple[Measured, ...]
    picture: EquityPicture
    evidence: tuple[Evidence, ...]
    returns: Distribution | None
    spread: tuple[tuple[str, str], ...]
    folds: tuple[Fold, ...]
    trades: tuple[Trade, ...]
    warnings: tuple[str, ...]
    bar_warnings: tuple[str, ...]
    would_halt_on: date | None
    provenance: Provenance
    costs: tuple[CostLine, ...] = ()


def backtest_page(page: BacktestPage) -> str:
    """Return the report of a backtest as one HTML document."""
    dates = page.picture.dates
    span = f"{dates[0]} to {dates[-1]}, {len(dates):,} days"
    halt = (
        (f"The drawdown limit would have halted this account on {page.would_halt_on}.",) if page.would_halt_on else ()
    )
    sections = (
        title(f"Backtest of {page.strategy} on {', '.join(page.symbols)}", span),
        f"<section>{pairs('figures', page.facts)}</section>",
        notice("notice", "Warnings", (*halt, *page.warnings)),
        equity_section(page.picture),
        folded_notice("Warnings about the bars", page.bar_warnings),
        table(metrics_table(page.measured, len(dates))),
        table(_costs(page.costs)) if page.costs else "",
        _evidence(page.evidence) if page.evidence else "",
        table(monthly_table(dates, page.picture.lines)),
        _returns(page.returns, page.spread) if page.returns else "",
        table(folds_table(page.folds)) if page.folds else "",
        folded(trades_table(page.trades)),
        origin(page.provenance),
    )
    return document(f"TurboDMT backtest {page.strategy} {', '.join(page.symbols)}", sections)


def _costs(lines: Sequence[CostLine]) -> Table:
    return Table(
        heading="Costs of the net account",
        columns=("", "Paid", "A year, of equity", "At"),
        numbers=frozenset({"Paid", "A year, of equity"}),
        rows=tuple((one.name, one.paid, one.per_year, one.terms) for one in lines),
    )


def _evidence(evidence: Sequence[Evidence]) -> str:
    cards = told([(one.name, one.value, one.meaning) for one in evidence])
    return f"<section><h2>Skill or luck: the net Sharpe ratio</h2>{cards}</section>"


def _returns(returns: Distribution, spread: tuple[tuple[str, str], ...]) -> str:
    drawn = both(distribution_picture(returns, distribution.WIDE), distribution_picture(returns, distribution.NARROW))
    return f'<section class="drawn">{drawn}{pairs("spread", spread)}</section>'
