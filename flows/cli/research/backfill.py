"""`turbodmt backfill`: replay the daily decisions over history into an account of their own."""

import logging
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.console import counted, listed, quiet_logs, run_command, sections, warned
from flows.cli.number_format import in_units, money
from flows.cli.options import AsJson, Calendar, Capital, Home, Source, Strategy, Symbols
from flows.cli.sleeve_lines import shown_sleeves
from flows.cli.text_table import table

if TYPE_CHECKING:
    from flows.config.settings import Settings
    from tasks.backfill.answer_model import BackfillAnswer
    from tasks.backfill.runs import Backfill


def backfill(
    start_date: Annotated[str, typer.Option(metavar="DATE", help="First day decided.")],
    end_date: Annotated[str, typer.Option(metavar="DATE", help="Last day decided.")],
    symbols: Symbols = None,
    source: Source = None,
    strategy: Strategy = None,
    capital: Capital = None,
    account: Annotated[
        str | None, typer.Option(metavar="NAME", help="The account to fill; left out, one of its own.")
    ] = None,
    calendar: Calendar = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Replay the daily decisions over history into an account of their own; the same command goes on after a stop."""
    from flows.cli.calendar_option import with_calendar

    settings = {"source": source, "symbols": symbols, "strategy": strategy, "capital": capital, "home": home}
    run_command(
        lambda: run_backfill(with_calendar(settings, calendar), (start_date, end_date), account),
        shown_backfill,
        as_json,
    )


def run_backfill(given: Mapping[str, object], window: tuple[str, str], account: str | None) -> "BackfillAnswer":
    """Run the backfill, as a flow where a Prefect server stands, and return its answer; at once if nothing is left."""
    from flows.cli.prefect_run import prepare_tracked_run
    from flows.config.settings import load
    from flows.config.wall_clock import clock
    from flows.planning.adapters import open_source
    from flows.planning.backfill_plan import BackfillRequest, plan_backfill
    from flows.planning.own_strategy import admit
    from flows.planning.plan import day
    from flows.server.availability import served
    from tasks.backfill.runs import answered, demand_own

    start, end = day(window[0], "--start-date"), day(window[1], "--end-date")
    assert start is not None, "the option is required"
    assert end is not None, "the option is required"
    settings = load({**given, "broker": "paper"})
    wanted = plan_backfill(
        settings, open_source(settings), BackfillRequest(start=start, end=end, account=account, clock=clock())
    )
    # Refuse invalid requests now: Prefect would record a failed run.
    demand_own(wanted)
    admit(settings, wanted.job.account, wanted.job.policy.strategy, wanted.job.now)
    done = answered(wanted)
    if done is not None:
        return done
    if not prepare_tracked_run(settings.home):
        return _as_functions(settings, wanted)
    from flows.backfill import backfill as flow
    from tasks.backfill.answer_model import BackfillAnswer

    with served(settings.home):
        text = flow(
            start_date=start,
            end_date=end,
            source=settings.source,
            symbols=list(settings.symbols) or None,
            strategy=wanted.job.policy.strategy.name,
            capital=settings.capital,
            account=account,
            home=settings.home,
        )
    return BackfillAnswer.of_json(text)


def _as_functions(settings: "Settings", wanted: "Backfill") -> "BackfillAnswer":
    from flows.runs.interrupts import unwinding
    from flows.scheduling.accounts_page import rewritten
    from flows.server.availability import demand_room
    from flows.work.backfill import BackfillSteps, worked
    from tasks.validation.suite import import_ahead

    quiet_logs(logging.WARNING)
    demand_room(settings.home)
    import_ahead()
    with unwinding(), rewritten(settings.home):
        return worked(settings, wanted, BackfillSteps())


def shown_backfill(answer: "BackfillAnswer") -> str:
    """Return a backfill in words: the days added, the account's metrics, and which model decided when."""
    names = tuple(field.name for field in fields(answer.metrics))
    changes = [{"since": change.as_of, "model": (change.model_id or "none")[:12]} for change in answer.model_changes]
    learned = any(change.model_id for change in answer.model_changes)
    return sections(
        f"Account {answer.account}: {answer.strategy} on {', '.join(answer.symbols)}, {answer.start} to "
        f"{answer.end}\n{counted(answer.days_done, 'day')} done, {answer.days_skipped} already there; "
        f"{counted(answer.orders, 'order')}, {answer.orders_withheld} withheld, "
        f"{counted(answer.fills, 'fill')}",
        table([in_units(answer.metrics, names)], names),
        f"Equity {money(answer.equity)}" + (f", halted since {answer.halted_since}" if answer.halted else ""),
        shown_sleeves(answer.sleeves),
        listed("Models", changes, ("since", "model")) if learned else "",
        f"Report {answer.report}" if answer.report else "",
        warned(answer),
    )
