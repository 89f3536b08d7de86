"""The user's own source and symbols under `turbodmt up`, without a server: what is scheduled, asked, and left alone."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import IO, Any

import pytest
import yaml

import flows.scheduling.offering
from exchange.sessions.closing_times import Daily
from flows.config.settings import Settings, load
from flows.planning.plan import RequestRefused
from flows.scheduling.offering import offer
from flows.scheduling.own_symbols import Own, own, renew, schedule, when
from strategy.account.interest_rates import RatesMissing
from strategy.exit_codes import UsageError
from testing.markets.bars import SHARE, TOKEN
from testing.servers.prefect_server import ROOT
from tests.flows.conftest import Run, write_bars

CLOSE = Daily(cron="30 16 * * 1-5", zone="America/New_York")
MIDNIGHT = Daily(cron="5 0 * * *", zone="UTC")


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A client of a server that keeps deployments, as far as they are asked for here."""

    kept: dict[str, Any] = field(default_factory=dict)

    def read_deployments(self) -> list[Any]:
        return list(self.kept.values())

    def create_deployment(self, **given: Any) -> None:
        schedules = [SimpleNamespace(id=one.slug, **dict(one)) for one in given.pop("schedules")]
        self.kept[given["name"]] = SimpleNamespace(id=given["name"], paused=False, schedules=schedules, **given)

    def update_deployment(self, deployment: str, update: Any) -> None:
        vars(self.kept[deployment]).update(update.model_dump(exclude_unset=True))

    def update_deployment_schedule(self, deployment: str, number: str, *, active: bool, schedule: Any) -> None:
        (found,) = (one for one in self.kept[deployment].schedules if one.id == number)
        found.active, found.schedule = active, schedule

    def crons(self, name: str) -> list[tuple[str, str, bool]]:
        """The times of a deployment, and whether each is on."""
        return [(one.schedule.cron, one.schedule.timezone, one.active) for one in self.kept[name].schedules]


@pytest.fixture
def server() -> Any:
    """A server with the two daily deployments of prefect.yaml."""
    there = {"flow_id": "daily", "entrypoint": "flows/daily.py:daily", "path": "/here", "pull_steps": None}
    there |= {"parameter_openapi_schema": {}, "enforce_parameter_schema": True, "work_pool_name": "turbodmt"}
    pair = {"source": "binance", "symbols": ["BTCUSDT", "ETHUSDT"], "account": "daily-crypto"}
    listed = {"daily-crypto": (pair, True), "daily-equities": ({"account": "daily-equities"}, False)}
    kept = {
        name: SimpleNamespace(
            id=name,
            name=name,
            tags=["daily"],
            paused=False,
            parameters=parameters,
            schedules=[SimpleNamespace(id=name, slug=name, active=on)],
            **there,
        )
        for name, (parameters, on) in listed.items()
    }
    return Server(kept=kept)


@pytest.fixture
def named(home: Path) -> Settings:
    """Settings that name shares at Yahoo."""
    return load({"home": str(home), "source": "yahoo", "symbols": "SPY,TLT"})


def test_what_is_asked_for_has_a_deployment_that_runs_after_the_close(server: Any, named: Settings) -> None:
    said = schedule(server, own(named, "desk"), lambda: CLOSE)
    assert said == "Scheduled: SPY TLT from yahoo, account desk, 16:30 America/New_York, Monday to Friday."
    made = server.kept["desk"]
    assert made.parameters == {"source": "yahoo", "symbols": ["SPY", "TLT"], "account": "desk"}
    assert (made.entrypoint, made.path, made.work_pool_name) == ("flows/daily.py:daily", "/here", "turbodmt")
    assert (made.concurrency_limit, made.concurrency_options.collision_strategy) == (1, "ENQUEUE")
    assert server.crons("desk") == [("30 16 * * 1-5", "America/New_York", True)]


def test_asked_for_again_nothing_is_changed_that_the_user_has_paused_or_moved(server: Any, named: Settings) -> None:
    schedule(server, own(named), lambda: CLOSE)
    (theirs,) = server.kept["daily-own"].schedules
    theirs.active, theirs.schedule = False, SimpleNamespace(cron="0 20 * * 1-5", timezone="UTC")
    server.kept["daily-own"].paused = True
    renew(server)
    assert "is scheduled already" in schedule(server, own(named), lambda: pytest.fail("no time is needed"))
    assert server.crons("daily-own") == [("0 20 * * 1-5", "UTC", False)]
    assert server.kept["daily-own"].paused is True


