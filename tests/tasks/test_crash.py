"""kill -9 at any line of a day, and again: the store holds what an undisturbed run leaves."""

import json
import shutil
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from storage.database import connect
from strategy.account.cash_flows import FlowKind
from strategy.exit_codes import Exit
from tasks.operations.cash_flows import FlowRequest, cash_request, request_flows
from testing.accounts.ledgers import Rows, contents
from testing.markets.bars import DEEP, account_days
from testing.simulation.crashes import Crashes, Order, crashes

FIRST, LAST = "2020-06-10", "2020-06-14"

#: Calls before which the run dies: the function, and which call of it.
CALLS = (
    ("storage.bars.staging.stage", 1),
    ("storage.bars.published.publish_all", 1),
    ("storage.bars.published._fresh", 2),
    ("storage.ledger.days.record_settlement", 3),
    ("storage.accounts.cash_flows.settle", 1),
    ("storage.ledger.orders.advance", 2),
    ("strategy.training.loop._learn", 3),
    ("storage.files._sync_folder", 1),
    ("storage.models.promotions.record_verdict", 1),
    ("storage.ledger.days.record_decisions", 1),
    ("storage.ledger.orders.conclude_waiting", 1),
    ("tasks.daily.replay_check.reconcile", 1),
)
DEPOSIT = FlowRequest(
    account="daily", flows=(), costs=(), what="", day=None, reason="", key=None, at=datetime(2020, 6, 10, tzinfo=UTC)
)
#: And shares of all lines that the run goes through.
SHARES = (0.07, 0.45, 0.97)
MANY_SHARES = tuple((number + 0.5) / 60 for number in range(60))
#: The symbol whose bar comes late on a day, and the tables of the account.
LATE, DIVIDED = "TOKEN", "2020-06-12"
LEDGER = ("decisions", "orders", "fills", "entries", "account_snapshots", "passes", "risk_state")
#: On the first day of all there is no store yet.
FIRST_CALLS = (("storage.files.temporary_beside", 1), ("storage.database._digest", 2))


@pytest.fixture(scope="module")
def machine() -> Iterator[Crashes]:
    with crashes() as running:
        yield running


