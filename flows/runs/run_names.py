"""Name of a planned run on Prefect's page: its account, its days and its symbols."""

from typing import TYPE_CHECKING
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.runtime import flow_run

if TYPE_CHECKING:
    from tasks.run.job import Job

#: Most symbols in the name; above that, only their count is given.
MOST_NAMED = 4


def name_run(job: "Job", days: str) -> None:
    """Rename the current run after the job's account and symbols, which were unknown when it began."""
    if flow_run.id is None:
        return
    traded = " ".join(job.symbols) if len(job.symbols) <= MOST_NAMED else f"{len(job.symbols)} symbols"
    with get_client(sync_client=True) as client:
        client.update_flow_run(UUID(flow_run.id), name=f"{job.account}, {days}, {traded}")
