"""`turbodmt daily`: run one day of an account."""

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.console import listed, quiet_logs, run_command, sections, warned
from flows.cli.number_format import decision, fill, left, money, order
from flows.cli.options import Account, AsJson, AsOf, Calendar, Capital, Home, Source, Strategy, Symbols
from flows.cli.sleeve_lines import shown_sleeves
from flows.cli.text_table import table

if TYPE_CHECKING:
    from datetime import date

    from flows.planning.day_plan import DayPlan
    from flows.work.done_days import Asked
    from tasks.run.answers import DayAnswer


def daily(
    as_of: AsOf = None,
    source: Source = None,
    symbols: Symbols = None,
    strategy: Strategy = None,
    broker: Annotated[
        str | None, typer.Option(metavar="NAME", help="Where orders go: paper, testnet-spot or testnet-futures.")
    ] = None,
    capital: Capital = None,
    account: Account = "daily",
    calendar: Calendar = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Run one day: ingest, validate, settle, retrain if due, signal, order, reconcile, report."""
    settings = {"source": source, "symbols": symbols, "strategy": strategy, "broker": broker, "capital": capital}
    given = {**settings, "home": home}
    run_command(lambda: run_daily(_named(given, calendar), as_of, account), shown_daily, as_json)


def _named(given: Mapping[str, object], calendar: str | None) -> Mapping[str, object]:
    """Return the options, once the calendar that is named stands for the symbols."""
    if calendar is None:
        return given
    from flows.cli.calendar_option import with_calendar

    return with_calendar(given, calendar)


def run_daily(given: Mapping[str, object], as_of: str | None, account: str) -> "DayAnswer":
    """Run the day and return its answer: as a flow where a Prefect server stands, else its steps as plain functions."""
    from flows.config.wall_clock import clock
    from flows.scheduling.alerts import has_reader
    from flows.work.done_days import asked, noted

    request = asked({**given, "as_of": as_of}, account, None)
    # Where a message may be read, that on the day may still have to be sent.
    end = None if has_reader() else noted(request, clock())
    if end is not None:
        from tasks.run.answers import DayAnswer

        return DayAnswer.of_json(end.answer)
    return _planned_and_run(given, as_of, account, request)


def _planned_and_run(given: Mapping[str, object], as_of: str | None, account: str, request: "Asked") -> "DayAnswer":
    from flows.cli.prefect_run import prepare_tracked_run
    from flows.config.settings import load
    from flows.config.wall_clock import clock
    from flows.planning.day_plan import plan_day
    from flows.planning.plan import Request, day
    from flows.scheduling.digests import tell_day
    from flows.work.day import told
    from flows.work.rest import note_end
    from tasks.run.answers import DayAnswer
    from tasks.run.runs import finished

    wanted = day(as_of, "--as-of")
    settings = load(given)
    # Refuse invalid requests, and see what is done, before the imports of a run.
    planned = plan_day(settings, Request(account=account, as_of=wanted, clock=clock(), broker=settings.broker))
    done = finished(planned.job)
    if done is not None:
        answer = told(done, tell_day(planned))
    else:
        tracked = prepare_tracked_run(settings.home)
        answer = DayAnswer.of_json(_as_flow(planned, wanted) if tracked else _as_functions(planned))
    note_end(planned, request, named=wanted is not None)
    return answer


def _as_flow(planned: "DayPlan", as_of: "date | None") -> str:
    from flows.daily import daily as flow
    from flows.server.availability import served

    settings = planned.settings
    with served(settings.home):
        return flow(
            as_of=as_of,
            source=settings.source,
            symbols=list(settings.symbols) or None,
            strategy=planned.job.policy.strategy.name,
            broker=settings.broker,
            capital=settings.capital,
            account=planned.job.account,
            home=settings.home,
        )


def _as_functions(planned: "DayPlan") -> str:
    from flows.runs.interrupts import unwinding
    from flows.scheduling.accounts_page import rewritten
    from flows.scheduling.digests import tell_day
    from flows.server.availability import demand_room
    from flows.work.day import prepared, without_work, worked
    from tasks.daily.steps import DaySteps
    from tasks.validation.suite import import_ahead

    quiet_logs(logging.WARNING)
    demand_room(planned.settings.home)
    with unwinding(), rewritten(planned.settings.home):
        day = prepared(planned)
        end = without_work(day)
        if end is None:
            import_ahead()
            end = worked(day, DaySteps(), tell_day)
    return end.answer


def shown_daily(answer: "DayAnswer") -> str:
    """Return a day in words: account, decisions, orders, fills, and the path of the report."""
    rows = [{"symbol": symbol, **decision(one)} for symbol, one in answer.symbols.items()]
    kept = ("held",) if any(one.held is not None for one in answer.symbols.values()) else ()
    columns = ("symbol", "status", "regime", "confidence", "signal", "volatility", "target", *kept)
    orders, fills = [*map(order, answer.orders)], [*map(fill, answer.fills)]
    learns = answer.model_code not in (None, "not_needed")
    ruled = f", model {answer.model_id[:12]}" if answer.model_id else ", the prior"
    reason = answer.model_reason if learns else None
    halted = answer.halted_reason
    sends = "orders close every position" if answer.flatten else "only orders that reduce a position are sent"
    return sections(
        f"{halted}; {sends}. Once you know why, `turbodmt resume --account {answer.account} --reason TEXT` lets it "
        "trade again."
        if halted
        else "",
        f"{answer.as_of}  account {answer.account}  strategy {answer.strategy}"
        + (f", version {answer.strategy_sha256[:12]}" if answer.strategy_sha256 else "")
        + (ruled if learns else "")
        + (f"\n{reason}" if reason else ""),
        table(rows, columns) if rows else "",
        listed("Fills", fills, ("symbol", "side", "quantity", "price", "fee", "order_id")),
        listed("Orders for the next open", orders, ("symbol", "side", "quantity", "state", "order_id")),
        listed("Still to be closed", [*map(left, answer.left_over)], ("symbol", "quantity", "code", "reason")),
        _worth(answer),
        shown_sleeves(answer.sleeves),
        f"Waiting for {', '.join(answer.waiting)}: a later run of the day decides what has come by then."
        if answer.waiting
        else "",
        f"Report {answer.report}" if answer.report else "",
        warned(answer),
    )


def _worth(answer: "DayAnswer") -> str:
    """Return the account's equity and cash, and what the day earned; empty for an account without a day."""
    from tasks.performance.earned_words import earned_in_words

    if answer.equity is None:
        return ""
    worth = f"Equity {money(answer.equity)}, cash {money(answer.cash)}"
    return f"{worth}\nResult of the day {earned_in_words(answer.earned)}" if answer.earned else worth
