"""Report under Prefect: the day as a page and as artifacts; a failure here never blocks trading."""

import logging

from tasks.artifacts.day import Place, publish, publish_reconciliation
from tasks.artifacts.model_card import publish_newest_card
from tasks.daily.replay_check import Reconciliation
from tasks.daily.report import WrittenReport, write_report
from tasks.models.retrain import Champion
from tasks.run.job import Job
from tasks.run.runs import Findings
from tasks.validation.gate import Gate

log = logging.getLogger(__name__)


def report(
    job: Job, champion: Champion, gate: Gate, reconciled: Reconciliation | None = None, served_at: str | None = None
) -> Findings:
    """Write the day's page and publish its artifacts; return what `tasks.daily.report.report` does.

    `served_at` is the path below which Prefect's server shows reports too; None where it does not. The artifacts are a
    table of the decisions, a summary, a picture of the equity, the link to the page, and the result of the replay
    check; without a page there are none.
    """
    written = write_report(job, champion, gate)
    try:
        _publish(job, written, reconciled, served_at)
    # Orders have been sent: a missing artifact must not fail the day.
    except Exception as error:  # noqa: BLE001
        log.warning("The artifacts could not be published (%s); the report holds the same.", type(error).__name__)
    return written.findings


def _publish(job: Job, written: WrittenReport, reconciled: Reconciliation | None, served_at: str | None) -> None:
    if written.file is None:
        return
    publish(written.page, Place(account=job.account, file=written.file, served_at=served_at))
    if reconciled is not None:
        publish_reconciliation(reconciled, job.account)
    publish_newest_card(job)
