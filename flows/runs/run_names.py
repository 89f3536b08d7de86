"""How Prefect lists a run once it is planned: by its account, its days and what it trades."""

from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.runtime import flow_run

from tasks.run.job import Job

#: More symbols than these are counted.
MOST_NAMED = 4


def name_run(job: Job, days: str) -> None:
    """None; the current run is listed under the job's account and symbols, which were not known when it began."""
    if flow_run.id is None:
        return
    traded = " ".join(job.symbols) if len(job.symbols) <= MOST_NAMED else f"{len(job.symbols)} symbols"
    with get_client(sync_client=True) as client:
        client.update_flow_run(UUID(flow_run.id), name=f"{job.account}, {days}, {traded}")
