"""Lives the sample's newest 200 days under `turbodmt up`, a run each: `.venv/bin/python benchmarks/served_soak.py`.

Each is submitted when the one before has ended. Prints, and with `--plot FILE` draws, what the files grow by and the
memory of server and worker; fails unless every run completed and the ledger has every day once. At the end the clock is
moved on by 100 days, past the 90 that Prefect keeps a run for.
"""

import argparse
import signal
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Event

import numpy as np
import psutil

from exchange.bars.sample import SampleBars
from exchange.ports import BarRequest
from flows.server.supervisor import descendants
from storage.database import connect
from tasks.report.plots import Canvas, below_axis, drawing, key, line_mark, value_axis
from testing.servers.prefect_server import until
from testing.servers.shifted_clock import shifted_clock
from testing.servers.up_server import Up, brought_up

DEPLOYMENT, ACCOUNT = "daily-equities", "soak"
MB = 1e6
#: Runs of the watchdog that its share is measured from.
LOOKS = 10
#: Days at the beginning that no line is fitted to: caches fill.
WARM_DAYS = 10
FIGURES = ("turbodmt.duckdb", "of it in use", "prefect.db", "server memory", "worker memory")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A straight line through a figure's days, in MB: what a day adds, and how far the farthest day lies from it."""

    name: str
    last: float
    a_day: float
    residual: float


def soak(up: Up, days: Sequence[date]) -> list[tuple[float, ...]]:
    """FIGURES in MB after each of the days; Ctrl-C ends it with the day at hand."""
    rows, stopped = [], Event()
    signal.signal(signal.SIGINT, lambda *_: stopped.set())
    for number, day in enumerate(days, start=1):
        if stopped.is_set():
            break
        began = time.monotonic()
        parameters = {"source": "sample", "strategy": "rules", "account": ACCOUNT, "as_of": str(day)}
        run = up.await_state(up.start_run(DEPLOYMENT, parameters), "COMPLETED", "FAILED", "CRASHED", "CANCELLED")
        if run["state_type"] != "COMPLETED":
            raise SystemExit(f"{day}: {run['state']['name']}, {run['state']['message']}")
        rows.append(sizes(up))
        if number in (1, 2, 5) or number % 10 == 0:
            cells = "".join(f"{value:8.1f}" for value in rows[-1])
            print(f"{number:4} {day} {time.monotonic() - began:6.1f} s {cells}", flush=True)
    return rows


def sizes(up: Up) -> tuple[float, ...]:
    """FIGURES in MB, now that no run is under way."""
    worker = until(lambda: up.part("worker start"), "the worker", 30)
    until(lambda: not descendants(worker) or None, "the end of the run's process", 60)
    store, records = up.home / "turbodmt.duckdb", up.home / "prefect" / "prefect.db"
    with connect(up.home) as connection:
        _, _, block_bytes, _, used, *_ = connection.execute("PRAGMA database_size").fetchone() or ()
    server = until(lambda: up.part("flows.server.socket_server"), "the server", 30)
    return (
        store.stat().st_size / MB,
        used * block_bytes / MB,
        sum(path.stat().st_size for path in records.parent.glob("prefect.db*")) / MB,
        sum(process.memory_info().rss for process in (psutil.Process(server), *descendants(server))) / MB,
        psutil.Process(worker).memory_info().rss / MB,
    )


