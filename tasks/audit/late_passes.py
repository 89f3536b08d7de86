"""Parity of days in two passes: a symbol's bar comes late, and each pass must replay exactly from the stored bars."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import pandas as pd

from exchange.brokers.paper import PaperBroker
from exchange.ports import BarRequest, BarSource
from exchange.sessions.wrapped_source import WrappedSource
from storage.database import connect
from strategy.audit.lookahead import Checked, Market
from strategy.work_progress import WorkName, counted
from tasks.audit.parity_case import KEPT, Case
from tasks.daily.account_days import next_day
from tasks.daily.account_state import account_config, quotes_since, state_at
from tasks.daily.order import trade
from tasks.daily.replay_check import ReconciliationFailed, reconcile
from tasks.daily.settle import settle
from tasks.daily.signals import settled_state, signal
from tasks.data.ingest import ingest
from tasks.models.retrain import Champion
from tasks.run.job import Job
from tasks.run.runs import symbols_asked
from tasks.validation.gate import validate

#: The newest days, of which every second one is lived in two passes.
DAYS = 6
Differences = dict[str, list[str]]


def late_parity(cases: Sequence[Case], source: BarSource, bars: Market) -> tuple[Checked, ...]:
    """Check days in two passes of each account: nothing else is compared of the days between them.

    On such a day one symbol's bar is kept from the first pass, another one each time. Each pass must be decided again
    from the stored bars as it was, and what the two settle must be worth what one with all bars would have settled.
    Without a day on which two symbols have a bar there is nothing to check.
    """
    days = cases[0].days[-DAYS:]
    differences: Differences = {case.name: [] for case in cases}
    lived = 0
    work = WorkName(name="Parity audit, late bars", unit="days")
    for number, day in enumerate(counted(days, work, len(days))):
        present = [symbol for symbol in sorted(bars) if np.datetime64(day, "D") in _dates(bars, symbol)]
        jobs = {case.name: (case, job) for case in cases for job in case.jobs if job.as_of == day}
        divided = number % 2 == 1 and len(present) > 1
        if divided:
            late = present[lived % len(present)]
            _run_pass(jobs, _Late(behind=source, symbol=late, day=day), differences)
            lived += 1
        _run_pass(jobs, source, differences)
        for name, (_, job) in jobs.items() if divided else ():
            differences[name] += _undivided(job)
    return tuple(
        Checked(check="passes", subject=case.name, dates=lived, differences=tuple(differences[case.name]))
        for case in cases
        if lived
    )


def _dates(bars: Market, symbol: str) -> "np.ndarray[tuple[int], np.dtype[np.datetime64]]":
    return bars[symbol].open_time.astype("datetime64[D]")


def _run_pass(jobs: dict[str, tuple[Case, Job]], source: BarSource, differences: Differences) -> None:
    """Run a pass of the day by the steps of the daily run; ingest and validate once for all accounts."""
    _, first = next(iter(jobs.values()))
    ingest(replace(first, symbols=symbols_asked(first)), lambda: source)
    barred = validate(first).barred
    for name, (case, job) in jobs.items():
        settle(job, PaperBroker, barred)
        signal(job, Champion(model_id=case.model_id, reason=KEPT), barred)
        trade(job, PaperBroker)
        try:
            reconcile(job)
        except ReconciliationFailed as error:
            differences[name].append(str(error))


def _undivided(job: Job) -> list[str]:
    """Return in words how the settled day differs from the same day settled at once from all bars."""
    with connect(job.home) as store:
        before = state_at(store, job, job.as_of - timedelta(days=1))
        if before is None:
            return []
        config = account_config(store, job)
        quotes = quotes_since(store, job, before, config.terms).on(job.as_of)
        whole = next_day(store, job, (before, config), quotes, job.as_of).state
        found = settled_state(store, job)
    if (found.snapshot.equity, found.account) == (whole.snapshot.equity, whole.account):
        return []
    return [f"{job.as_of}: {found.account!r} settled in two passes, {whole.account!r} in one"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Late(WrappedSource):
    """The source `behind`, without the bar of a symbol on a day."""

    symbol: str
    day: date

    def fetch(self, request: BarRequest) -> pd.DataFrame:
        """Return the requested bars without the one that is late."""
        bars = self.behind.fetch(request)
        dates = pd.to_datetime(bars["open_time"]).dt.date
        return bars[~((bars["symbol"] == self.symbol) & (dates == self.day))].reset_index(drop=True)
