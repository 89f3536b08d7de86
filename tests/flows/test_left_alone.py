"""A machine left alone under `turbodmt up`: off for days, asleep for hours, its store taken, its network gone.

The product knows nothing of it: a preloaded library tells every process the time, and the proxy that the environment
names answers for Binance.
"""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from storage.database import connect
from storage.ledger import days as ledger
from storage.ledger import orders as order_store
from storage.ledger import positions as position_store
from storage.ledger import runs
from tasks.operations.concerns import look
from testing.accounts.ledgers import contents
from testing.servers.main_site import MainSite
from testing.servers.market_data import FakeBinance, daily_klines, midnight_ms
from testing.servers.prefect_server import ENDED, ROOT, until
from testing.servers.shifted_clock import ShiftedClock, shifted_clock
from testing.servers.up_server import Up, brought_up, put_home

pytestmark = pytest.mark.server

ACCOUNT, SYMBOLS = "daily-crypto", ("BTCUSDT", "ETHUSDT")
#: The day whose bar the first run trades; it comes five minutes after midnight of the next.
FIRST = date(2026, 2, 28)
#: Steps of a day's work.
STEPS = 8
RUNS_S = 240
NO_ANSWER = "binance did not answer within 5 tries (last: ProxyError); check the network or try again later"
ENVIRONMENT = {
    "TURBODMT_STRATEGY": "rules",
    # Those of the dollar come from Yahoo, which nobody answers for.
    "TURBODMT_RATES": "constant:0",
    # Three runs take turns here; each would wait half a minute for its own.
    "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "1",
    # A clock that is moved on leaves behind what Prefect has planned; it plans anew once a minute.
    "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "3",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A machine under `up`, whose clock can be moved and whose network can be cut."""

    up: Up
    clock: ShiftedClock
    site: MainSite
    binance: FakeBinance

    def wake(self, instant: datetime) -> None:
        """Set the clocks of the machine and the exchange to this instant."""
        set_clocks(self.clock, self.binance, instant)

    def ended(self, since: datetime, until_now: datetime, least: int = 1) -> list[Any]:
        """The runs of the deployment that were due in this span, by their start; waits for so many, and for all."""
        span = {"after_": since.isoformat(), "before_": until_now.isoformat()}
        question = {
            "deployments": {"name": {"any_": [ACCOUNT]}},
            "flow_runs": {"expected_start_time": span},
            "sort": "START_TIME_ASC",
        }

        def found() -> list[Any] | None:
            there: list[Any] = self.up.server.ask("/flow_runs/filter", question)
            return there if len(there) >= least and all(ended["state_type"] in ENDED for ended in there) else None

        return until(found, f"{least} runs due from {since} to {until_now}", RUNS_S)

    def planned(self, due: datetime) -> None:
        """Wait until a run of the deployment is planned for this time."""
        question = {
            "deployments": {"name": {"any_": [ACCOUNT]}},
            "flow_runs": {"expected_start_time": {"after_": due.isoformat(), "before_": due.isoformat()}},
        }
        until(lambda: self.up.server.ask("/flow_runs/filter", question) or None, f"a run planned for {due}", RUNS_S)

    def steps(self, runs: Sequence[Any]) -> list[int]:
        """How many steps each of the runs had, of which one has done the day's work."""
        done = self.up.server.task_runs([run["id"] for run in runs], STEPS)
        return [sum(step["flow_run_id"] == run["id"] for step in done) for run in runs]

    def log_of(self, run: Any, text: str) -> list[str]:
        """The lines of the run's log, once there is one with the text."""

        def found() -> list[str] | None:
            lines = self.up.server.ask("/logs/filter", {"logs": {"flow_run_id": {"any_": [run["id"]]}}})
            said = [line["message"] for line in lines]
            return said if any(text in message for message in said) else None

        return until(found, f"{text!r} in the log of {run['name']}", 30)


def due_at(run: Any) -> str:
    return str(run["expected_start_time"])


def names_of(runs: Sequence[Any]) -> list[str]:
    """The names of the runs' final states, in the order in which they were due."""
    return [run["state_name"] for run in sorted(runs, key=due_at)]


def set_clocks(clock: ShiftedClock, binance: FakeBinance, instant: datetime) -> None:
    binance.server_time = instant
    clock.set(instant)


def at(days: int, hour: int, minute: int = 0) -> datetime:
    """So many days after the first, at this time."""
    return datetime(FIRST.year, FIRST.month, FIRST.day, hour, minute, tzinfo=UTC) + timedelta(days=days)


def market() -> FakeBinance:
    """Two symbols of a walk that rises, back to 400 days before the first run."""
    draw = np.random.default_rng(7)
    walks = {symbol: 100 * np.exp(np.cumsum(draw.normal(0.002, 0.02, 430))) for symbol in SYMBOLS}
    begin = FIRST - timedelta(days=400)
    klines = {symbol: daily_klines(begin, [float(price) for price in walk]) for symbol, walk in walks.items()}
    return FakeBinance(klines=klines, server_time=at(1, 0))


def run_at(up: Up, cron: str) -> None:
    """Have the account run at these times."""
    crypto = up.deployment(ACCOUNT)
    (schedule,) = crypto["schedules"]
    moved = {"schedule": {**schedule["schedule"], "cron": cron}}
    up.server.ask(f"/deployments/{crypto['id']}/schedules/{schedule['id']}", moved, "PATCH")


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """One that ran for a day, was off for five scheduled ones, and is up again at three in the morning of the last."""
    folder = tmp_path_factory.mktemp("machine")
    clock, binance = shifted_clock(folder), market()
    put_home(folder)
    with MainSite(binance, folder) as site:
        environment = {**ENVIRONMENT, **site.environment, **clock.environment}
        set_clocks(clock, binance, at(1, 0, 1))
        with brought_up(folder, environment) as up:
            up.await_text("Ctrl-C stops it.")
            # It looks every half an hour, and would run again at every awakening.
            up.pause("watchdog", "watchdog")
            # What becomes of late runs shows without those that repeat a day.
            run_at(up, "5 0 * * *")
            before = Machine(up=up, clock=clock, site=site, binance=binance)
            before.wake(at(1, 0, 4) + timedelta(seconds=50))
            (first,) = before.ended(at(1, 0), at(1, 1))
            assert (first["state_type"], first["auto_scheduled"]) == ("COMPLETED", True)
        set_clocks(clock, binance, at(6, 3))
        with brought_up(folder, environment) as up:
            up.await_text("Ctrl-C stops it.")
            yield Machine(up=up, clock=clock, site=site, binance=binance)


def test_after_five_days_off_the_data_are_whole_one_day_trades_and_the_rest_is_missed(machine: Machine) -> None:
    # Prefect had planned two or three of the five, and starts them all: the newest takes the place of the others.
    late = sorted(machine.ended(at(2, 0), at(6, 1), 2), key=due_at)
    assert names_of(late) == ["Skipped"] * (len(late) - 1) + ["Completed"]
    assert machine.steps(late) == [0, 0, STEPS][-len(late) :]
    traded = FIRST + timedelta(days=5)
    due = due_at(late[-1])[:16].replace("T", " ")
    assert {run["state"]["message"] for run in late[:-1]} == {f"The run that was due at {due} UTC takes its place."}
    with connect(machine.up.home) as store:
        lived = [
            snapshot.account.as_of
            for snapshot in position_store.snapshots(store, ACCOUNT, until=date.max, last_days=100)
        ]
        decided = [day for day in lived if ledger.decisions_on(store, ACCOUNT, day)]
        ordered = [day for day in lived if order_store.orders_on(store, ACCOUNT, day)]
        newest = store.execute(
            "SELECT symbol, max(CAST(open_time AS DATE)), count(*) FROM current_bars GROUP BY ALL ORDER BY ALL"
        ).fetchall()
        outcome = runs.runs(store, last=1)[0].outcome
    assert lived == [FIRST + timedelta(days=number) for number in range(6)]
    assert decided == ordered == [FIRST, traded]
    assert newest == [(symbol, traded, 406) for symbol in SYMBOLS]
    assert outcome is not None
    assert outcome.warnings == (
        "4 days from 2026-03-01 to 2026-03-04 passed without a decision: no run was made for them in time; bars are "
        "filled, the account is marked, 2 trades of earlier orders settled",
    )


def test_a_run_that_comes_twenty_hours_late_decides_and_sends_nothing(machine: Machine) -> None:
    day = FIRST + timedelta(days=6)
    machine.wake(at(7, 20))
    (late,) = machine.ended(at(7, 0), at(7, 21))
    assert (late["state_type"], late["auto_scheduled"]) == ("FAILED", True)
    assert f"the run for {day} comes at 2026-03-07 20:0" in late["state"]["message"]
    assert (
        "UTC, after 2026-03-07 12:00, so no order was sent; the next scheduled run trades" in late["state"]["message"]
    )
    with connect(machine.up.home) as store:
        assert len(ledger.decisions_on(store, ACCOUNT, day)) == len(SYMBOLS)
        assert order_store.orders_on(store, ACCOUNT, day) == ()


def test_of_two_at_once_one_works_and_the_other_says_so_and_ends_well(machine: Machine) -> None:
    day = FIRST + timedelta(days=7)
    machine.wake(at(8, 9))
    # The scheduled one is due since midnight, and somebody presses the button.
    machine.up.start_run(ACCOUNT, {})
    both = machine.ended(at(8, 0), at(8, 10), 2)
    assert [ended["state_type"] for ended in both] == ["COMPLETED"] * 2
    steps = machine.steps(both)
    assert sorted(steps) == [0, STEPS]
    idle = both[steps.index(0)]
    assert f"{day} was already done; nothing was left to do." in machine.log_of(idle, "already done")


@contextmanager
def held(home: Path) -> Iterator[int]:
    """The number of another process that has the store open."""
    code = "import sys, pathlib, storage.database as one\nwith one.connect(pathlib.Path(sys.argv[1])):\n"
    code += "    print('held', flush=True)\n    sys.stdin.read()"
    command = [sys.executable, "-c", code, str(home)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process.pid


def test_a_store_that_another_process_holds_is_told_with_its_number_and_the_next_run_repairs(machine: Machine) -> None:
    day, before = FIRST + timedelta(days=8), contents(machine.up.home)
    with held(machine.up.home) as process:
        machine.wake(at(9, 9))
        (failed,) = machine.ended(at(9, 0), at(9, 10))
    assert demand_told(machine, failed) == (
        f"{machine.up.home / 'turbodmt.duckdb'} is in use by process {process} and stayed so for 60 s; wait until that "
        "process ends, then run the same command again"
    )
    assert contents(machine.up.home) == before
    demand_repaired(machine, day)


def test_a_network_that_is_gone_is_told_in_one_sentence_and_the_next_run_repairs(machine: Machine) -> None:
    day, before = FIRST + timedelta(days=9), contents(machine.up.home)
    machine.site.close()
    machine.wake(at(10, 9))
    (failed,) = machine.ended(at(10, 0), at(10, 10))
    machine.site.open()
    assert demand_told(machine, failed) == (
        f"{NO_ANSWER}; no other run is planned before 2026-03-10 12:00 UTC, until when orders of the day may be sent"
    )
    assert contents(machine.up.home) == before
    demand_repaired(machine, day)


def demand_told(machine: Machine, run: Any) -> str:
    """The sentence of a run that failed; its state tells it, and so does its log, without a traceback."""
    assert run["state_type"] == "FAILED"
    sentence = str(run["state"]["message"])
    # In the log it begins with a capital letter.
    assert not [line for line in machine.log_of(run, sentence[1:]) if "Traceback" in line or "\n" in line]
    return sentence


def demand_repaired(machine: Machine, day: date) -> None:
    """Demand that a new run of the day does all of it, and leaves no day before it out."""
    run = machine.up.await_state(machine.up.start_run(ACCOUNT, {}), *ENDED)
    assert (run["state_type"], machine.steps([run])) == ("COMPLETED", [STEPS])
    with connect(machine.up.home) as store:
        outcome = runs.runs(store, last=1)[0].outcome
        assert len(ledger.decisions_on(store, ACCOUNT, day)) == len(SYMBOLS)
    assert outcome is not None
    assert outcome.warnings == ()


def test_a_source_down_for_an_hour_and_a_symbol_late_by_two_leave_a_whole_day(machine: Machine) -> None:
    day, now = FIRST + timedelta(days=10), at(11, 0, 4) + timedelta(seconds=50)
    run_at(machine.up, "5 0-11 * * *")
    machine.site.close()
    machine.wake(now)
    (waiting,) = machine.ended(at(11, 0), at(11, 0, 10))
    told = (waiting["state_type"], waiting["state_name"], waiting["state"]["message"])
    assert told == ("COMPLETED", "Waiting", f"{NO_ANSWER}; the day is tried again at 01:05 UTC")
    assert look(machine.up.home, at(11, 0, 10), {ACCOUNT}) == ()

    klines = dict(machine.binance.klines)
    machine.binance.klines = {
        **klines,
        "ETHUSDT": [kline for kline in klines["ETHUSDT"] if kline[0] < midnight_ms(day)],
    }
    machine.site.open()
    machine.planned(at(11, 1, 5))
    machine.wake(now + timedelta(hours=1))
    assert names_of(machine.ended(at(11, 1), at(11, 1, 10))) == ["Completed"]
    with connect(machine.up.home) as store:
        (first,) = order_store.orders_on(store, ACCOUNT, day)
    assert (first.symbol, passes_of(machine, day)) == ("BTCUSDT", {"BTCUSDT": 1, "ETHUSDT": 1})

    machine.binance.klines = klines
    machine.planned(at(11, 2, 5))
    machine.wake(now + timedelta(hours=2))
    assert names_of(machine.ended(at(11, 2), at(11, 2, 10))) == ["Completed"]
    with connect(machine.up.home) as store:
        orders = order_store.orders_on(store, ACCOUNT, day)
    assert [order.symbol for order in orders] == list(SYMBOLS)
    assert orders[0] == first
    assert passes_of(machine, day) == {"BTCUSDT": 1, "ETHUSDT": 2}
    before = contents(machine.up.home)
    again = machine.up.await_state(machine.up.start_run(ACCOUNT, {}), *ENDED)
    assert again["state"]["message"] == f"{day} was already done; nothing was left to do."
    assert contents(machine.up.home) == before


def test_a_source_that_is_back_after_the_deadline_is_told_once_and_its_day_is_decided_without_orders(
    machine: Machine,
) -> None:
    day = FIRST + timedelta(days=11)
    machine.site.close()
    # Of the runs before it nothing is asked here.
    run_at(machine.up, "35 11 12 * *")
    machine.wake(at(12, 11, 30))
    machine.planned(at(12, 11, 35))
    machine.wake(at(12, 11, 34) + timedelta(seconds=50))
    (last,) = machine.ended(at(12, 11, 35), at(12, 11, 36))
    told = (last["state_type"], last["state_name"], last["state"]["message"])
    late = "no other run is planned before 2026-03-12 12:00 UTC, until when orders of the day may be sent"
    assert told == ("FAILED", "Waiting", f"{NO_ANSWER}; {late}")
    assert look(machine.up.home, at(12, 11, 59), {ACCOUNT}) == ()
    assert [concern.key for concern in look(machine.up.home, at(12, 12, 10), {ACCOUNT})] == [f"overdue:{ACCOUNT}"]
    machine.site.open()
    machine.wake(at(12, 13))
    late_run = machine.up.await_state(machine.up.start_run(ACCOUNT, {}), *ENDED)
    assert "after 2026-03-12 12:00, so no order was sent" in late_run["state"]["message"]
    with connect(machine.up.home) as store:
        assert len(ledger.decisions_on(store, ACCOUNT, day)) == len(SYMBOLS)
        assert order_store.orders_on(store, ACCOUNT, day) == ()


def passes_of(machine: Machine, day: date) -> dict[str, int]:
    """In which pass of the day each symbol was decided last."""
    with connect(machine.up.home) as store:
        made = ledger.passes_on(store, ACCOUNT, day)
        return {
            decision.symbol: each.number
            for each in made
            for decision in ledger.decisions_in(store, ACCOUNT, day, each.number)
        }