def fitted(rows: Sequence[tuple[float, ...]]) -> list[Line]:
    """The line of each figure over the days after the warm ones."""
    lines, days = [], np.arange(len(rows))[min(WARM_DAYS, len(rows) // 2) :]
    for name, values in zip(FIGURES, np.array(rows).T, strict=True):
        slope, start = np.polyfit(days, values[days], 1)
        off = float(np.abs(values[days] - start - slope * days).max())
        lines.append(Line(name=name, last=float(values[-1]), a_day=float(slope), residual=off))
    return lines


def runs_by_state(up: Up) -> dict[str, int]:
    """Return how many runs of the deployment Prefect has in each state."""
    states = ("SCHEDULED", "PENDING", "RUNNING", "COMPLETED", "FAILED", "CRASHED", "CANCELLED", "PAUSED", "CANCELLING")
    counted = {}
    for state in states:
        asked = {"deployments": {"name": {"any_": [DEPLOYMENT]}}, "flow_runs": {"state": {"type": {"any_": [state]}}}}
        counted[state] = up.server.ask("/flow_runs/count", asked)
    return {state: count for state, count in counted.items() if count}


def doubled(home: Path, days: Sequence[date]) -> dict[str, int]:
    """Return the rows of the ledger beyond a settled day and a run for each day, and a decision for each symbol."""
    with connect(home) as store:

        def count(question: str) -> int:
            found = store.execute(question, [ACCOUNT]).fetchone()
            return int(found[0]) if found else 0

        return {
            "days too many or missing": abs(
                len(days) - count("SELECT count(*) FROM account_snapshots WHERE account = ?")
            ),
            "runs too many or missing": abs(len(days) - count("SELECT count(*) FROM runs WHERE account = ?")),
            "runs not done": count("SELECT count(*) FROM runs WHERE account = ? AND status <> 'done'"),
            "decisions too many or missing": abs(
                2 * len(days) - count("SELECT count(*) FROM decisions WHERE account = ?")
            ),
            "orders of a symbol and day beyond one": count(
                "SELECT count(*) - count(DISTINCT (as_of, symbol)) FROM orders WHERE account = ?"
            ),
        }


def looked(up: Up, count: int) -> float:
    """MB that a run of the watchdog adds to Prefect's database, the mean of so many."""
    with records(up) as database:
        before = filled(database)
        for _ in range(count):
            up.await_state(up.start_run("watchdog", {}, "watchdog"), "COMPLETED")
        return (filled(database) - before) / count


@contextmanager
def records(up: Up) -> Iterator[sqlite3.Connection]:
    """Prefect's database, to read."""
    with closing(sqlite3.connect(f"file:{up.home / 'prefect' / 'prefect.db'}?mode=ro", uri=True, timeout=30)) as one:
        yield one


def pages(database: sqlite3.Connection, name: str) -> int:
    """Return what SQLite says of the database's pages."""
    return int(database.execute(f"PRAGMA {name}").fetchone()[0])


def filled(database: sqlite3.Connection) -> float:
    """MB of the database that hold something."""
    used = pages(database, "page_count") - pages(database, "freelist_count")
    return used * pages(database, "page_size") / MB


def forgotten(up: Up, move: Callable[[datetime], None]) -> tuple[float, float]:
    """MB of Prefect's file, and how much of that is free, once all its runs are older than it keeps them."""
    move(datetime.now(tz=UTC) + timedelta(days=100))
    until(lambda: not runs_by_state(up) or None, "Prefect to forget its runs", 900)
    with records(up) as database:

        def settled() -> float | None:
            before = filled(database)
            time.sleep(5)
            return before if filled(database) == before else None

        held = until(settled, "the end of the deletions", 300)
        size = pages(database, "page_count") * pages(database, "page_size") / MB
        return size, size - held


def plot(rows: Sequence[tuple[float, ...]], lines: Sequence[Line]) -> str:
    """MB over days of each figure. An SVG text."""
    canvas = Canvas(width_px=760, height_px=420)
    captions = [
        (line_mark(index), f"{line.name} ({line.a_day * 1e3:+.0f} kB a day)") for index, line in enumerate(lines)
    ]
    head, top_px = key("Files and memory over the days of the soak, MB", captions, canvas)
    top_px, floor_px = top_px + 8.0, float(canvas.height_px - 34)
    highest = 50 * np.ceil(np.array(rows).max() / 50)

    def x_px(number: float) -> float:
        return float(canvas.left_px + (canvas.plot_right_px - canvas.left_px) * number / len(rows))

    def y_px(value: float) -> float:
        return float(floor_px - (floor_px - top_px) * value / highest)

    marks = [(x_px(number), str(number)) for number in range(0, len(rows) + 1, max(1, len(rows) // 8))]
    levels = [(y_px(value), f"{value:.0f}") for value in np.linspace(0, highest, 6)]
    parts = [head, below_axis(marks, (top_px, floor_px), canvas), value_axis(levels, canvas)]
    for index, values in enumerate(np.array(rows).T):
        points = "L".join(f"{x_px(number):.1f} {y_px(value):.1f}" for number, value in enumerate(values, start=1))
        parts.append(f'<path class="td-line td-{index}" d="M{points}"/>')
    return drawing("Files and memory over the days of the soak", canvas, parts)


def newest_days(count: int) -> list[date]:
    """So many of the sample's newest sessions."""
    asked = BarRequest(since=dict.fromkeys(("^GSPC",)), until=date(2018, 12, 31), now=datetime.now(tz=UTC))
    return [stamp.date() for stamp in SampleBars().fetch(asked)["open_time"]][-count:]


def main() -> None:
    """Prints the days, the lines, the counts, and what is left in Prefect's file once it has forgotten the runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=200)
    parser.add_argument("--plot", type=Path, help="where to draw the figures, as SVG")
    given = parser.parse_args()
    days = newest_days(given.days)
    with tempfile.TemporaryDirectory() as name:
        clock = shifted_clock(Path(name))
        with brought_up(Path(name), clock.environment) as up:
            up.await_text("Ctrl-C stops it.")
            # No schedule starts a run beside those of the soak.
            up.pause("daily-crypto")
            up.pause("watchdog", "watchdog")
            print(" day                    ", *(f"{figure}," for figure in FIGURES), "MB")
            rows = soak(up, days)
            days = days[: len(rows)]
            lines, states, surplus = fitted(rows), runs_by_state(up), doubled(up.home, days)
            for line in lines:
                print(
                    f"{line.name:16} {line.last:7.1f} MB at the end, {line.a_day * 1e3:+7.1f} kB a day, "
                    f"never more than {line.residual:.2f} MB off that line"
                )
            print(f"runs by state: {states}; {', '.join(f'{count} {what}' for what, count in surplus.items())}")
            if given.plot is not None:
                given.plot.write_text(plot(rows, lines), encoding="utf-8")
            print(f"a look of the watchdog adds {looked(up, LOOKS) * 1e3:.0f} kB to prefect.db")
            size, free = forgotten(up, clock.set)
            print(f"100 days later Prefect has forgotten the runs: {free:.1f} of {size:.1f} MB are free for new ones")
    if states != {"COMPLETED": len(days)} or any(surplus.values()):
        raise SystemExit("not every day was done once")


if __name__ == "__main__":
    main()
