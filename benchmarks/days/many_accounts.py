"""Many accounts on one store: how long their daily runs wait for it, and how many accounts a minute it serves.

    .venv/bin/python -W ignore benchmarks/days/many_accounts.py [--accounts 100] [--at-once 1 4 16 100]

Each account runs one day of `rules` on the sample, as a command of its own, so many at once; a day before, the first
of the accounts has fetched the bars. A wait is the time from asking for the store until it is open; opening it takes a
few milliseconds where nobody holds it. `refused` counts the commands that gave up, after 10 s; a deployment's run waits
for a minute. More at once than a pool begins, which is two a core, is what a crowded machine would do.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

DAYS = ("2018-12-27", "2018-12-28")
ROW = "{:>8} {:>8} {:>9} {:>11} {:>11} {:>9} {:>9} {:>9} {:>8}"
#: Where the waits of a command are written.
WAITS = "WAITS_FILE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    """The exit code of a command and its waits in seconds."""

    exit_code: int
    waits_s: tuple[float, ...]


def waiting_command() -> None:
    """Run `turbodmt` with the rest of the arguments, and write how long each opening of the store took."""
    from storage import database

    opened, waits = database.connect, []

    @contextmanager
    def timed(home: Path, *, timeout_s: float | None = None) -> Iterator[database.Connection]:
        asked = time.perf_counter()
        with opened(home, timeout_s=timeout_s) as store:
            waits.append(time.perf_counter() - asked)
            yield store

    # Before any other module takes the function by its name.
    database.connect = timed
    from flows.cli import start as command

    try:
        command.main()
    finally:
        Path(os.environ[WAITS]).write_text(json.dumps(waits), encoding="utf-8")


def lived(folder: Path, account: str, day: str) -> Lived:
    """Run the account's day and return its waits."""
    file = folder / f"{account}.json"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "TURBODMT_"))}
    run = (sys.executable, "-W", "ignore", __file__, "--command")
    asked = ("daily", "--strategy", "rules", "--account", account, "--as-of", day, "--home", str(folder / "home"))
    done = subprocess.run([*run, *asked], env={**kept, WAITS: str(file)}, cwd=folder, capture_output=True, check=False)
    return Lived(exit_code=done.returncode, waits_s=tuple(json.loads(file.read_bytes())))


def measure(accounts: int, at_once: int) -> None:
    """Print the row of so many commands at once."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        assert lived(root, "first", DAYS[0]).exit_code == 0
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        with ThreadPoolExecutor(at_once) as pool:
            found = list(pool.map(lambda number: lived(root, f"account-{number}", DAYS[1]), range(accounts)))
        wall = time.perf_counter() - started
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    waits = sorted(wait for each in found for wait in each.waits_s)
    totals = sorted(sum(each.waits_s) for each in found)
    print(
        ROW.format(
            at_once,
            f"{wall:.0f} s",
            f"{60 * accounts / wall:.1f}",
            f"{spent / accounts:.2f} s",
            f"{statistics.median(totals):.2f} s",
            f"{1e3 * statistics.median(waits):.0f} ms",
            f"{1e3 * waits[int(0.99 * len(waits))]:.0f} ms",
            f"{waits[-1]:.2f} s",
            sum(each.exit_code != 0 for each in found),
        ),
        flush=True,
    )


def main() -> None:
    """Prints a row for each number of commands at once."""
    if sys.argv[1:2] == ["--command"]:
        sys.argv[1:] = sys.argv[2:]
        waiting_command()
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=100)
    parser.add_argument("--at-once", type=int, nargs="+", default=[1, 4, 16, 100])
    given = parser.parse_args()
    print(ROW.format("at once", "wall", "a minute", "processor", "waited", "median", "99 %", "longest", "refused"))
    for at_once in given.at_once:
        measure(given.accounts, at_once)


if __name__ == "__main__":
    main()
