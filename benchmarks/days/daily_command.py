"""The whole command `turbodmt daily` on the sample, and its second run of a day, in pairs with another checkout's.

    .venv/bin/python benchmarks/days/daily_command.py [--other PATH/TO/turbodmt] [--days 5]

Each round runs the next day of `rules` in a home of its own with this checkout's command and with the other's, then
the same day again with each. No Prefect server stands. Limits on idle cores: 3.5 s for a day with new bars, most of
it the import of Great Expectations, and 1 s for a day that is done. Processor time counts all processes of the
command, a server of its own too; on a busy machine only it, and the ratio of the pairs, mean anything.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

LAST = date(2018, 12, 28)
#: Most seconds on idle cores of a day with new bars, and of one that is done.
LIMITS_S = {"new day": 3.5, "day done": 1.0}


class Cost(NamedTuple):
    """Seconds by the clock, and of the processor."""

    wall_s: float
    processor_s: float


def cost(command: Path, home: Path, day: date) -> Cost:
    """Return what the command costs for the day."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "TURBODMT_"))}
    asked = [str(command), "daily", "--strategy", "rules", "--as-of", str(day), "--home", str(home), "--json"]
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(asked, env=kept, cwd=home.parent, check=True, capture_output=True)
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def sessions(count: int) -> list[date]:
    """Return the last weekdays up to LAST that were sessions, oldest first."""
    days = [LAST - timedelta(days=back) for back in range(2 * count + 10)]
    return [day for day in days if day.weekday() < 5 and day != date(2018, 12, 25)][:count][::-1]


def main() -> None:
    """Prints the medians, and the median ratio of the pairs with its extremes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--other", type=Path)
    parser.add_argument("--days", type=int, default=5)
    given = parser.parse_args()
    commands = {"this": Path(sys.executable).parent / "turbodmt"} | ({"other": given.other} if given.other else {})
    costs: dict[tuple[str, str], list[Cost]] = {(name, what): [] for name in commands for what in LIMITS_S}
    with tempfile.TemporaryDirectory() as folder:
        # The first day is left out: it fetches the whole history.
        for number, day in enumerate(sessions(given.days + 1)):
            for what in LIMITS_S:
                for name, command in commands.items():
                    this_time = cost(command, Path(folder) / name, day)
                    if number:
                        costs[name, what].append(this_time)
    print("                    wall     processor   limit on idle cores")
    for (name, what), spent in costs.items():
        wall = statistics.median(each.wall_s for each in spent)
        processor = statistics.median(each.processor_s for each in spent)
        print(f"{name:6} {what:9}  {wall:5.2f} s  {processor:9.2f} s   {LIMITS_S[what]:.1f} s")
    for what in LIMITS_S if given.other else ():
        pairs = zip(costs["this", what], costs["other", what], strict=True)
        ratios = sorted(this.processor_s / other.processor_s for this, other in pairs)
        print(
            f"{what}: {statistics.median(ratios):.2f} of the other's processor time "
            f"({ratios[0]:.2f} to {ratios[-1]:.2f})"
        )


if __name__ == "__main__":
    main()