def test_other_symbols_take_the_place_of_those_before_and_the_switch_stays(server: Any, named: Settings) -> None:
    schedule(server, own(named), lambda: CLOSE)
    server.kept["daily-own"].schedules[0].active = False
    said = schedule(server, Own(source="binance", symbols=("SOLUSDT",)), lambda: MIDNIGHT)
    assert said.startswith("Changed: daily-own trades SOLUSDT from binance, 00:05 UTC, every day;")
    assert server.kept["daily-own"].parameters["symbols"] == ["SOLUSDT"]
    assert server.crons("daily-own") == [("5 0 * * *", "UTC", False)]


def test_a_deployment_follows_the_flow_to_where_it_lies_now(server: Any, named: Settings) -> None:
    schedule(server, own(named), lambda: CLOSE)
    server.kept["daily-equities"].path = "/elsewhere"
    server.kept["daily-crypto"].path = "/untouched"
    renew(server)
    assert (server.kept["daily-own"].path, server.kept["daily-crypto"].path) == ("/elsewhere", "/untouched")


def test_a_deployment_that_the_user_made_is_not_taken_over(server: Any, named: Settings) -> None:
    server.kept["desk"] = SimpleNamespace(**{**vars(server.kept["daily-crypto"]), "name": "desk"})
    with pytest.raises(UsageError, match="the deployment desk was not made by `turbodmt up`; name another --account"):
        schedule(server, own(named, "desk"), lambda: CLOSE)


@pytest.mark.parametrize(
    ("given", "account", "refused", "reason"),
    [
        ({}, "desk", UsageError, "--source is 'sample', which never gets another bar"),
        ({"source": "yahoo"}, "daily-crypto", UsageError, "'daily-crypto', which has a deployment already"),
        ({"source": "yahoo"}, "../desk", RequestRefused, "it must be up to 64 lower-case letters, digits and dashes"),
    ],
)
def test_what_cannot_be_scheduled_is_refused(
    home: Path, given: dict[str, str], account: str, refused: type[Exception], reason: str
) -> None:
    with pytest.raises(refused, match=reason):
        own(load({"home": str(home), **given}), account)


def test_up_refuses_what_cannot_be_scheduled_before_anything_starts(run: Run, home: Path) -> None:
    ended = run("up", "--symbols", "SPY", "--home", home)
    assert (ended.code, ended.failure.startswith("--source is 'sample'")) == (2, True)
    ended = run("up", "--source", "yahoo", "--account", "daily-equities", "--home", home)
    assert (ended.code, ended.failure) == (
        2,
        "--account is 'daily-equities', which has a deployment already; name another",
    )
    assert not (home / "prefect" / "server.log").exists()


def test_a_file_is_named_so_that_a_worker_finds_it_and_trades_all_of_its_symbols(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load({"home": str(home), "source": "file:bars.csv"})
    assert own(settings).parameters == {"source": f"file:{tmp_path}/bars.csv", "account": "daily-own"}


def test_the_time_is_that_of_the_symbols_own_calendars(home: Path, tmp_path: Path) -> None:
    write_bars(tmp_path / "bars.csv", SHARE, TOKEN)
    both = {"home": str(home), "source": f"file:{tmp_path / 'bars.csv'}"}
    assert when(load(both)) == MIDNIGHT.repeated(30, 12)
    assert when(load({**both, "symbols": "SHARE"})) == CLOSE.repeated(30, 12)
    seldom = load({**both, "symbols": "SHARE", "max_lateness_hours": 3, "retry_every_minutes": 60})
    assert when(seldom).cron == "30 16-18 * * 1-5"
    assert when(seldom).in_words == CLOSE.in_words


def test_deployments_of_the_project_repeat_as_often_as_the_settings_say(home: Path) -> None:
    deployed = {each["name"]: each for each in yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]}
    for name, first in (("daily-crypto", MIDNIGHT), ("daily-equities", CLOSE)):
        (schedule,) = deployed[name]["schedules"]
        assert schedule["cron"] == first.repeated(30, load({"home": str(home)}).max_lateness_hours).cron


def said_of(server: Any, settings: Settings, terminal: IO[str] | None = None) -> str:
    return offer(server, settings, Event(), terminal)


