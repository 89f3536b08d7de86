"""The report of a day: one self-contained HTML file without scripts."""

from dataclasses import dataclass
from html import escape

from strategy.account.orders import Fill, Order
from strategy.account.state import Snapshot
from strategy.market.findings import Finding
from strategy.portfolio.decision import Decision
from tasks.report.backtest_tables import Measured, a_year, metrics_table, monthly_table
from tasks.report.charts import NARROW, WIDE, EquityPicture, equity_picture
from tasks.report.daily_tables import decisions_table, fills_table, findings_table, orders_table, positions_table
from tasks.report.markup import document, figure, folded_notice, money, notice, pairs, share, table


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """The inputs that reproduce the numbers; `trials` is the number of configurations tried on these bars.

    `model_id` may also name the trader in words; None means no network.
    """

    run_id: str
    data_sha256: str
    code_version: str
    model_id: str | None
    seed: int
    configuration: tuple[tuple[str, str], ...]
    trials: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyPage:
    """The content of a day's report.

    `account` names account and broker, `model` the origin of the signals, `halted` says why trading is halted or is
    empty, `picture` and `measured` show the account since it opened, its benchmarks after it; `before` are the
    decisions of the account's previous day, `bar_warnings` the data gate's warnings on published bars.
    """

    snapshot: Snapshot
    account: str
    model: str
    halted: str
    decisions: tuple[Decision, ...]
    orders: tuple[Order, ...]
    fills: tuple[Fill, ...]
    warnings: tuple[str, ...]
    findings: tuple[Finding, ...]
    provenance: Provenance
    picture: EquityPicture | None = None
    measured: tuple[Measured, ...] = ()
    before: tuple[Decision, ...] = ()
    bar_warnings: tuple[str, ...] = ()


def daily_page(page: DailyPage) -> str:
    """Return the report of a day as one HTML document."""
    account = page.snapshot.account
    as_of = account.as_of.isoformat()
    facts = (
        ("As of", as_of),
        ("Equity", money(page.snapshot.equity)),
        ("Cash", money(account.cash)),
        ("Drawdown now", share(page.snapshot.drawdown)),
        ("Halted", "yes" if page.halted else "no"),
        *_figures(page),
        ("Signals from", page.model),
    )
    sections = (
        title(f"Daily report, {as_of}", page.account),
        notice("stop", "Trading is halted", (page.halted,) if page.halted else ()),
        notice("notice", "Warnings", page.warnings),
        f"<section>{pairs('figures', facts)}</section>",
        equity_section(page.picture) if page.picture else "",
        folded_notice("Warnings about the bars", page.bar_warnings),
        table(decisions_table(page.decisions)),
        table(orders_table(page.orders)),
        table(fills_table("Fills of the day", page.fills)),
        table(positions_table(page.snapshot)),
        _life(page),
        table(findings_table(page.findings)),
        origin(page.provenance),
    )
    return document(f"TurboDMT daily report {as_of}", sections)


def _life(page: DailyPage) -> str:
    """Return the metrics and months since the account opened; empty for fewer than two days, which have no return."""
    if page.picture is None or len(page.picture.dates) < 2:
        return ""
    return table(metrics_table(page.measured, len(page.picture.dates))) + table(
        monthly_table(page.picture.dates, page.picture.lines)
    )


def _figures(page: DailyPage) -> list[tuple[str, str]]:
    """Return the account's return, growth, Sharpe ratio and deepest drawdown since it opened; empty for a single day.

    The first days show no annualised growth and Sharpe ratio.
    """
    measured = page.measured
    if page.picture is None or not measured or measured[0].metrics.cagr is None:
        return []
    own, days = measured[0].metrics, len(page.picture.dates)
    return [
        ("Net return since it opened", share(own.total_return)),
        *((f"Return of {one.label}", share(one.metrics.total_return)) for one in measured[1:2]),
        ("Growth per year", a_year(share(own.cagr), days)),
        ("Sharpe ratio", a_year(figure(own.sharpe), days)),
        ("Deepest drawdown", share(own.max_drawdown)),
    ]


def title(heading: str, under: str) -> str:
    """Return the header of a page."""
    return f'<header><h1>{escape(heading)}</h1><p class="soft">{escape(under)}</p></header>'


def both(wide: str, narrow: str) -> str:
    """Return two drawings of one thing, of which the style sheet shows the one that fits the screen."""
    return f'<div class="picture"><div class="wide">{wide}</div><div class="narrow">{narrow}</div></div>'


def equity_section(picture: EquityPicture) -> str:
    """Return the picture as a section, drawn for both widths."""
    return f'<section class="drawn">{both(equity_picture(picture, WIDE), equity_picture(picture, NARROW))}</section>'


def origin(known: Provenance) -> str:
    """Return the provenance of a page's numbers as a section."""
    entries = [
        ("Run", known.run_id),
        ("Code version", known.code_version),
        ("Seed", str(known.seed)),
        ("Model", known.model_id or "no network"),
        ("Data sha256", known.data_sha256),
    ]
    if known.trials is not None:
        entries.append(("Configurations tried", str(known.trials)))
    settings = pairs("origin", known.configuration)
    return (
        f"<section><h2>Where this comes from</h2>{pairs('origin', entries)}"
        f"<details><summary>Configuration</summary>{settings}</details></section>"
    )
