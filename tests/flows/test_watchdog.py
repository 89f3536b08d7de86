"""The watchdog under a real Prefect: concerns are told once, over loopback, and no secret is told with them."""

import logging
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from prefect.blocks.notifications import CustomWebhookNotificationBlock, SlackWebhook
from prefect.client.orchestration import get_client
from pydantic import SecretStr

from exchange.sessions.closing_times import last_closed
from flows.config.settings import load
from flows.config.wall_clock import clock
from flows.scheduling.alerts import BLOCK, WEBHOOK, notify
from flows.scheduling.automations import PREFIX, ensure, wanted
from flows.scheduling.digests import tell_overdue
from flows.watchdog import MEMORY, changes, remember, watchdog
from storage.database import connect
from strategy.market.instruments import Calendar
from tasks.operations.concerns import Concern
from testing.markets.bars import Listing
from testing.servers.prefect_database import prefect_harness
from testing.servers.webhook import SECRET, receiver
from tests.flows.conftest import Ended, Run, write_bars

#: Tells what is overdue of an account of a home, in a process of its own.
TELL = """import sys
from flows.config.settings import load
from flows.config.wall_clock import clock
from flows.scheduling.digests import tell_overdue
tell_overdue(load({"home": sys.argv[1]}), {"daily"}, clock())
"""


@pytest.fixture(scope="module", autouse=True)
def _prefect() -> Iterator[None]:
    with prefect_harness():
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


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of the server, which runs are told, and which has no block before and after."""
    with get_client(sync_client=True) as client:
        monkeypatch.setenv("PREFECT_API_URL", str(client.api_url))
        yield str(client.api_url)
        for document in client.read_block_documents():
            if document.name == BLOCK:
                client.delete_block_document(document.id)


@pytest.fixture
def day() -> date:
    """The newest day whose time is over."""
    return last_closed(Calendar.ALWAYS, clock() - timedelta(hours=12))


@pytest.fixture
def lived(run: Run, tmp_path: Path, day: date) -> Callable[[str], Ended]:
    """Runs the day of an account that holds one token."""
    path = tmp_path / "bars.csv"
    first = day - timedelta(days=60)
    write_bars(path, Listing(symbol="TOKEN", calendar=Calendar.ALWAYS, first=first, last=day, seed=7))
    asked = ("--source", f"file:{path}", "--strategy", "hold", "--calendar", "24/7", "--as-of", day, "--json")
    return lambda account: run("daily", *asked, "--account", account)


def save_block(address: str) -> None:
    """A person creates the block, as the documents say."""
    CustomWebhookNotificationBlock(
        name="alerts",
        url=address,
        json_data={"title": "{{subject}}", "text": "{{body}}"},
        headers=None,
        cookies=None,
        allow_private_urls=True,
    ).save(BLOCK, overwrite=True)


def digests(posted: list[Any]) -> list[str]:
    """The accounts of the digests among the messages."""
    return [message["title"].split()[-1] for message in posted if re.fullmatch(r"TurboDMT: \w+", message["title"])]


def test_a_digest_goes_through_a_block_once_from_the_day_or_else_from_the_watchdog(
    served: str, lived: Callable[[str], Ended], home: Path, day: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lived("late").code == 0
    # A server that does not say whether there is a block leaves the day to the next look.
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    tell_overdue(load({"home": home}), {"late"}, clock())
    monkeypatch.setenv("PREFECT_API_URL", served)
    with receiver() as (address, posted):
        save_block(address)
        assert [lived("daily").code, lived("daily").code] == [0, 0]
        assert digests(posted) == ["daily"]
        for _ in range(2):
            watchdog(home=home, accounts=["daily", "late"])
    assert digests(posted) == ["daily", "late"]
    assert posted[0]["text"].startswith(f"daily, {day:%a} {day}: equity 10,000.00, its first day")
    assert all(SECRET.encode() not in path.read_bytes() for path in home.rglob("*") if path.is_file())


def test_a_block_that_refuses_a_digest_is_told_of_and_gets_no_second_one(
    served: str, lived: Callable[[str], Ended], home: Path, day: date
) -> None:
    with receiver(500) as (bad, refused), receiver() as (good, posted):
        save_block(bad)
        end = lived("daily")
        said = f"the digest of {day} could not be sent; `turbodmt digest --account daily --as-of {day}` prints it"
        assert (end.code, end.answer["warnings"][-1], len(refused)) == (0, said, 1)
        assert SECRET not in end.out + end.err
        save_block(good)
        with connect(home) as store:
            store.execute("UPDATE digests SET claimed_at = claimed_at - INTERVAL 1 HOUR")
        watchdog(home=home, accounts=["daily"])
    (told,) = posted
    assert digests(posted) == []
    assert f"the digest of {day} may not have arrived" in told["text"]


def test_a_process_that_is_killed_while_it_sends_has_sent_at_most_once(
    served: str, lived: Callable[[str], Ended], home: Path
) -> None:
    assert lived("daily").code == 0
    processes: list[subprocess.Popen[bytes]] = []

    def kill() -> None:
        processes[0].kill()

    with receiver(before=kill) as (deadly, arrived), receiver() as (good, posted):
        save_block(deadly)
        processes.append(subprocess.Popen([sys.executable, "-W", "ignore", "-c", TELL, str(home)], env=os.environ))
        assert processes[0].wait(timeout=120) < 0
        save_block(good)
        watchdog(home=home, accounts=["daily"])
    assert (digests(arrived), digests(posted)) == (["daily"], [])
    with connect(home) as store:
        assert store.execute("SELECT count(*), count(sent_at) FROM digests").fetchall() == [(1, 0)]
