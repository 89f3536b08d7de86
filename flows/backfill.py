"""The backfill flow: many past days in one run, as one task, resumable after any stop."""

import logging
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Annotated

from prefect import flow
from prefect.runtime import flow_run
from pydantic import Field

from flows.config.choices import StrategyName
from flows.config.settings import Symbol, load
from flows.config.wall_clock import clock
from flows.planning.adapters import open_source
from flows.planning.backfill_plan import BackfillRequest, plan_backfill
from flows.planning.own_strategy import admit
from flows.runs.docstrings import documented
from flows.runs.progress import ProgressReporter
from flows.runs.progress_artifact import progress_artifact
from flows.runs.run_names import name_run
from flows.runs.run_states import ended_well, in_one_sentence
from flows.scheduling.accounts_page import rewritten
from flows.server.environment import attend_run
from flows.server.up_server import served_at
from flows.work.backfill import BackfillSteps, worked
from tasks.backfill.answer_model import BackfillAnswer
from tasks.backfill.runs import answered, demand_own
from tasks.prefect_tasks import fill, report
from tasks.report.markup import money

# A worker loads this file by its path, under another module name.
log = logging.getLogger("flows.backfill")


def run_name() -> str:
    """Return the account and window of the current run, the name Prefect shows until the run is planned."""
    given = flow_run.parameters
    return f"{given['account'] or 'backfill'}, {given['start_date']} to {given['end_date']}"


@flow(name="backfill", flow_run_name=run_name)
@documented
def backfill(
    start_date: date,
    end_date: date,
    source: str | None = None,
    symbols: list[Symbol] | None = None,
    strategy: StrategyName | None = None,
    capital: Annotated[Decimal, Field(gt=0, le=10**12)] | None = None,
    account: str | None = None,
    home: Path | None = None,
) -> str:
    """The daily decisions of a window of the past: the JSON text that `turbodmt backfill --json` prints.

    Orders go to the embedded paper broker, whatever the settings say. A parameter left out is taken from the settings.

    Args:
        start_date: The first day decided.
        end_date: The last day decided, at most the source's last closed bar.
        source: Where bars come from: sample, binance, binance-futures, yahoo or file:PATH.
        symbols: What to trade; left out, what the source serves by default.
        strategy: The rule that turns bars into signals: turbo, rules, hold, vol-target or momentum.
        capital: The money that the account starts with.
        account: The account in the ledger; left out, one that the other parameters name. Never one of daily runs.
        home: The folder of the database, models and reports; left out, that of the worker.
    """
    attend_run()
    options = {"source": source, "symbols": symbols, "strategy": strategy, "capital": capital, "home": home}
    request = BackfillRequest(start=start_date, end=end_date, account=account, clock=clock())
    return in_one_sentence(lambda: _run({**options, "broker": "paper"}, request))


def _run(given: Mapping[str, object], request: BackfillRequest) -> str:
    settings = load(given)
    wanted = plan_backfill(settings, open_source(settings), request)
    demand_own(wanted)
    admit(settings, wanted.job.account, wanted.job.policy.strategy, clock())
    name_run(wanted.job, f"{wanted.start} to {wanted.job.as_of}")
    done = answered(wanted)
    if done is not None:
        again = f"{wanted.job.account} was already filled up to {wanted.job.as_of}; nothing was left to do."
        log.info("%s", again)
        return ended_well(done.to_json(), again)
    steps = BackfillSteps(
        fill=fill,
        report=partial(report, served_at=served_at(settings.home)),
        reporter=lambda account: ProgressReporter(account, progress_artifact(account, f"Days of {account}")),
    )
    with rewritten(settings.home):
        answer = worked(settings, wanted, steps)
    return ended_well(answer.to_json(), in_words(answer))


def in_words(answer: BackfillAnswer) -> str:
    """Return the backfill in one sentence, for the state of its run.

    >>> counts = {"days_done": 40, "orders": 12, "fills": 11, "warnings": ()}
    >>> last = {"account": "what-if", "end": date(2018, 12, 31), "equity": Decimal("9812.5475")}
    >>> in_words(BackfillAnswer.model_construct(**last, **counts))
    'Account what-if: equity 9,812.55 at the close of 2018-12-31; days: 40, orders: 12, fills: 11, warnings: 0.'
    """
    counts = f"days: {answer.days_done}, orders: {answer.orders}, fills: {answer.fills}"
    equity = f"equity {money(answer.equity)} at the close of {answer.end}"
    return f"Account {answer.account}: {equity}; {counts}, warnings: {len(answer.warnings)}."
