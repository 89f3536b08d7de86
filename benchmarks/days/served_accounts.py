"""Many accounts under one `turbodmt up`, all due at once: how long their runs queue, and wait for the store.

    .venv/bin/python -W ignore benchmarks/days/served_accounts.py [--accounts 16] [--records sqlite postgres]

Each account runs one day of `rules` on the sample; a day before, the first of the accounts has fetched the bars. Each
has a deployment of its own, since the runs of one go in turn (`--in-turn`: all in one). The runs are asked for in one
go, and the pool begins as many at once as `turbodmt up` lets it. `records` is the database of
Prefect's own records; with several the rounds alternate, `--rounds` times. PostgreSQL runs on this machine, in a folder
of its own.

A run queues from when it is asked for until it begins. A wait is the time from asking for the store until it is open.
`locked` counts what the server's log says of its own database being locked. Fails unless every run is completed and
the ledger has the day of every account once.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from storage.database import connect
from testing.servers.postgres import postgres
from testing.servers.prefect_server import ENDED
from testing.servers.up_server import Up, brought_up

DAYS = ("2018-12-27", "2018-12-28")
DEPLOYMENT = "daily-equities"
COLUMNS = (
    *("records", "wall", "a minute", "queued", "longest", "a run", "longest"),
    *("waited", "longest", "locked", "not done", "doubled"),
)
ROW = "{:>9}" * len(COLUMNS)
#: Written into every process below `up`: waits for the store, to a file of that process.
SITE = """
import importlib.abc, importlib.machinery, os, sys, time
from contextlib import contextmanager

