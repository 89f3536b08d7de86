"""What Prefect's server will run next, where the user has one."""

import os
from pathlib import Path

from flows.prefect_home import prepare
from flows.serving import PrefectUnreachable, reached
from flows.standing_server import address

MOST_RUNS = 5


def next_runs(home: Path) -> tuple[list[str], list[str]]:
    """The next scheduled runs as `time, deployment`, soonest first, and what to warn of.

    Both are empty where no server is configured: nothing is scheduled then.
    """
    standing = address(home)
    if standing is not None:
        os.environ.setdefault("PREFECT_API_URL", standing)
    if not _configured(home):
        return [], []
    prepare(home, "CRITICAL")
    try:
        with reached():
            return _ask(), []
    except PrefectUnreachable as error:
        return [], [str(error)]


def _configured(home: Path) -> bool:
    """Whether the environment or a Prefect profile may name a server; asking Prefect itself would cost a second."""
    folder = Path(os.environ.get("PREFECT_HOME", home / "prefect"))
    return "PREFECT_API_URL" in os.environ or (folder / "profiles.toml").exists()


def _ask() -> list[str]:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import (
        FlowFilter,
        FlowFilterName,
        FlowRunFilter,
        FlowRunFilterState,
        FlowRunFilterStateType,
    )
    from prefect.client.schemas.objects import StateType
    from prefect.client.schemas.sorting import FlowRunSort
    from prefect.settings import PREFECT_API_URL

    if PREFECT_API_URL.value() is None:
        return []
    scheduled = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])))
    ours = FlowFilter(name=FlowFilterName(any_=["daily", "train"]))
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(
            flow_filter=ours, flow_run_filter=scheduled, sort=FlowRunSort.EXPECTED_START_TIME_ASC, limit=MOST_RUNS
        )
        names = {one: client.read_deployment(one).name for one in {run.deployment_id for run in runs} if one}
    return [
        f"{run.expected_start_time:%Y-%m-%d %H:%M} UTC, {names[run.deployment_id] if run.deployment_id else run.name}"
        for run in runs
        if run.expected_start_time
    ]
