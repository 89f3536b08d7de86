"""The daily flow: one task per step, each idempotent for its day, so that a run may be killed and repeated."""

import logging
from collections.abc import Mapping
from contextlib import nullcontext
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import cast

from prefect import flow
from prefect.runtime import deployment, flow_run

from flows.config.choices import Broker, StrategyName
from flows.config.wall_clock import clock
from flows.runs.docstrings import documented
from flows.runs.repeats import taken_over_at
from flows.runs.run_states import ended_well, in_one_sentence, taken_over
from flows.server.environment import attend_run
from flows.work.done_days import asked, noted
from storage.database import patient

# A worker loads this file by its path, under another module name.
log = logging.getLogger("flows.daily")

#: Seconds that a deployment's run waits for the store in all.
PATIENCE_S = 60.0


def run_name() -> str:
    """Return the account and day of the current run, the name that Prefect shows."""
    given = flow_run.parameters
    return f"{given['account']}, {given['as_of'] or 'newest bar'}"


@flow(name="daily", flow_run_name=run_name)
@documented
def daily(
    as_of: date | None = None,
    source: str | None = None,
    symbols: list[str] | None = None,
    strategy: StrategyName | None = None,
    broker: Broker | None = None,
    capital: Decimal | None = None,
    account: str = "daily",
    home: Path | None = None,
) -> str:
    """One trading day, end to end: the JSON text that `turbodmt daily --json` prints.

    Every parameter left out is taken from the settings.

    Args:
        as_of: The last closed bar; left out, the newest one.
        source: Where bars come from: sample, binance, binance-futures, yahoo or file:PATH.
        symbols: What to trade; left out, what the source serves by default.
        strategy: The rule that turns bars into signals: turbo, rules, hold, vol-target or momentum.
        broker: Where orders go: paper, testnet-spot or testnet-futures; keys come from the environment or secrets.
        capital: The money that a new account starts with.
        account: The account in the ledger, in lower-case letters, digits and dashes.
        home: The folder of the database, models and reports; left out, that of the worker.
    """
    attend_run()
    options = {"source": source, "symbols": symbols, "strategy": strategy, "broker": broker, "capital": capital}
    return in_one_sentence(lambda: _run({**options, "home": home}, account, as_of))


def _run(given: Mapping[str, object], account: str, as_of: date | None) -> str:
    now = clock()
    later = taken_over_at(now)
    if later is not None:
        return cast(str, taken_over(later))
    # Nobody sits and waits for a deployment's run, and those of many accounts share one store.
    with patient(PATIENCE_S) if deployment.id else nullcontext():
        return _worked(given, account, as_of, now)


def _worked(given: Mapping[str, object], account: str, as_of: date | None, now: datetime) -> str:
    request = asked(given, account, as_of)
    end = noted(request, now) if deployment.id else None
    if end is not None:
        log.info("%s", end.sentence)
    else:
        # Importing it takes longer than all else that a repeat of a day that is done has to do.
        from flows.runs.tracked_work import work_tracked
        from flows.scheduling.accounts_page import rewritten
        from flows.scheduling.digests import tell_day
        from flows.work.deployed_day import tracked_day

        with rewritten(request.home), work_tracked(account):
            end = tracked_day(given, account, as_of, request, tell_day)
    return ended_well(end.answer, end.sentence)
