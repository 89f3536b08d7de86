"""`turbodmt daily`: run one day of an account."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.console import listed, run_command, sections, table, warned
from flows.cli.number_format import decision, fill, money, order
from flows.cli.options import Account, AsJson, AsOf, Calendar, Capital, Home, Source, Strategy, Symbols

if TYPE_CHECKING:
    from tasks.run.answers import DayAnswer


def daily(
    as_of: AsOf = None,
    source: Source = None,
    symbols: Symbols = None,
    strategy: Strategy = None,
    broker: Annotated[str | None, typer.Option(help="Where orders go: paper, testnet-spot or testnet-futures.")] = None,
    capital: Capital = None,
    account: Account = "daily",
    calendar: Calendar = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Run one day: ingest, validate, settle, retrain if due, signal, order, reconcile, report."""
    from flows.cli.calendar_option import with_calendar

    settings = {"source": source, "symbols": symbols, "strategy": strategy, "broker": broker, "capital": capital}
    given = {**settings, "home": home}
    run_command(lambda: run_daily(with_calendar(given, calendar), as_of, account), shown_daily, as_json)


def run_daily(given: Mapping[str, object], as_of: str | None, account: str) -> "DayAnswer":
    """Run the daily flow under Prefect and return its answer."""
    from flows.cli.prefect_run import prepare_run
    from flows.config.settings import load
    from flows.config.wall_clock import clock
    from flows.planning.adapters import broker_factory, open_source
    from flows.planning.kept_terms import on_kept_terms
    from flows.planning.own_strategy import admit
    from flows.planning.plan import Request, day, demand_live, outline
    from flows.server.availability import served
    from tasks.run.answers import DayAnswer
    from tasks.run.runs import demand_own, finished

    wanted = day(as_of, "--as-of")
    settings = load(given)
    # Refuse invalid requests now: Prefect takes ten seconds to start, and would record a failed run.
    source = open_source(settings)
    request = Request(account=account, as_of=wanted, clock=clock(), broker=settings.broker)
    demand_live(source, request)
    broker_factory(settings)
    job = on_kept_terms(settings, outline(settings, source, request))
    demand_own(job)
    admit(settings, account, job.policy.strategy, request.clock)
    done = finished(job)
    if done is not None:
        return done
    prepare_run(settings.home)
    from flows.daily import daily as flow
    from flows.runs.training_progress import training_told

    with served(settings.home), training_told():
        text = flow(
            as_of=wanted,
            source=settings.source,
            symbols=list(settings.symbols) or None,
            strategy=job.policy.strategy.name,
            broker=settings.broker,
            capital=settings.capital,
            account=account,
            home=settings.home,
        )
    return DayAnswer.of_json(text)


def shown_daily(answer: "DayAnswer") -> str:
    """Return a day in words: account, decisions, orders, fills, and the path of the report."""
    rows = [{"symbol": symbol, **decision(one)} for symbol, one in answer.symbols.items()]
    columns = ("symbol", "status", "regime", "confidence", "signal", "volatility", "exposure")
    orders, fills = [*map(order, answer.orders)], [*map(fill, answer.fills)]
    learns = answer.model_code not in (None, "not_needed")
    ruled = f", model {answer.model_id[:12]}" if answer.model_id else ", the prior"
    reason = answer.model_reason if learns else None
    halted = answer.halted_reason
    sends = "every position is closed" if answer.flatten else "only orders that reduce a position are sent"
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
        f"Equity {money(answer.equity)}, cash {money(answer.cash)}" if answer.equity is not None else "",
        f"Waiting for {', '.join(answer.waiting)}: a later run of the day decides what has come by then."
        if answer.waiting
        else "",
        f"Report {answer.report}" if answer.report else "",
        warned(answer),
    )