class Timed(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != "storage.database":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        run = spec.loader.exec_module
        def executed(module):
            run(module)
            opened = module.connect
            @contextmanager
            def connect(home, *, timeout_s=None):
                asked = time.perf_counter()
                with opened(home, timeout_s=timeout_s) as store:
                    with open(os.path.join({folder!r}, str(os.getpid())), "a") as file:
                        file.write(f"{{time.perf_counter() - asked}}\\n")
                    yield store
            module.connect = connect
        spec.loader.exec_module = executed
        return spec

sys.meta_path.insert(0, Timed())
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A round: the seconds that its runs took, and what the logs and the ledger have of them."""

    wall_s: float
    queued_s: tuple[float, ...]
    ran_s: tuple[float, ...]
    waited_s: tuple[float, ...]
    longest_wait_s: float
    locked: int
    not_done: int
    doubled: int


@contextmanager
def served(folder: Path, records: str) -> Iterator[tuple[Up, Path]]:
    """Yield a `turbodmt up` with such records, and the folder in which its processes write their waits."""
    site, waits = folder / "site", folder / "waits"
    for made in (site, waits):
        made.mkdir()
    (site / "sitecustomize.py").write_text(SITE.format(folder=str(waits)), encoding="utf-8")
    with postgres(folder) if records == "postgres" else nullcontext() as address:
        kept = {} if address is None else {"PREFECT_API_DATABASE_CONNECTION_URL": address}
        environment = {"PYTHONPATH": str(site), "PREFECT_SERVER_LOGGING_LEVEL": "WARNING", **kept}
        with brought_up(folder / "up", environment) as up:
            up.await_text("Ctrl-C stops it.")
            # No schedule starts a run beside those of the round.
            up.pause("daily-crypto")
            up.pause("watchdog", "watchdog")
            yield up, waits


def asked_for(up: Up, deployment: str, account: str, day: str) -> str:
    """Return the id of a new run of the account's day."""
    return up.start_run(deployment, {"source": "sample", "strategy": "rules", "account": account, "as_of": day})


def deployed(up: Up, name: str) -> str:
    """Return the name of a new deployment like DEPLOYMENT, whose runs do not go in turn."""
    like = up.deployment(DEPLOYMENT)
    kept = (
        "flow_id",
        "entrypoint",
        "path",
        "pull_steps",
        "work_pool_name",
        "parameter_openapi_schema",
        "enforce_parameter_schema",
    )
    up.server.ask("/deployments/", {"name": name, **{field: like[field] for field in kept}})
    return name


def ended(up: Up, runs: dict[str, str], patience_s: float) -> dict[str, Any]:
    """Return each account's run once all have ended, each asked for in one question: a hundred would be work."""
    deadline, accounts = time.monotonic() + patience_s, {run: account for account, run in runs.items()}
    question = {"flow_runs": {"id": {"any_": [*accounts]}, "state": {"type": {"any_": [*ENDED]}}}, "limit": 200}
    found: list[Any] = []
    while len(found) < len(runs) and time.monotonic() < deadline:
        time.sleep(2)
        found = up.server.ask("/flow_runs/filter", question)
    return {accounts[run["id"]]: run for run in found}


def seconds(run: dict[str, Any], first: str, last: str) -> float:
    """Return the seconds between two of the run's times."""
    return (datetime.fromisoformat(run[last]) - datetime.fromisoformat(run[first])).total_seconds()


def measure(records: str, given: argparse.Namespace) -> Served:
    """Return what a round took."""
    accounts = tuple(f"account-{number}" for number in range(given.accounts))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        with served(folder, records) as (up, waits):
            up.await_state(asked_for(up, DEPLOYMENT, accounts[0], DAYS[0]), *ENDED)
            for file in waits.iterdir():
                file.unlink()
            names = [DEPLOYMENT if given.in_turn else deployed(up, account) for account in accounts]
            started = time.monotonic()
            runs = {account: asked_for(up, of, account, DAYS[1]) for of, account in zip(names, accounts, strict=True)}
            found = ended(up, runs, given.patience)
            wall = time.monotonic() - started
            told = [[float(line) for line in file.read_text().splitlines()] for file in waits.iterdir()]
            assert len(told) >= len(found), "the waits of some runs are missing"
            logs = "".join(path.read_text(errors="replace") for path in up.home.rglob("*.log*"))
            return Served(
                wall_s=wall,
                queued_s=tuple(seconds(run, "created", "start_time") for run in found.values()),
                ran_s=tuple(seconds(run, "start_time", "end_time") for run in found.values()),
                waited_s=tuple(map(sum, told)),
                longest_wait_s=max(map(max, told)),
                locked=logs.count("database is locked"),
                not_done=len(accounts) - sum(run["state_type"] == "COMPLETED" for run in found.values()),
                doubled=miscounted(up.home, accounts),
            )


def miscounted(home: Path, accounts: tuple[str, ...]) -> int:
    """Return how many accounts do not have the day once: one snapshot, one run, two decisions, an order a symbol."""
    with connect(home) as store:

        def rows(account: str, table: str) -> tuple[int, ...] | None:
            select = f"SELECT count(*) FROM {table} WHERE account = ? AND as_of = ?"
            return store.execute(select, [account, DAYS[1]]).fetchone()

        wanted = {"account_snapshots": 1, "runs": 1, "decisions": 2}
        wrong = [any(rows(account, table) != (count,) for table, count in wanted.items()) for account in accounts]
        orders = store.execute(
            "SELECT count(*) - count(DISTINCT (account, as_of, symbol)) FROM orders WHERE as_of = ?", [DAYS[1]]
        ).fetchone()
    return sum(wrong) + int((orders or (0,))[0])


def main() -> None:
    """Prints a row for each round."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=16)
    parser.add_argument("--records", nargs="+", choices=("sqlite", "postgres"), default=["sqlite", "postgres"])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--in-turn", action="store_true")
    parser.add_argument("--patience", type=float, default=1_800, help="seconds that a round may take")
    given = parser.parse_args()
    print(ROW.format(*COLUMNS))
    missed = 0
    for records in given.records * given.rounds:
        lived = measure(records, given)
        cells = (
            *(records, f"{lived.wall_s:.0f} s", f"{60 * given.accounts / lived.wall_s:.1f}"),
            *(f"{seconds:.1f} s" for seconds in (statistics.median(lived.queued_s), max(lived.queued_s))),
            *(f"{seconds:.1f} s" for seconds in (statistics.median(lived.ran_s), max(lived.ran_s))),
            *(f"{seconds:.2f} s" for seconds in (statistics.median(lived.waited_s), lived.longest_wait_s)),
            *(lived.locked, lived.not_done, lived.doubled),
        )
        print(ROW.format(*cells), flush=True)
        missed += lived.not_done + lived.doubled
    if missed:
        raise SystemExit("not every day was done once")


if __name__ == "__main__":
    main()
