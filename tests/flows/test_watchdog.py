"""The watchdog under a real Prefect: concerns are told once, over loopback, and no secret is told with them."""

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.blocks.notifications import CustomWebhookNotificationBlock, SlackWebhook
from prefect.client.orchestration import get_client
from prefect.testing.utilities import prefect_test_harness
from pydantic import SecretStr

from flows.scheduling.alerts import BLOCK, WEBHOOK, notify
from flows.scheduling.automations import PREFIX, ensure, wanted
from flows.watchdog import MEMORY, changes, remember, watchdog
from tasks.operations.concerns import Concern
from testing.servers.webhook import SECRET, receiver
from tests.flows.conftest import Run


@pytest.fixture(scope="module", autouse=True)
def _prefect() -> Iterator[None]:
    with prefect_test_harness(server_startup_timeout=60):
        yield


def test_a_concern_is_told_once_and_no_secret_with_it(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with receiver() as (address, posted):
        monkeypatch.setenv(WEBHOOK, address)
        remember(home, [Concern(key="late", text="x")])
        first = watchdog(home=home, return_state=True)
        watchdog(home=home)
        assert len(posted) == 1
        assert posted[0]["title"] == "TurboDMT: 3 new, 1 over, 3 in all"
        assert "no worker of the pool turbodmt is online; `turbodmt up` starts one." in posted[0]["text"]
        assert posted[0]["text"].endswith("Over: late.")
    assert (first.type, first.message) == ("COMPLETED", "worker; missing:daily-crypto; missing:watchdog")
    assert SECRET not in caplog.text
    assert SECRET not in "".join(path.read_text() for path in home.glob("*.json"))


def test_with_digests_alone_no_concern_is_sent(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as (address, posted):
        monkeypatch.setenv(WEBHOOK, address)
        monkeypatch.setenv("TURBODMT_NOTIFY", "digest")
        assert str(watchdog(home=home, return_state=True).message).startswith("worker")
        assert posted == []
        monkeypatch.setenv("TURBODMT_NOTIFY", "faults")
        (home / MEMORY).unlink()
        watchdog(home=home)
    assert len(posted) == 1


def test_what_could_not_be_told_is_told_at_the_next_look(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver(500) as (address, _):
        monkeypatch.setenv(WEBHOOK, address)
        watchdog(home=home)
    with receiver() as (address, posted):
        monkeypatch.setenv(WEBHOOK, address)
        watchdog(home=home)
    assert [message["title"] for message in posted] == ["TurboDMT: 3 new, 0 over, 3 in all"]


def test_what_is_new_and_what_is_over_is_told_from_what_was_remembered(tmp_path: Path) -> None:
    one, other = Concern(key="late", text="x"), Concern(key="worker", text="y")
    assert changes(tmp_path, [one, other]) == ((one, other), ())
    remember(tmp_path, [one, other])
    assert changes(tmp_path, [other]) == ((), ("late",))
    remember(tmp_path, [other])
    assert changes(tmp_path, [one, other]) == ((one,), ())
    (tmp_path / "watch.json").write_text("{")
    assert changes(tmp_path, [other]) == ((other,), ())


def test_automations_are_made_once_and_stay_as_the_user_sets_them() -> None:
    with get_client(sync_client=True) as client:
        names = ensure(client)
        (first,) = client.read_automations_by_name(names[0])
        client.update_automation(first.id, wanted(None)[0].model_copy(update={"enabled": False}))
        assert ensure(client) == names
        assert [one.enabled for name in names for one in client.read_automations_by_name(name)] == [False, True]


def test_a_webhook_that_fails_is_logged_without_its_address(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with receiver(500) as (address, _):
        monkeypatch.setenv(WEBHOOK, address)
        with caplog.at_level(logging.WARNING, "flows.scheduling.alerts"):
            assert notify("TurboDMT: 1 new", "text") is False
    assert "The alert TurboDMT: 1 new" in caplog.text
    assert SECRET not in caplog.text


def test_nobody_to_tell_is_no_failure() -> None:
    assert notify("TurboDMT: 1 new", "text") is True


def test_watch_answers_without_a_server(run: Run, home: Path) -> None:
    assert run("watch", "--json").answer == {"concerns": [], "warnings": []}
    assert run("watch").out == "All is well.\n"


def test_a_block_goes_before_the_webhook_and_adds_automations_that_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as (address, posted), receiver() as (other, unused), get_client(sync_client=True) as client:
        monkeypatch.setenv("PREFECT_API_URL", str(client.api_url))
        monkeypatch.setenv(WEBHOOK, other)
        block = CustomWebhookNotificationBlock(
            name="alerts",
            url=address,
            json_data={"text": "{{body}}"},
            headers=None,
            cookies=None,
            allow_private_urls=True,
        )
        block.save(BLOCK)
        assert notify("TurboDMT: 1 new", "the text") is True
        assert (posted, unused) == ([{"text": "the text"}], [])
        told = [PREFIX + "a run failed", PREFIX + "a run is late"]
        assert list(ensure(client)[2:]) == told
        assert [len(client.read_automations_by_name(name)) for name in told] == [1, 1]
        assert ensure(client, "digest")[2:] == ()
        assert [len(client.read_automations_by_name(name)) for name in told] == [0, 0]
        CustomWebhookNotificationBlock.delete(BLOCK)


def test_a_block_that_fails_in_silence_has_told_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver(500) as (bad, _), receiver() as (good, posted), get_client(sync_client=True) as client:
        monkeypatch.setenv("PREFECT_API_URL", str(client.api_url))
        told = []
        for address in (bad, good):
            # Apprise stands behind it, as behind the blocks for Teams, e-mail and their like.
            SlackWebhook(url=SecretStr(address.replace("http:", "json:"))).save(BLOCK, overwrite=True)
            told.append(notify("TurboDMT: 1 new", "the text"))
        assert (told, [message["title"] for message in posted]) == ([False, True], ["TurboDMT: 1 new"])
        SlackWebhook.delete(BLOCK)


def test_a_disk_that_is_nearly_full_keeps_nobody_from_looking(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with get_client(sync_client=True) as client:
        monkeypatch.setenv("PREFECT_API_URL", str(client.api_url))
    home.mkdir(mode=0o700)
    usage = shutil.disk_usage(home)._replace(free=50_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert run("status", "--json").code == 0
    found = {check["name"]: check for check in run("doctor", "--json").answer["checks"]}
    assert (found["disk"]["ok"], found["prefect server"]["ok"]) == (False, True)
    assert found["worker"]["detail"] == "0 online in the pool turbodmt"
