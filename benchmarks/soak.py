"""Simulated years of faults, until one ends in disorder: `.venv/bin/python benchmarks/soak.py --seeds N`.

A failing seed prints the one command that lives it again. Where the system has mimalloc (Debian's libmimalloc2.0) it is
used: DuckDB plans so many small statements that malloc alone takes a quarter of the time.
"""

import argparse
import gc
import logging
import os
import sys
import tempfile
import time
import traceback
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from ctypes.util import find_library
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.fakes.simulated_year import VENUES, SimulatedYear


def lived(seed: int, venue: str, days: int) -> tuple[Counter[str], str]:
    """What went wrong in the year, by kind, and how it ended: empty if in order."""
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        year = SimulatedYear(seed, Path(folder) / "home", venue, days)
        try:
            return year.live(), ""
        except Exception:  # noqa: BLE001 - told whole, with the command that lives it again
            return Counter(), traceback.format_exc()


def use_mimalloc() -> None:
    """None; begins anew with it, if the system has it and nothing else was asked for."""
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
    started, total = time.monotonic(), Counter[str]()
    # What was imported stays: looking for garbage among it would take a twentieth of the time.
    with ProcessPoolExecutor(given.processes, initializer=gc.freeze) as pool:
        runs = {pool.submit(lived, *one, given.days): one for one in asked}
        for done, run in enumerate(as_completed(runs), 1):
            faults, disorder = run.result()
            if disorder:
                pool.shutdown(cancel_futures=True)
                seed, venue = runs[run]
                again = f".venv/bin/python benchmarks/soak.py --seed {seed} --venue {venue} --days {given.days}"
                sys.exit(f"{disorder}\nseed {seed} at {venue} ended in disorder; live it again: {again}")
            total += faults
            sys.stderr.write(f"\r{done} of {len(asked)} years, {time.monotonic() - started:.0f} s")
    sys.stderr.write("\n")
    for what, count in sorted(total.items()):
        print(f"{count:10,}  {what}")
    print(f"{len(asked)} years of {given.days} days in {time.monotonic() - started:.0f} s, all in order")


if __name__ == "__main__":
    use_mimalloc()
    main()
