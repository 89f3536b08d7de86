"""The digest on its way: sent by the day's run through the webhook, once, and never in the way of trading."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from exchange.sessions.closing_times import last_closed
from flows.config.settings import load
from flows.config.wall_clock import clock
from flows.scheduling.alerts import WEBHOOK
from flows.scheduling.digests import PAGE, beside_day, tell_overdue
from flows.server import up_server
from strategy.market.instruments import Calendar
from testing.markets.bars import Listing
from testing.servers.webhook import SECRET, receiver
from tests.flows.conftest import Run, write_bars


@pytest.fixture
def day() -> date:
    """A day whose bars closed more than twelve hours ago, and the newest such."""
    return last_closed(Calendar.ALWAYS, clock() - timedelta(hours=12))


@pytest.fixture
def daily(run: Run, tmp_path: Path, day: date) -> Any:
    """Runs the day of an account that holds one token."""
    path = tmp_path / "bars.csv"
    first = day - timedelta(days=60)
    write_bars(path, Listing(symbol="TOKEN", calendar=Calendar.ALWAYS, first=first, last=day, seed=7))
    asked = ("--source", f"file:{path}", "--strategy", "hold", "--calendar", "24/7", "--as-of", day, "--json")
    return lambda: run("daily", *asked)


def test_a_day_that_is_done_is_told_once_and_printed_as_it_was_told(
    daily: Any, run: Run, home: Path, day: date, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with receiver() as (address, posted):
        monkeypatch.setenv(WEBHOOK, address)
        ends = [daily(), daily()]
        tell_overdue(load({"home": home}), {"daily"}, clock())
    assert [end.code for end in ends] == [0, 0]
    (told,) = posted
    assert told["title"] == "TurboDMT: daily"
    assert told["text"].startswith(
        f"daily, {day:%a} {day}: equity 10,000.00, its first day\nNothing filled.\nOrdered: buy"
    )
    answer = run("digest", "--json").answer
    assert (answer["as_of"], answer["body"]) == (f"{day}", told["text"])
    assert answer["sent_at"] is not None
    shown = run("digest", "--as-of", day).out
    assert shown.startswith(told["text"])
    assert shown.splitlines()[-1].endswith('UTC as "TurboDMT: daily".')
    # The address is a secret: whoever knows it may write there.
    written = "".join(end.out + end.err for end in ends) + shown + caplog.text
    assert SECRET not in written
    assert all(SECRET.encode() not in path.read_bytes() for path in home.rglob("*") if path.is_file())


def test_a_day_that_has_told_nobody_is_told_when_its_time_is_over(
    daily: Any, run: Run, home: Path, day: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert daily().code == 0
    assert run("digest").out.endswith("It has not been sent.\n")
    with receiver() as (address, posted):
        monkeypatch.setenv(WEBHOOK, address)
        monkeypatch.setenv("TURBODMT_NOTIFY", "faults")
        assert daily().code == 0
        tell_overdue(load({"home": home}), {"daily"}, clock())
        assert posted == []
        for notify in ("digest", "all"):
            monkeypatch.setenv("TURBODMT_NOTIFY", notify)
            tell_overdue(load({"home": home}), {"daily"}, clock())
    assert [message["title"] for message in posted] == ["TurboDMT: daily"]
    assert f"{day}" in posted[0]["text"]


def test_a_digest_that_cannot_be_sent_is_warned_of_and_changes_nothing_else(
    daily: Any, run: Run, day: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = f"the digest of {day} could not be sent; `turbodmt digest --account daily --as-of {day}` prints it"
    with receiver(500) as (address, posted):
        monkeypatch.setenv(WEBHOOK, address)
        end = daily()
        assert (end.code, end.answer["warnings"][-1], len(end.answer["orders"])) == (0, said, 1)
        assert len(posted) == 1
    with receiver() as (address, posted):
        monkeypatch.setenv(WEBHOOK, address)
        assert daily().code == 0
        assert posted == []
    assert "may not have arrived" in run("digest").out
    assert SECRET not in end.out + end.err


def test_a_day_that_the_account_does_not_have_is_refused(daily: Any, run: Run, day: date) -> None:
    daily()
    assert run("digest", "--as-of", "2001-01-01").failure == (
        f"--as-of is 2001-01-01, and account daily has days from {day} to {day}; name one of them"
    )
    assert run("digest", "--account", "other").failure.startswith("--account is 'other', and the ledger holds daily")


def test_an_account_without_a_day_is_sent_to_daily(run: Run) -> None:
    assert run("digest").failure == "account daily has no day yet; `turbodmt daily --account daily` makes its first"


def test_the_report_is_linked_where_a_phone_can_reach_it(
    daily: Any, home: Path, day: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    now: datetime = clock()
    daily()
    assert beside_day(home, "daily", day, now).pages == ()
    monkeypatch.setattr("flows.scheduling.digests.served_at", lambda _: up_server.REPORTS)
    monkeypatch.setattr("flows.scheduling.digests._next_run", lambda *_: "")
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:4200/api")
    assert beside_day(home, "daily", day, now).pages == (
        f"http://127.0.0.1:4200/reports/daily/{day}.html",
        "http://127.0.0.1:4200/reports/index.html",
    )
    monkeypatch.setenv(PAGE, "https://trade.example.org/")
    assert beside_day(home, "daily", day, now).pages[0] == f"https://trade.example.org/reports/daily/{day}.html"
    assert beside_day(home, "daily", day + timedelta(days=1), now).pages == ()
