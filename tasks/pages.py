"""The report of a day and of a backtest: one HTML file each, legible anywhere, that loads and runs nothing."""

from dataclasses import dataclass
from datetime import date
from html import escape

from strategy.account import Snapshot
from strategy.decision import Decision
from strategy.orders import Fill, Order
from strategy.quality import Finding
from tasks.charts import NARROW, WIDE, EquityPicture, equity_picture
from tasks.markup import document, money, notice, pairs, share, table
from tasks.tables import (
    Measured,
    decisions_table,
    fills_table,
    findings_table,
    metrics_table,
    monthly_table,
    orders_table,
    positions_table,
    trades_tables,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What it takes to get the same numbers again; `trials` counts the configurations tried on these bars."""

    run_id: str
    data_sha256: str
    code_version: str
    model_id: str | None
    seed: int
    configuration: tuple[tuple[str, str], ...]
    trials: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyPage:
    """What the report of a day shows.

    `account` names account and broker, `model` what gave the signals, `halted` says why trading is halted or is empty.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestPage:
    """What the report of a backtest shows; the first line of the picture is the net equity of the strategy."""

    strategy: str
    symbols: tuple[str, ...]
    measured: tuple[Measured, ...]
    picture: EquityPicture
    trades: tuple[Fill, ...]
    warnings: tuple[str, ...]
    would_halt_on: date | None
    provenance: Provenance


def daily_page(page: DailyPage) -> str:
    """The report of a day as one HTML document."""
    account = page.snapshot.account
    as_of = account.as_of.isoformat()
    facts = (
        ("As of", as_of),
        ("Equity", money(page.snapshot.equity)),
        ("Cash", money(account.cash)),
        ("Drawdown", share(page.snapshot.drawdown)),
        ("Halted", "yes" if page.halted else "no"),
        ("Signals from", page.model),
    )
    sections = (
        _title(f"Daily report, {as_of}", page.account),
        notice("stop", "Trading is halted", (page.halted,) if page.halted else ()),
        notice("notice", "Warnings", page.warnings),
        f"<section>{pairs('figures', facts)}</section>",
        _picture(page.picture) if page.picture else "",
        table(decisions_table(page.decisions)),
        table(orders_table(page.orders)),
        table(fills_table("Fills of the day", page.fills)),
        table(positions_table(page.snapshot)),
        table(findings_table(page.findings)),
        _origin(page.provenance),
    )
    return document(f"TurboDMT daily report {as_of}", sections)


def backtest_page(page: BacktestPage) -> str:
    """The report of a backtest as one HTML document."""
    dates = page.picture.dates
    span = f"{dates[0]} to {dates[-1]}, {len(dates):,} days"
    halt = (
        (f"The drawdown limit would have halted this account on {page.would_halt_on}.",) if page.would_halt_on else ()
    )
    sections = (
        _title(f"Backtest of {page.strategy} on {', '.join(page.symbols)}", span),
        notice("notice", "Warnings", (*halt, *page.warnings)),
        _picture(page.picture),
        table(metrics_table(page.measured)),
        table(monthly_table(dates, page.picture.lines[0].values)),
        *(table(part) for part in trades_tables(page.trades)),
        _origin(page.provenance),
    )
    return document(f"TurboDMT backtest {page.strategy} {', '.join(page.symbols)}", sections)


def _title(heading: str, under: str) -> str:
    return f'<header><h1>{escape(heading)}</h1><p class="soft">{escape(under)}</p></header>'


def _picture(picture: EquityPicture) -> str:
    """Two drawings of it, of which the style shows the one that the screen has room for."""
    wide, narrow = equity_picture(picture, WIDE), equity_picture(picture, NARROW)
    return f'<section class="picture"><div class="wide">{wide}</div><div class="narrow">{narrow}</div></section>'


def _origin(origin: Provenance) -> str:
    entries = [
        ("Run", origin.run_id),
        ("Code version", origin.code_version),
        ("Seed", str(origin.seed)),
        ("Model", origin.model_id or "none; the prior trades"),
        ("Data sha256", origin.data_sha256),
    ]
    if origin.trials is not None:
        entries.append(("Configurations tried", str(origin.trials)))
    settings = pairs("origin", origin.configuration)
    return (
        f"<section><h2>Where this comes from</h2>{pairs('origin', entries)}"
        f"<details><summary>Configuration</summary>{settings}</details></section>"
    )
