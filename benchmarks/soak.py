"""Simulated years of faults, until one ends in disorder: `.venv/bin/python benchmarks/soak.py --seeds N`.

A failing seed prints the one command that lives it again; Ctrl-C ends it with the years so far. Where the system has
mimalloc (Debian's libmimalloc2.0) it is used: DuckDB plans so many small statements that malloc alone takes a quarter
of the time.
"""

import argparse
import gc
import logging
import os
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from ctypes.util import find_library
from pathlib import Path

from testing.simulation.year import VENUES, SimulatedYear


def lived(seed: int, venue: str, days: int) -> tuple[Counter[str], str]:
    """Return what went wrong in the year, by kind, and how it ended: empty if in order."""
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        year = SimulatedYear(seed, Path(folder) / "home", venue, days)
        try:
            return year.live(), ""
        except Exception:  # noqa: BLE001 - told whole, with the command that lives it again
            return Counter(), traceback.format_exc()


def use_mimalloc() -> None:
    """Restart with mimalloc if the system has it and no other allocator is set."""
    library = find_library("mimalloc")
    if library and "LD_PRELOAD" not in os.environ:
        os.execve(sys.executable, sys.orig_argv, {**os.environ, "LD_PRELOAD": library})


def main() -> None:
    """Prints the faults that were survived, or the first disorder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=0, help="live so many years, from seed 0 on")
    parser.add_argument("--seed", type=int, help="live this year alone")
    parser.add_argument("--venue", choices=VENUES, help="at this broker alone; else they take turns")
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    seeds = range(given.seeds) if given.seed is None else [given.seed]
    asked = [(seed, given.venue or VENUES[seed % len(VENUES)]) for seed in seeds]
    started, total, done = time.monotonic(), Counter[str](), 0
    # What was imported stays: looking for garbage among it would take a twentieth of the time.
    with ProcessPoolExecutor(given.processes, initializer=begin) as pool:
        runs = {pool.submit(lived, *query, given.days): query for query in asked}
        try:
            for run in as_completed(runs):
                faults, disorder = run.result()
                if disorder:
                    pool.shutdown(wait=False, cancel_futures=True)
                    seed, venue = runs[run]
                    again = f".venv/bin/python benchmarks/soak.py --seed {seed} --venue {venue} --days {given.days}"
                    sys.exit(f"{disorder}\nseed {seed} at {venue} ended in disorder; live it again: {again}")
                total, done = total + faults, done + 1
                sys.stderr.write(f"\r{done} of {len(asked)} years, {time.monotonic() - started:.0f} s")
        except KeyboardInterrupt:
            # The years at hand are lived to their end, and not counted.
            pool.shutdown(wait=False, cancel_futures=True)
    sys.stderr.write("\n")
    for what, count in sorted(total.items()):
        print(f"{count:10,}  {what}")
    print(f"{done} of {len(asked)} years of {given.days} days in {time.monotonic() - started:.0f} s, all in order")


def begin() -> None:
    """Prepare a process of the pool: leave Ctrl-C to the one that started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.freeze()


if __name__ == "__main__":
    use_mimalloc()
    main()
