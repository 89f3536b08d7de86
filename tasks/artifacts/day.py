"""Prefect artifacts of a day: a table of decisions, a summary, a picture of the equity, the link to the report."""

from dataclasses import dataclass, replace
from pathlib import Path

from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_table_artifact,
)

from storage.reports import INDEX
from tasks.daily.replay_check import TOLERANCE, Reconciliation
from tasks.report.charts import equity_picture, svg_data_uri
from tasks.report.daily_page import DailyPage
from tasks.report.daily_tables import (
    changes_table,
    decisions_table,
    fills_table,
    findings_table,
    orders_table,
    positions_table,
    risk_table,
)
from tasks.report.markup import Table, money, share

#: The limits in the table of risk, as spelled in the configuration.
LIMITS = ("max_drawdown_halt", "max_position_size", "max_turnover")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The location of an account's report; `served_at` is the path below which Prefect's server shows it, if any."""

    account: str
    file: Path
    served_at: str | None = None

    @property
    def link(self) -> str | None:
        """Return the report's address without a host, so that it also works behind a tunnel or a proxy."""
        return None if self.served_at is None else f"{self.served_at}/{self.account}/{self.file.name}"

    @property
    def index(self) -> str:
        """Return the address of the page of all accounts: a path on Prefect's server, or else that of the file."""
        if self.served_at is not None:
            return f"{self.served_at}/{INDEX}"
        return (self.file.parent.parent / INDEX).as_uri()


def publish(page: DailyPage, report: Place) -> None:
    """Publish the day's artifacts in the current run, each under a key of the account that keeps its history."""
    account = report.account
    as_of, equity = page.snapshot.account.as_of, money(page.snapshot.equity)
    limits = {name: float(value) for name, value in page.provenance.configuration if name in LIMITS}
    tables = {
        "decisions": (
            changes_table(page.decisions, page.before, page.snapshot),
            f"Decisions of {as_of}" + (" beside the day before" if page.before else ""),
        ),
        "orders": (orders_table(page.orders), f"Orders decided at the close of {as_of}"),
        "fills": (fills_table("Fills", page.fills), f"What was filled up to {as_of}"),
        "risk": (
            risk_table(page.snapshot, page.decisions, limits, page.halted),
            " ".join(filter(None, (f"Risk at the close of {as_of}.", page.halted))),
        ),
    }
    for name, (content, description) in tables.items():
        create_table_artifact(table=in_rows(content), key=f"{name}-{account}", description=description)
    create_markdown_artifact(summary(page, report), key=f"summary-{account}", description=f"{as_of}: equity {equity}")
    if page.picture is not None:
        # An image artifact would also show its address, which here is the whole data URI.
        create_markdown_artifact(
            f"![{page.picture.title}]({svg_data_uri(equity_picture(page.picture))})",
            key=f"equity-{account}",
            description=f"{page.picture.title} up to {as_of}",
        )
    create_link_artifact(
        report.link or report.file.as_uri(),
        link_text=f"Report of {as_of}",
        key=f"report-{account}",
        description=_where(report),
    )
    create_link_artifact(
        report.index,
        link_text="All accounts",
        key="accounts",
        description="Every account of this home at a glance, written again by each run.",
    )


def _where(report: Place) -> str:
    if report.link is not None:
        return (
            f"The report opens in a tab of its own, for whoever is signed in here. It is the file `{report.file}` on "
            "the worker's machine."
        )
    return (
        f"The report is the file `{report.file}` on the worker's machine. Browsers do not follow a link from a web "
        f"page to a file: open it there, where `turbodmt report --account {report.account}` names it; from another "
        f"machine the artifact summary-{report.account} tells its tables."
    )


def in_rows(content: Table) -> list[dict[str, str]]:
    """Return the rows of a table by column name; if it is empty, one row that says so."""
    told = informative(content)
    rows = [dict(zip(told.columns, row, strict=True)) for row in told.rows]
    return rows or [{content.heading: content.empty}]


def informative(content: Table) -> Table:
    """Return the table without the columns that are empty in every row."""
    kept = [place for place in range(len(content.columns)) if any(row[place] for row in content.rows)]
    return replace(
        content,
        columns=tuple(content.columns[place] for place in kept),
        rows=tuple(tuple(row[place] for place in kept) for row in content.rows),
        tones=(),
    )


def publish_reconciliation(found: Reconciliation, account: str) -> None:
    """Publish an artifact of the replay check: how far the ledger and the replayed day differ."""
    facts = {
        "As of": found.as_of.isoformat(),
        "Equity in the ledger": money(found.equity),
        "Equity replayed": money(found.replayed),
        "Difference": f"{found.difference:.2g}",
        "Limit": f"{TOLERANCE:.9f}",
        "Decisions equal": str(found.decisions),
        "Orders equal": str(found.orders),
        "Short of paper's fills": "" if found.shortfall is None else f"{found.shortfall:.4%}",
    }
    # One fact per row: Prefect's page cuts off wide tables.
    create_table_artifact(
        table=[{"What": name, "Value": cell} for name, cell in facts.items() if cell],
        key=f"reconciliation-{account}",
        description=f"{found.as_of} replayed as a backtest",
    )


def summary(page: DailyPage, report: Place) -> str:
    """Return the whole day in Markdown, for readers who cannot open the report."""
    snapshot = page.snapshot
    facts = Table(
        heading=f"{report.account}, {snapshot.account.as_of}",
        columns=("Equity", "Cash", "Drawdown", "Halted", "Signals from"),
        rows=(
            (
                money(snapshot.equity),
                money(snapshot.account.cash),
                share(snapshot.drawdown),
                "yes" if page.halted else "no",
                page.model or "rules",
            ),
        ),
    )
    notes = [f"- **{name}:** {value}" for name, value in page.today]
    notes += [f"- **Warning:** {warning}" for warning in page.warnings]
    tables = (
        decisions_table(page.decisions, snapshot),
        orders_table(page.orders),
        fills_table("Fills of the day", page.fills),
        positions_table(snapshot),
        *page.earned,
        findings_table(page.findings),
    )
    opened = "" if report.link is None else f"[open it]({report.link}), or the file "
    where = f"Report: {opened}`{report.file}`"
    parts = [f"**{page.halted}**", markdown(facts), "\n".join(notes), *map(markdown, tables), where]
    return "\n\n".join(part for part in parts if part)


def markdown(content: Table) -> str:
    r"""Return a table in Markdown under its heading, or the heading and the text for an empty table.

    >>> print(markdown(Table(heading="Held", columns=("Symbol", "Quantity"), rows=(("A|B", "2"),))))
    ## Held
    <BLANKLINE>
    | Symbol | Quantity |
    |---|---|
    | A\|B | 2 |
    """
    if not content.rows:
        return f"## {content.heading}\n\n{content.empty}"
    told = informative(content)
    lines = [told.columns, *told.rows]
    texts = ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]
    texts.insert(1, "|" + "---|" * len(told.columns))
    return "\n".join([f"## {content.heading}", "", *texts])
