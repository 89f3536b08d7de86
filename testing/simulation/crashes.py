"""A process that has imported everything and forks runs of a day, each of which may be killed at one line of our code.

`python -m testing.simulation.crashes` reads one JSON order per line, and answers each with how its run ended.
"""

import json
import os
import resource
import signal
import subprocess
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import date
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

from strategy.builtin.registry import TURBO
from strategy.exit_codes import Exit, exit_code
from strategy.training.loop import TrainingSet, train
from strategy.training.settings import TrainingSettings
from strategy.training.training_panel import training_panel
from tasks.validation.suite import _gate
from testing.markets.bars import DEEP, Fault, record
from testing.markets.panels import mandate, market, walk
from testing.runs.compiled_passes import keep_compiled
from testing.runs.jobs import RECIPE, a_job, policy, run_day
from testing.runs.networks import TINY
from testing.simulation.undisturbed_years import RemoteYear

ROOT = Path(__file__).parents[2]
#: Where a run is killed: what lies on the disk changes here, and training takes the longest.
WATCHED = ("storage/", "tasks/", "exchange/", "strategy/training/loop.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A run of the day in the home; killed before its n-th watched line, or in the n-th call of a function (0: never).

    The source lacks the day's bar of the `late` symbol. With `tally` the number of watched lines is written to that
    file; with `file_bytes` no file may grow beyond that. With a `venue` it is a day of the simulated year at that
    broker, whose fake exchange is at the `url`.
    """

    home: str
    as_of: str
    function: str = ""
    n: int = 0
    tally: str = ""
    file_bytes: int = 0
    late: str = ""
    venue: str = ""
    url: str = ""


class Crashes:
    """The forking process, seen from the test."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def run(self, order: Order) -> int:
        """The exit code of the run, or minus the signal that ended it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asdict(order)) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@contextmanager
def crashes() -> Iterator[Crashes]:
    """The forking process, ended with the block."""
    command = [sys.executable, "-W", "ignore", "-m", "testing.simulation.crashes"]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Crashes(process)
    finally:
        process.kill()
        process.communicate()


def serve() -> None:
    """Fork a run for every line of stdin, until there is none left."""
    _import_everything()
    for line in sys.stdin:
        order = Order(**json.loads(line))
        child = os.fork()
        if child == 0:
            _obey(order)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _import_everything() -> None:
    """Import everything and leave no thread behind: it would be missing in the forked runs."""
    # The first demand for deterministic kernels imports the compiler.
    for name in ("torch._inductor", "strategy.training.fit"):
        import_module(name)
    # Compiling the account and the attention under a trace would take each run most of a minute.
    keep_compiled()
    bars = market(walk("A", 1))
    settings = TrainingSettings(members=1, steps=1, twins=0, threads=1, validation_share=0.4)
    train(replace(TINY, dropout=0.0), TrainingSet(market=training_panel(bars, mandate(bars))), settings)
    _gate()
    for listing in DEEP.listings:
        record(listing)


def _obey(order: Order) -> None:
    """Does not return: runs the day and leaves with its exit code."""
    code = int(Exit.BUG)
    try:
        run = _at_a_broker(order) if order.venue else _on_paper(order)
        if order.file_bytes:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (order.file_bytes, order.file_bytes))
        counts: Counter[str] = Counter()
        if order.n or order.tally:
            sys.settrace(_killer(order, counts))
        run()
        sys.settrace(None)
        if order.tally:
            Path(order.tally).write_text(json.dumps(counts))
        code = int(Exit.DONE)
    except Exception as error:  # noqa: BLE001 - the process ends here whatever it was
        code = int(exit_code(error))
        if code == Exit.BUG:
            traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _on_paper(order: Order) -> Callable[[], object]:
    job = a_job(Path(order.home), DEEP.symbols(), date.fromisoformat(order.as_of))
    job = replace(job, policy=policy(TURBO, replace(RECIPE, retrain_every_bars=1)))
    source = DEEP.faulty(Fault(symbol=order.late, day=job.as_of)) if order.late else DEEP
    return lambda: run_day(job, lambda: source)


def _at_a_broker(order: Order) -> Callable[[], object]:
    year = RemoteYear(Path(order.home), order.venue, order.url)
    return lambda: year.run(date.fromisoformat(order.as_of))


def _killer(order: Order, counts: "Counter[str]") -> Callable[[FrameType, str, Any], Any]:
    def on_line(frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            counts["lines"] += 1
            if not order.function and counts["lines"] == order.n:
                os.kill(os.getpid(), signal.SIGKILL)
        return on_line

    def on_call(frame: FrameType, event: str, argument: Any) -> Any:
        path = frame.f_code.co_filename.removeprefix(f"{ROOT}/")
        if not path.startswith(WATCHED):
            return None
        name = f"{path.removesuffix('.py').replace('/', '.')}.{frame.f_code.co_name}"
        counts[name] += 1
        if order.function == name and counts[name] == order.n:
            os.kill(os.getpid(), signal.SIGKILL)
        return on_line

    return on_call


if __name__ == "__main__":
    serve()
