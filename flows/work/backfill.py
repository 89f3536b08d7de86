"""Many past days from their plan to their answer, whether the steps are Prefect tasks or plain functions."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from exchange.brokers.paper import PaperBroker
from exchange.ports import BarSource, Broker
from flows.config.settings import Settings
from flows.config.wall_clock import clock
from flows.planning.adapters import source_factory
from flows.runs.interrupts import stoppable
from flows.runs.progress import ProgressReporter
from tasks.backfill.answer import backfill_answer
from tasks.backfill.answer_model import BackfillAnswer
from tasks.backfill.run import Filled, Progress, fill
from tasks.backfill.runs import Backfill, begin, close_done
from tasks.daily.report import report
from tasks.models.retrain import Champion
from tasks.run.job import Job
from tasks.run.runs import Findings, close_failed
from tasks.validation.gate import Gate

Tell = Callable[[Progress], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillSteps:
    """The steps of a backfill, and the reporter of its progress."""

    fill: Callable[[Backfill, Callable[[], BarSource], Callable[[datetime], Broker], Tell], Filled] = fill
    report: Callable[[Job, Champion, Gate], Findings] = report
    reporter: Callable[[str], ProgressReporter] = ProgressReporter


def worked(settings: Settings, wanted: Backfill, steps: BackfillSteps) -> BackfillAnswer:
    """Run the backfill and return its answer; the run is recorded with its begin and end, also where it fails."""
    begin(wanted, clock())
    try:
        answer = run_days(wanted, source_factory(settings), steps)
    except BaseException as error:
        close_failed(wanted.job, clock(), str(error) or type(error).__name__)
        raise
    close_done(wanted, clock(), answer)
    return answer


def run_days(wanted: Backfill, open_bars: Callable[[], BarSource], steps: BackfillSteps) -> BackfillAnswer:
    """Fill every remaining day, write the report of the last one, and return the answer."""
    with stoppable() as stop_if_asked, steps.reporter(wanted.job.account) as reporter:

        def tell(progress: Progress) -> None:
            stop_if_asked()
            reporter(progress)

        filled = steps.fill(wanted, open_bars, PaperBroker, tell)
    findings = steps.report(filled.last, filled.champion, filled.gate)
    return backfill_answer(wanted, filled, findings)