@pytest.fixture(scope="module")
def lived(machine: Crashes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose account has had its first day, and a model; a deposit waits for the next."""
    home = tmp_path_factory.mktemp("lived") / "home"
    assert machine.run(Order(home=str(home), as_of=FIRST)) == 0
    request_flows(home, cash_request(FlowKind.DEPOSIT, Decimal(500), DEPOSIT))
    return home


@pytest.fixture(scope="module")
def lines(machine: Crashes, lived: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Rows, int]:
    """Return what an undisturbed run leaves of the days up to LAST, and how many lines it went through."""
    folder = tmp_path_factory.mktemp("undisturbed")
    shutil.copytree(lived, folder / "home")
    tally = folder / "tally.json"
    assert machine.run(Order(home=str(folder / "home"), as_of=LAST, tally=str(tally))) == 0
    return contents(folder / "home"), json.loads(tally.read_text())["lines"]


def leftovers(home: Path) -> list[str]:
    """Files that no finished run leaves in a home."""
    return [path.name for path in home.rglob("*") if path.name.endswith((".tmp", ".wal"))]


def test_an_undisturbed_run_does_all_that_a_crash_may_disturb(lines: tuple[Rows, int]) -> None:
    told, _ = lines
    settled = account_days(DEEP, date.fromisoformat(FIRST), date.fromisoformat(LAST))
    assert [row[1] for row in told["account_snapshots"]] == list(settled)
    assert len(told["models"]) == 2
    assert {row[2] for row in told["entries"]} >= {"deposit", "factor"}
    assert told["fills"]
    assert {row[3] for row in told["orders"]} == {settled[0], settled[-1]}


@pytest.mark.parametrize(("function", "n"), CALLS)
def test_a_run_killed_in_a_call_is_repaired_by_the_next(
    machine: Crashes, lived: Path, lines: tuple[Rows, int], tmp_path: Path, function: str, n: int
) -> None:
    assert repaired(machine, lived, tmp_path / "home", Order(home="", as_of=LAST, function=function, n=n)) == lines[0]


@pytest.mark.parametrize("share", [*SHARES, *(pytest.param(value, marks=pytest.mark.slow) for value in MANY_SHARES)])
def test_a_run_killed_at_a_line_is_repaired_by_the_next(
    machine: Crashes, lived: Path, lines: tuple[Rows, int], tmp_path: Path, share: float
) -> None:
    order = Order(home="", as_of=LAST, n=round(share * lines[1]))
    assert repaired(machine, lived, tmp_path / "home", order) == lines[0]


@pytest.fixture(scope="module")
def passes(
    machine: Crashes, lived: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Rows, Rows, tuple[int, int]]:
    """Return a home after the first of two passes, what each pass leaves, and the lines that each goes through."""
    folder = tmp_path_factory.mktemp("passes")
    shutil.copytree(lived, folder / "home")
    tallies, told = [], []
    for late in (LATE, ""):
        if late == "":
            shutil.copytree(folder / "home", folder / "first")
        tally = folder / f"tally{late}.json"
        assert machine.run(Order(home=str(folder / "home"), as_of=DIVIDED, late=late, tally=str(tally))) == 0
        tallies.append(json.loads(tally.read_text())["lines"])
        told.append(contents(folder / "home"))
    return folder / "first", told[0], told[1], (tallies[0], tallies[1])


def test_a_second_pass_adds_to_the_first_and_changes_none_of_its_rows(
    passes: tuple[Path, Rows, Rows, tuple[int, int]],
) -> None:
    _, first, second, _ = passes
    assert [row[2] for row in second["passes"]] == [1, 2]
    for table in ("decisions", "account_snapshots", "fills", "entries"):
        assert not set(first[table]) - set(second[table])
    assert len({row[2:4] for row in second["orders"]}) == len(second["orders"])


@pytest.mark.parametrize(
    ("function", "n"),
    [
        ("storage.ledger.days.record_settlement", 1),
        ("storage.ledger.days.record_decisions", 1),
        ("storage.ledger.orders.record_orders", 1),
        ("storage.ledger.orders.conclude_waiting", 1),
    ],
)
def test_a_second_pass_killed_in_a_call_is_repaired_by_the_next_run(
    machine: Crashes, passes: tuple[Path, Rows, Rows, tuple[int, int]], tmp_path: Path, function: str, n: int
) -> None:
    order = Order(home="", as_of=DIVIDED, function=function, n=n)
    assert repaired(machine, passes[0], tmp_path / "home", order) == passes[2]


@pytest.mark.parametrize("share", [*SHARES, *(pytest.param(value, marks=pytest.mark.slow) for value in MANY_SHARES)])
def test_both_passes_killed_at_a_line_are_repaired_by_the_next_runs(
    machine: Crashes, lived: Path, passes: tuple[Path, Rows, Rows, tuple[int, int]], tmp_path: Path, share: float
) -> None:
    _, first, second, lines = passes
    home = tmp_path / "home"
    assert repaired(machine, lived, home, Order(home="", as_of=DIVIDED, late=LATE, n=round(share * lines[0]))) == first
    assert machine.run(Order(home=str(home), as_of=DIVIDED, n=round(share * lines[1]))) == -signal.SIGKILL
    assert machine.run(Order(home=str(home), as_of=DIVIDED)) == 0
    assert contents(home) == second


def test_a_first_pass_killed_before_it_decided_is_decided_before_the_late_symbol(
    machine: Crashes, lived: Path, passes: tuple[Path, Rows, Rows, tuple[int, int]], tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(lived, home)
    killed = Order(home=str(home), as_of=DIVIDED, late=LATE, function="storage.ledger.days.record_decisions", n=1)
    assert machine.run(killed) == -signal.SIGKILL
    # The symbol has come by now: the first run decides the pass that was settled, the second the symbol.
    assert machine.run(Order(home=str(home), as_of=DIVIDED)) == 0
    assert machine.run(Order(home=str(home), as_of=DIVIDED)) == 0
    assert {name: rows for name, rows in contents(home).items() if name in LEDGER} == {
        name: rows for name, rows in passes[2].items() if name in LEDGER
    }


@pytest.mark.parametrize(("function", "n"), FIRST_CALLS)
def test_a_first_run_killed_while_it_makes_the_store_is_repaired_by_the_next(
    machine: Crashes, lived: Path, tmp_path: Path, function: str, n: int
) -> None:
    home = tmp_path / "home"
    killed = Order(home=str(home), as_of=FIRST, function=function, n=n)
    assert machine.run(killed) == -signal.SIGKILL
    assert machine.run(Order(home=str(home), as_of=FIRST)) == 0
    # What the other home was asked for later has nothing to do with its first day.
    assert contents(home) == contents(lived) | {"cash_flows": []}
    assert not leftovers(home)


@pytest.mark.parametrize("file_bytes", [500, 4_000, 10_000])
def test_a_full_disk_ends_the_run_and_room_repairs_it(
    machine: Crashes, lived: Path, lines: tuple[Rows, int], tmp_path: Path, file_bytes: int
) -> None:
    home = tmp_path / "home"
    shutil.copytree(lived, home)
    assert machine.run(Order(home=str(home), as_of=LAST, file_bytes=file_bytes)) == Exit.STORE
    assert machine.run(Order(home=str(home), as_of=LAST)) == Exit.DONE
    assert contents(home) == lines[0]
    assert not leftovers(home)


def test_a_model_that_cannot_be_written_ends_the_run_and_a_folder_repairs_it(
    machine: Crashes, lived: Path, lines: tuple[Rows, int], tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(lived, home)
    (home / "models").rename(home / "elsewhere")
    (home / "models").write_text("not a folder")
    assert machine.run(Order(home=str(home), as_of=LAST)) == Exit.STORE
    (home / "models").unlink()
    (home / "elsewhere").rename(home / "models")
    assert machine.run(Order(home=str(home), as_of=LAST)) == Exit.DONE
    assert contents(home) == lines[0]


def test_a_file_in_place_of_the_home_ends_the_run(machine: Crashes, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("not a folder")
    assert machine.run(Order(home=str(tmp_path / "home"), as_of=FIRST)) == Exit.STORE
    assert (tmp_path / "home").read_text() == "not a folder"


def test_a_store_that_is_locked_for_a_moment_only_delays_the_run(
    machine: Crashes, lived: Path, lines: tuple[Rows, int], tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(lived, home)
    with ThreadPoolExecutor(1) as other:
        running = other.submit(machine.run, Order(home=str(home), as_of=LAST))
        done, _ = wait([running], timeout=0.5)
    assert not done
    assert running.result() == Exit.DONE
    assert contents(home) == lines[0]


@pytest.mark.slow
def test_a_store_that_stays_locked_ends_the_run_unchanged(machine: Crashes, lived: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(lived, home)
    with connect(home):
        assert machine.run(Order(home=str(home), as_of=LAST)) == Exit.STORE
    assert contents(home) == contents(lived)


def repaired(machine: Crashes, lived: Path, home: Path, order: Order) -> Rows:
    """Return what the store holds when the run was killed and then repeated."""
    shutil.copytree(lived, home)
    assert machine.run(replace(order, home=str(home))) == -signal.SIGKILL
    assert machine.run(Order(home=str(home), as_of=order.as_of, late=order.late)) == 0
    told = contents(home)
    assert not leftovers(home)
    return told
