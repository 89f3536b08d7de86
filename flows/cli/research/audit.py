"""`turbodmt audit`: values that must be equal are computed twice and compared; claims are measured."""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.console import run_command, sections, tell, warned
from flows.cli.number_format import in_units
from flows.cli.options import AsJson, Home, Source, Symbols
from flows.cli.research.window_options import WindowOptions, WorkerOptions
from flows.cli.text_table import table
from strategy.builtin.registry import BUILT_IN, HOLD, RULES

if TYPE_CHECKING:
    from tasks.audit.claims import HeadlineAnswer
    from tasks.audit.window import ChecksAnswer

#: Defaults of --days: dates sampled (lookahead), and days run (parity).
LOOKAHEAD_DAYS, PARITY_DAYS = 25, 20
MOST_DAYS = 10_000
#: Metrics shown of each account of the headline audit.
MEASURED = ("total_return", "sharpe", "max_drawdown", "win_rate")


class Audit(StrEnum):
    """The audits."""

    LOOKAHEAD = "lookahead"
    PARITY = "parity"
    HEADLINE = "headline"


def audit(
    what: Annotated[Audit, typer.Argument(help="What to audit.")],
    source: Source = None,
    symbols: Symbols = None,
    start_date: Annotated[str | None, typer.Option(metavar="DATE", help="First day looked at.")] = None,
    end_date: Annotated[str | None, typer.Option(metavar="DATE", help="Last day looked at.")] = None,
    strategy: Annotated[
        str | None, typer.Option(metavar="NAME", help="One or more, separated by commas; left out, all.")
    ] = None,
    days: Annotated[
        int | None, typer.Option(metavar="N", help="Dates to sample (lookahead), days to run (parity).")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Share the strategies of lookahead between N processes.")
    ] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Prove that nothing looks ahead, that daily runs equal a backtest, and what the seed's figures are worth."""
    given = {"source": source, "symbols": symbols, "home": home}
    window = WindowOptions(strategy=strategy, start_date=start_date, end_date=end_date)
    shared = WorkerOptions(processes=workers)
    run_command(lambda: run_audit(given, what, window, days, shared), shown_audit, as_json)


def run_audit(
    given: Mapping[str, object], what: Audit, window: WindowOptions, days: int | None, workers: WorkerOptions
) -> "ChecksAnswer | HeadlineAnswer":
    """Return the answer of an audit; without Prefect server, and with only temporary accounts."""
    from flows.cli.console import quiet_logs
    from flows.config.settings import load
    from flows.planning.adapters import open_source, source_factory
    from flows.planning.plan import RequestRefused, between, plan, strategies_named

    request = between("audit", window.start_date, window.end_date)
    if days is not None and not 1 <= days <= MOST_DAYS:
        raise RequestRefused(f"--days is {days}; it must lie between 1 and {MOST_DAYS}")
    if what is Audit.HEADLINE and days is not None:
        raise RequestRefused(f"--days is {days}, but the headline is measured on all days; use --start-date instead")
    if workers.asked and what is not Audit.LOOKAHEAD:
        raise RequestRefused(f"{workers.asked} is for lookahead, whose strategies are independent; leave it out")
    settings = load(given)
    source = open_source(settings)
    if what is Audit.HEADLINE and not settings.symbols:
        settings = load({**given, "symbols": source.symbols()[0]})
    usual = (RULES, HOLD) if what is Audit.HEADLINE else tuple(BUILT_IN.values())
    strategies = usual if window.strategy is None else strategies_named(window.strategy, settings)
    job = plan(settings, source, request, strategies[0])
    quiet_logs()
    from tasks.audit.window import AuditRequest

    count = days or _usual_days(what, request.since and request.until)
    audit_request = AuditRequest(strategies=strategies, start=request.since, days=count)
    if what is Audit.PARITY:
        from tasks.audit.parity import daily_parity

        return daily_parity(job, audit_request, source_factory(settings))
    if what is Audit.HEADLINE:
        from flows.runs.durations import Expected
        from tasks.audit.claims import headline

        return headline(job, audit_request, source_factory(settings), tell, Expected("account", tell))
    from tasks.audit.lookahead import look_ahead

    return look_ahead(job, audit_request, source_factory(settings), workers.runner())


def _usual_days(what: Audit, end: date | None) -> int:
    """Return the default number of days: all of a window whose both ends are given, or a few."""
    if what is Audit.PARITY:
        return MOST_DAYS if end else PARITY_DAYS
    return LOOKAHEAD_DAYS


def shown_audit(answer: "ChecksAnswer | HeadlineAnswer") -> str:
    """Return an audit in words: the checks made, or the claimed figures beside the measured ones."""
    days = f"{', '.join(answer.symbols)} of {answer.source}, {answer.start} to {answer.end}"
    return _shown_headline(answer, days) if answer.audit == "headline" else _shown_checks(answer, days)


def _shown_headline(answer: "HeadlineAnswer", days: str) -> str:
    columns = ("account", *MEASURED, "days_right_needed")
    return sections(
        f"The seed document's figures beside net ones of {days}, {answer.days} days",
        table([{**dict(account), **in_units(account, MEASURED)} for account in answer.accounts], columns),
        "The claimed win rate counts trades, the measured ones count days.",
        answer.verdict,
        warned(answer),
    )


def _shown_checks(answer: "ChecksAnswer", days: str) -> str:
    rows = [{**dict(check), "pass": "pass" if check.passed else "FAIL"} for check in answer.checks]
    return sections(
        f"{answer.audit} audit on {days}",
        table(rows, ("check", "strategy", "dates", "mismatches", "pass")),
        f"All {len(rows)} checks passed.",
        warned(answer),
    )
