"""The note of a day that is done: what it holds for, and that it is never believed against the store."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from flows.work.done_days import Asked, DayEnd, Rest, asked, file_seen, note, noted, store_seen
from storage.bars.named_calendars import keep_calendars
from storage.database import connect
from storage.ledger import runs
from storage.ledger.accounts import forget
from storage.ledger.runs import Outcome, RunStatus
from strategy.market.instruments import Calendar
from tasks.run.runs import DAILY, begin
from testing.markets.bars import PAIR
from testing.runs.jobs import a_job

DAY = date(2020, 6, 8)
NOW = datetime(2020, 6, 9, 0, 35, tzinfo=UTC)
END = DayEnd(answer='{"as_of": "2020-06-08"}', sentence="2020-06-08 was already done; nothing was left to do.")


def parameters(home: Path) -> dict[str, object]:
    return {"home": home, "source": f"file:{home / 'bars.csv'}", "symbols": ["SHARE", "TOKEN"]}


def request(home: Path) -> Asked:
    return asked(parameters(home), "daily", None)


@pytest.fixture
def done(tmp_path: Path) -> Path:
    """A home whose account has a day that is done, and a note of it that holds until midnight."""
    home = tmp_path / "home"
    job = replace(a_job(home, PAIR.symbols(), DAY), account="daily")
    begin(job, NOW - timedelta(minutes=30))
    with connect(home) as store:
        runs.finish_run(store, job.run_id, Outcome(status=RunStatus.DONE, finished_at=NOW, warnings=(), result="{}"))
    (home / "bars.csv").write_text("bars")
    rest = Rest(
        command=DAILY,
        as_of=DAY,
        status="done",
        until=datetime(2020, 6, 10, tzinfo=UTC),
        source=job.source,
        calendars={},
        file=file_seen(home / "bars.csv"),
    )
    note(request(home), rest, END, NOW)
    return home


def test_a_repeat_finds_the_note_of_its_day(done: Path) -> None:
    assert noted(request(done), NOW + timedelta(minutes=30)) == END
    assert oct(request(done).file.stat().st_mode & 0o777) == "0o600"


def test_a_note_ends_with_the_next_close_and_is_not_for_a_clock_that_was_set_back(done: Path) -> None:
    assert noted(request(done), datetime(2020, 6, 9, 23, 59, tzinfo=UTC)) == END
    assert noted(request(done), datetime(2020, 6, 10, tzinfo=UTC)) is None
    assert noted(request(done), NOW - timedelta(seconds=1)) is None


def _settings(home: Path) -> None:
    (home / "settings.toml").write_text("seed = 7\n")


def _instruments(home: Path) -> None:
    (home / "instruments.toml").write_text('[symbols.SHARE]\ncalendar = "24/7"\n')


def _environment(home: Path) -> None:
    os.environ["TURBODMT_SYMBOLS"] = "SHARE"


def _file(home: Path) -> None:
    (home / "bars.csv").write_text("bars, and one more")


def _calendar(home: Path) -> None:
    with connect(home) as store:
        keep_calendars(store, PAIR.name, {"SHARE": Calendar.ALWAYS}, NOW)


def _forgotten(home: Path) -> None:
    with connect(home) as store:
        forget(store, "daily")


def _run_again(home: Path) -> None:
    job = replace(a_job(home, PAIR.symbols(), DAY), account="daily", run_id="another")
    begin(job, NOW + timedelta(minutes=1))


def _damaged(home: Path) -> None:
    file = request(home).file
    file.write_bytes(file.read_bytes()[:-9])


def _empty(home: Path) -> None:
    request(home).file.write_text(json.dumps({}))


@pytest.mark.parametrize(
    "changed",
    [_settings, _instruments, _environment, _file, _calendar, _forgotten, _run_again, _damaged, _empty],
)
def test_a_note_is_not_believed_once_anything_has_changed(
    done: Path, changed: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TURBODMT_SYMBOLS", "SHARE,TOKEN")
    rewritten = request(done)
    kept = json.loads(rewritten.file.read_bytes())
    rewritten.file.write_text(json.dumps({**kept, "fingerprint": rewritten.fingerprint}))
    assert noted(request(done), NOW) == END
    changed(done)
    assert noted(request(done), NOW + timedelta(minutes=5)) is None


def test_a_command_s_note_ends_with_whatever_is_written_to_the_store(done: Path) -> None:
    request_ = request(done)
    kept = json.loads(request_.file.read_bytes())
    request_.file.write_text(json.dumps({**kept, "store": store_seen(done)}))
    # Looking at the store is no writing.
    assert noted(request_, NOW) == END
    assert noted(request_, NOW) == END
    with connect(done) as store:
        keep_calendars(store, "another source", {"SHARE": Calendar.ALWAYS}, NOW)
    assert noted(request_, NOW) is None


def test_another_request_for_the_account_has_no_note(done: Path) -> None:
    assert noted(asked({**parameters(done), "symbols": ["SHARE"]}, "daily", None), NOW) is None
    assert noted(asked(parameters(done), "daily", DAY), NOW) is None
    assert noted(asked(parameters(done), "another", None), NOW) is None


def test_a_secret_is_no_part_of_a_request(done: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURBODMT_TESTNET_SECRET", "s3cr3t")
    assert noted(request(done), NOW) == END