@contextmanager
def terminal(typed: str) -> Iterator[IO[str]]:
    """A terminal at which somebody has typed that."""
    ours, theirs = os.openpty()
    os.write(ours, typed.encode())
    with os.fdopen(theirs, "r") as file:
        yield file
    os.close(ours)


def test_without_a_terminal_the_command_is_told_that_schedules_what_the_settings_name(
    server: Any, named: Settings
) -> None:
    before = set(server.kept)
    command = f"turbodmt up --source yahoo --symbols SPY,TLT --account daily-own --home {named.home}"
    for _ in range(2):
        assert said_of(server, named) == (
            "Nothing trades SPY TLT from yahoo by itself, as the settings name it; once started like this, `up` does:\n"
            f"  {command}"
        )
    assert set(server.kept) == before


def test_a_terminal_is_asked_and_yes_schedules(
    server: Any, named: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    with terminal("y\n") as typed:
        assert said_of(server, named, typed).startswith("Scheduled: SPY TLT from yahoo, account daily-own, 16:30 Am")
    assert capsys.readouterr().out == "Trade SPY TLT from yahoo every day, on account daily-own? [y/n] "
    assert server.crons("daily-own") == [("30 16-23 * * 1-5", "America/New_York", True)]
    with terminal("y\n") as typed:
        assert said_of(server, named, typed) == ""


def test_who_says_no_is_not_asked_again_until_the_settings_name_something_else(
    server: Any, named: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    with terminal("n\n") as typed:
        assert "you are not asked again" in said_of(server, named, typed)
    capsys.readouterr()
    with terminal("y\n") as typed:
        assert said_of(server, named, typed) == ""
    assert capsys.readouterr().out == ""
    assert "daily-own" not in server.kept
    other = load({"home": str(named.home), "source": "yahoo", "symbols": "GLD"})
    assert "Nothing trades GLD" in said_of(server, other)


def test_nobody_at_the_terminal_holds_nothing_up(server: Any, named: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flows.scheduling.offering, "PATIENCE_S", 0.3)
    with terminal("") as typed:
        assert said_of(server, named, typed).startswith("Nothing trades SPY TLT from yahoo by itself, as the settings")
    monkeypatch.setattr(flows.scheduling.offering, "PATIENCE_S", 3_600.0)
    stopped = Event()
    stopped.set()
    with terminal("") as typed:
        assert offer(server, named, stopped, typed).startswith("Nothing trades SPY TLT")


def test_what_is_scheduled_or_never_gets_another_bar_is_not_offered(server: Any, home: Path, named: Settings) -> None:
    assert said_of(server, load({"home": str(home)})) == ""
    assert said_of(server, load({"home": str(home), "source": "binance"})) == "", "daily-crypto does"
    assert said_of(server, named) != ""
    server.kept["daily-equities"].schedules[0].active = True
    assert said_of(server, named) == "", "daily-equities trades what the settings name"


def test_a_source_that_cannot_be_read_is_told_and_up_goes_on(server: Any, home: Path, tmp_path: Path) -> None:
    settings = load({"home": str(home), "source": f"file:{tmp_path / 'none.csv'}"})
    with terminal("y\n") as typed:
        assert said_of(server, settings, typed).startswith("The settings' own source is not scheduled: ")
    assert "daily-own" not in server.kept


@pytest.mark.usefixtures("default_rates")
def test_bars_without_rates_are_refused_when_they_are_scheduled(server: Any, home: Path, tmp_path: Path) -> None:
    """The first run would be: the bars end years after the shipped bills."""
    write_bars(tmp_path / "bars.csv", SHARE)
    given = {"home": str(home), "source": f"file:{tmp_path / 'bars.csv'}"}
    with pytest.raises(RatesMissing, match=r"the rates of bills have none between 2018-11-30 and .*--rates constant:"):
        when(load(given), "desk")
    with terminal("y\n") as typed:
        said = said_of(server, load(given), typed)
    assert said.startswith("The settings' own source is not scheduled: the rates of bills have none between")
    assert "daily-own" not in server.kept
    assert when(load({**given, "rates": "constant:0.02"}), "desk") == CLOSE.repeated(30, 12)


@pytest.mark.usefixtures("default_rates")
def test_rates_that_come_with_each_day_are_not_asked_for_when_their_bars_are_scheduled(named: Settings) -> None:
    assert when(named).cron == "30 16-23 * * 1-5"
