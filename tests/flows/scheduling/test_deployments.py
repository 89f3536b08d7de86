"""What `up` puts on a server when the server does not play along."""

import os
from typing import Any, Self

import httpx
import pytest
from prefect.client.schemas.actions import WorkPoolCreate

import flows.scheduling.deployments
from flows.scheduling.deployments import DeploymentFailed, deploy


class GoneAfterwards:
    """A client whose server is there at first and gone once it was asked for the deployments."""

    def __init__(self) -> None:
        self.asked = 0
        self.pools: list[WorkPoolCreate] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        return None

    def create_work_pool(self, pool: WorkPoolCreate) -> None:
        self.pools.append(pool)

    def read_deployments(self) -> list[Any]:
        self.asked += 1
        if self.asked > 1:
            raise httpx.ConnectError("All connection attempts failed")
        return []


def test_a_failed_deployment_is_told_even_where_the_server_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    client = GoneAfterwards()
    monkeypatch.setattr("prefect.client.orchestration.get_client", lambda sync_client: client)
    monkeypatch.setattr(flows.scheduling.deployments, "DEPLOY_TIMEOUT_S", 0.0)
    with pytest.raises(DeploymentFailed, match="did not end within 0 s"):
        deploy(os.environ)
    assert client.asked == 2


@pytest.mark.parametrize(("cores", "runs"), [(None, 4), (1, 4), (16, 32)])
def test_a_new_pool_begins_no_more_runs_at_once_than_the_cores_carry(
    cores: int | None, runs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = GoneAfterwards()
    monkeypatch.setattr("prefect.client.orchestration.get_client", lambda sync_client: client)
    monkeypatch.setattr(flows.scheduling.deployments, "DEPLOY_TIMEOUT_S", 0.0)
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    with pytest.raises(DeploymentFailed, match="did not end"):
        deploy(os.environ)
    assert [pool.concurrency_limit for pool in client.pools] == [runs]
