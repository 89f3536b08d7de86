"""Which deployments are watched, under a real Prefect server: ours, the user's own, and what keeps one from running."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.schedules import CronSchedule
from prefect.states import Completed, Failed

from flows.scheduling.deployments import POOL
from flows.scheduling.next_runs import run_after
from flows.scheduling.schedules import of_client
from flows.scheduling.watched_schedules import Watched, concerns_of, watched_schedules
from testing.servers.prefect_database import prefect_harness
from tests.flows.conftest import Run

ELSEWHERE = "elsewhere"
DAILY, WATCHDOG = "flows/daily.py:daily", "flows/watchdog.py:watchdog"


@pytest.fixture(scope="module", autouse=True)
def _prefect() -> Iterator[None]:
    with prefect_harness(), get_client(sync_client=True) as client:
        for pool in (POOL, ELSEWHERE):
            client.create_work_pool(WorkPoolCreate(name=pool, type="process"))
        yield


@pytest.fixture
def client() -> Iterator[SyncPrefectClient]:
    """A client of a server with the two deployments that prefect.yaml schedules; others are gone afterwards."""
    with get_client(sync_client=True) as asked:
        deployed(asked, "daily-crypto", account="daily-crypto")
        deployed(asked, "watchdog", flow="watchdog", entrypoint=WATCHDOG)
        yield asked
        for deployment in asked.read_deployments():
            asked.delete_deployment(deployment.id)


def deployed(
    client: SyncPrefectClient,
    name: str,
    *,
    flow: str = "daily",
    entrypoint: str = DAILY,
    pool: str | None = POOL,
    account: str | None = None,
    active: bool = True,
    named: str | None = None,
) -> UUID:
    """The id of a new deployment with a schedule, which may name an account of its own."""
    schedule = DeploymentScheduleCreate(
        schedule=CronSchedule(cron="5 0 * * *"), active=active, parameters={"account": named} if named else {}
    )
    return client.create_deployment(
        flow_id=client.create_flow_from_name(flow),
        name=name,
        entrypoint=entrypoint,
        work_pool_name=pool,
        parameters={"account": account} if account else {},
        schedules=[schedule],
    )


def found(client: SyncPrefectClient, *traded: str) -> dict[str, Watched]:
    return {each.name: each for each in watched_schedules(client, traded)}


@contextmanager
def paused(client: SyncPrefectClient, pool: str) -> Iterator[None]:
    client.update_work_pool(pool, WorkPoolUpdate(is_paused=True))
    try:
        yield
    finally:
        client.update_work_pool(pool, WorkPoolUpdate(is_paused=False))


def test_every_active_schedule_of_the_daily_flow_is_watched_the_users_own_too(client: SyncPrefectClient) -> None:
    deployed(client, "daily-own", account="daily-own")
    deployed(client, "by-hand", entrypoint="flows.daily.daily", account="desk", named="night")
    deployed(client, "another-flow", flow="other", entrypoint="other.py:report")
    deployed(client, "daily-equities", account="daily-equities", active=False)
    watched = found(client)
    assert [each.key for each in watched.values()] == [""] * 4
    assert {name: each.accounts for name, each in watched.items()} == {
        "daily-crypto": ("daily-crypto",),
        "watchdog": (),
        "daily-own": ("daily-own",),
        "by-hand": ("night",),
    }
    assert {account for _, account in of_client(client, switched_on=True)} == {"daily-crypto", "daily-own", "night"}


def test_a_schedule_that_is_switched_off_is_said_where_somebody_has_traded_by_it(client: SyncPrefectClient) -> None:
    deployed(client, "daily-equities", account="daily-equities", active=False)
    assert set(found(client, "desk")) == {"daily-crypto", "watchdog"}
    off = found(client, "daily-equities")["daily-equities"]
    assert (off.key, off.what) == (
        "paused:daily-equities",
        "the schedule of daily-equities is switched off, so nothing of it runs by itself",
    )
    assert off.remedy == "switch it on on the deployment's page"


def test_a_missing_deployment_and_a_foreign_one_in_its_place_are_said(client: SyncPrefectClient) -> None:
    for deployment in client.read_deployments():
        client.delete_deployment(deployment.id)
    deployed(client, "daily-crypto", flow="other", entrypoint="other.py:report")
    watched = found(client)
    assert watched["daily-crypto"].key == "foreign:daily-crypto"
    assert watched["daily-crypto"].what == "the deployment daily-crypto runs other.py:report, not flows/daily.py:daily"
    assert (watched["watchdog"].key, watched["watchdog"].what) == ("missing:watchdog", "watchdog is not deployed")


def test_a_pool_without_a_worker_a_paused_one_and_none_at_all_are_said(client: SyncPrefectClient) -> None:
    deployed(client, "far", account="far", pool=ELSEWHERE)
    deployed(client, "served", account="served", pool=None)
    watched = found(client)
    assert watched["far"].what == "far is in the work pool elsewhere, of which no worker is online"
    assert watched["far"].remedy.startswith("start one with `prefect worker start --pool elsewhere`")
    assert watched["served"].what == "served is in no work pool and no process serves it, so its runs stay late"
    # A missing worker of our own pool is a concern of its own.
    assert watched["daily-crypto"].key == ""
    with paused(client, POOL):
        assert found(client)["daily-crypto"].what == (
            "the work pool turbodmt of daily-crypto, or its queue, is paused, so no run of it begins"
        )


def test_an_account_whose_runs_all_fail_before_they_begin_a_day_is_said(client: SyncPrefectClient) -> None:
    own = deployed(client, "daily-own", account="daily-own")

    def said(*traded: str) -> list[tuple[str, str]]:
        watched = watched_schedules(client, traded)
        return [(each.key, each.text) for each in concerns_of(client, watched, traded)]

    assert said() == []
    client.set_flow_run_state(client.create_flow_run_from_deployment(own).id, Failed(message="no such symbol"), True)
    assert said() == [
        ("failed:daily-own", "no run of daily-own has begun a day; the newest of daily-own failed: no such symbol")
    ]
    assert said("daily-own") == []
    client.set_flow_run_state(client.create_flow_run_from_deployment(own).id, Completed(), True)
    assert said() == []


def test_doctor_names_every_watched_schedule_and_status_what_keeps_one_from_running(
    client: SyncPrefectClient, run: Run, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", str(client.api_url))
    deployed(client, "daily-own", account="daily", pool=ELSEWHERE)
    assert run("daily", "--as-of", "2018-12-31", "--strategy", "rules", "--json").code == 0
    checks = {check["name"]: check for check in run("doctor", "--json").answer["checks"]}
    assert checks["schedule daily-crypto"]["ok"] is True
    assert checks["schedule daily-crypto"]["detail"].startswith("active, ")
    sentence = "daily-own is in the work pool elsewhere, of which no worker is online"
    assert (checks["schedule daily-own"]["ok"], checks["schedule daily-own"]["detail"]) == (False, sentence)
    assert [warning.partition(";")[0] for warning in run("status", "--json").answer["warnings"]] == [sentence]


def test_the_next_run_with_a_later_bar_is_that_of_the_schedule_not_of_a_repeat(client: SyncPrefectClient) -> None:
    """At midnight the day's bar closes; what runs before sees no later one, and what is switched off does not run."""
    close = datetime(2020, 6, 13, tzinfo=UTC)
    deployed(client, "mine", account="mine")
    deployed(client, "off", account="off", active=False)
    assert run_after("mine", close) == datetime(2020, 6, 13, 0, 5, tzinfo=UTC)
    assert run_after("mine", datetime(2020, 6, 13, 0, 6, tzinfo=UTC)) == datetime(2020, 6, 14, 0, 5, tzinfo=UTC)
    assert (run_after("off", close), run_after("unknown", close)) == (None, None)
