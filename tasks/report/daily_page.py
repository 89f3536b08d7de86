"""The report of a day: one self-contained HTML file, complete without its script."""

from dataclasses import dataclass
from datetime import date

from strategy.account.orders import Fill, Order
from strategy.account.state import Snapshot
from strategy.market.findings import Finding
from strategy.portfolio.decision import Decision
from tasks.report.backtest_tables import FEWEST_ANNUALISED_DAYS, Measured, metrics_table, monthly_table
from tasks.report.charts import NARROW, WIDE, EquityPicture, equity_picture
from tasks.report.daily_tables import decisions_table, fills_table, findings_table, orders_table, positions_table
from tasks.report.markup import Table, figure, money, render, share
from tasks.report.picture_data import picture_data


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """The inputs that reproduce the numbers; `trials` is the number of configurations tried on these bars.

    `strategy` names the strategy, and of one of the user's own its parameters, version and file.
    `model_id` may also name the trader in words; None means no network.
    """

    run_id: str
    strategy: str
    data_sha256: str
    code_version: str
    model_id: str | None
    seed: int
    configuration: tuple[tuple[str, str], ...]
    trials: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyPage:
    """The content of a day's report.

    `account` names account and broker, `model` the origin of the signals or is empty, `halted` says why trading is
    halted or is empty, `picture` and `measured` show the account since it opened, its benchmarks after it; `before` are
    the decisions of the account's previous day, `bar_warnings` the data gate's warnings on published bars, `flows`
    facts about money paid in or out, `passes` the passes of the day, in words, if it has several or waits for symbols,
    `sleeves` a table of what each of several strategies has earned, `drift` what is said of each check against the
    account's past, `earned` tables of what earned the day's result and that since the account opened, `today` the day's
    result and its parts in short, as names and values, `previous` the day of the account's page before this one.
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
    flows: tuple[tuple[str, str], ...] = ()
    passes: str = ""
    sleeves: tuple[Table, ...] = ()
    drift: tuple[tuple[str, str], ...] = ()
    earned: tuple[Table, ...] = ()
    today: tuple[tuple[str, str], ...] = ()
    previous: date | None = None


def daily_page(page: DailyPage, back: str = "") -> str:
    """Return the report of a day as one HTML document; `back` as in `render`."""
    account = page.snapshot.account
    as_of = account.as_of.isoformat()
    facts = (
        *page.today,
        ("As of", as_of),
        ("Equity", money(page.snapshot.equity)),
        ("Cash", money(account.cash)),
        ("Drawdown now", share(page.snapshot.drawdown)),
        ("Halted", "yes" if page.halted else "no"),
        *_figures(page),
        *page.flows,
        *((("Passes", page.passes),) if page.passes else ()),
        *((("Signals from", page.model),) if page.model else ()),
        *page.drift,
    )
    tables = (
        decisions_table(page.decisions, page.snapshot),
        orders_table(page.orders),
        fills_table("Fills of the day", page.fills),
        positions_table(page.snapshot),
        *page.earned,
        *page.sleeves,
        *_life(page),
        findings_table(page.findings),
    )
    drawings = equity_drawings(page.picture) if page.picture else ()
    data = picture_data(page.picture) if page.picture else ""
    values = {"page": page, "as_of": as_of, "facts": facts, "drawings": drawings, "data": data, "tables": tables}
    return render("daily_page.html.j2", values, back)


def equity_drawings(picture: EquityPicture) -> tuple[str, str]:
    """Return the picture as SVG for a wide and for a narrow screen."""
    return equity_picture(picture, WIDE), equity_picture(picture, NARROW)


def _life(page: DailyPage) -> tuple[Table, ...]:
    """Return the metrics and months since the account opened; none for fewer than two days, which have no return."""
    if page.picture is None or len(page.picture.dates) < 2:
        return ()
    dates = page.picture.dates
    return metrics_table(page.measured, len(dates)), monthly_table(dates, page.picture.lines)


def _figures(page: DailyPage) -> list[tuple[str, str]]:
    """Return the account's return, growth, Sharpe ratio and deepest drawdown since it opened; empty for a single day.

    The first days have no annualised growth and Sharpe ratio.
    """
    measured = page.measured
    if page.picture is None or not measured or measured[0].metrics.cagr is None:
        return []
    own, days = measured[0].metrics, len(page.picture.dates)
    return [
        ("Net return since it opened", share(own.total_return)),
        *((f"Return of {row.label}", share(row.metrics.total_return)) for row in measured[1:2]),
        *(
            (("Growth per year", share(own.cagr)), ("Sharpe ratio", figure(own.sharpe)))
            if days >= FEWEST_ANNUALISED_DAYS
            else ()
        ),
        ("Deepest drawdown", share(own.max_drawdown)),
    ]
