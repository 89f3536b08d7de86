"""The cost of a scheduled repeat of a done day, beside a flow that does nothing, in pairs with another checkout.

    .venv/bin/python -W ignore benchmarks/days/repeated_run.py [--other PATH/TO/CHECKOUT] [--rounds 10]

A worker of Prefect runs each in turn, in processes of their own, as under `turbodmt up`: the deployment of the daily
flow for the sample's last day, which is done, and one of a bare flow. What is measured is the processor time of the
worker's processes; the bare flow is Prefect's own floor.
"""

import argparse
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from testing.servers.prefect_server import ENDED, ROOT, PrefectServer, prefect_server, until

BARE = "from prefect import flow\n\n\n@flow\ndef bare() -> str:\n    return 'done'\n"
DAY = {"as_of": "2018-12-31", "strategy": "rules", "source": "sample", "account": "repeated"}
RUN_S = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Hand:
    """A worker of a checkout on a pool of its own, and its deployments by name."""

    server: PrefectServer
    process: psutil.Process
    deployments: dict[str, str]

    def cost(self, name: str, parameters: dict[str, str]) -> float:
        """Processor seconds of the processes of one run, which must complete."""
        before = self._spent()
        run = self.server.ask(f"/deployments/{self.deployments[name]}/create_flow_run", {"parameters": parameters})

        def ended() -> Any:
            found = self.server.ask(f"/flow_runs/{run['id']}")
            return found if found["state_type"] in ENDED else None

        state = until(ended, f"the end of {name}", RUN_S)["state"]
        assert state["type"] == "COMPLETED", state["message"]
        # A process counts once the worker has taken note of its end.
        until(lambda: not self.process.children() or None, "the end of its processes", RUN_S)
        return self._spent() - before

    def _spent(self) -> float:
        times = self.process.cpu_times()
        return float(times.children_user + times.children_system)


@contextmanager
def hand(server: PrefectServer, name: str, checkout: Path, folder: Path) -> Iterator[Hand]:
    """A worker of the checkout, with the daily flow of it and a bare one deployed."""
    (folder / "bare.py").write_text(BARE)
    server.command("work-pool", "create", name, "--type", "process")
    deployments = {
        "bare": _deploy(server, name, folder, "bare.py:bare"),
        "daily": _deploy(server, name, checkout, "flows/daily.py:daily"),
    }
    environment = {
        **server.environment,
        "TURBODMT_HOME": str(folder / name),
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PYTHONSAFEPATH": "1",
    }
    python = checkout / ".venv" / "bin" / "python"
    arguments = ("-P", "-m", "prefect", "--no-prompt", "worker", "start", "--pool", name, "--type", "process")
    with (
        (folder / f"{name}.log").open("wb") as log,
        subprocess.Popen([str(python), *arguments], cwd=folder, env=environment, stdout=log, stderr=log) as process,
    ):
        try:
            yield Hand(server=server, process=psutil.Process(process.pid), deployments=deployments)
        finally:
            # A worker that is asked to stop waits for its runs; there are none, and nothing of it is kept.
            process.kill()


def _deploy(server: PrefectServer, pool: str, folder: Path, entrypoint: str) -> str:
    """The id of a new deployment of the flow."""
    flow = server.ask("/flows/", {"name": entrypoint.partition(":")[2]})
    given = {"flow_id": flow["id"], "name": f"{pool}-{entrypoint}".replace("/", "-").replace(":", "-")}
    made = server.ask("/deployments/", {**given, "work_pool_name": pool, "path": str(folder), "entrypoint": entrypoint})
    return str(made["id"])


def main() -> None:
    """Prints the medians, and the median of the differences and ratios of the pairs with their quartiles."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--other", type=Path)
    parser.add_argument("--rounds", type=int, default=10)
    given = parser.parse_args()
    checkouts = {"this": ROOT} | ({"other": given.other.resolve()} if given.other else {})
    spent: dict[str, list[float]] = {"bare": [], **{name: [] for name in checkouts}}
    with tempfile.TemporaryDirectory() as place, prefect_server(Path(place)) as server:
        folder = Path(place)
        with ExitStack() as opened:
            hands = {
                name: opened.enter_context(hand(server, name, checkout, folder)) for name, checkout in checkouts.items()
            }
            for number in range(given.rounds + 1):
                rows = {"bare": hands["this"].cost("bare", {})}
                rows |= {name: one.cost("daily", DAY) for name, one in hands.items()}
                # The first round is left out: it does the day, and writes bytecode.
                for name, seconds in rows.items() if number else ():
                    spent[name].append(seconds)
                told = ", ".join(f"{name} {seconds:.2f}" for name, seconds in rows.items())
                print(f"round {number}: {told} s", flush=True)
    for name, costs in spent.items():
        print(f"{name:6} {statistics.median(costs):6.2f} s of the processor a run")
    for name in checkouts:
        over = [whole - floor for whole, floor in zip(spent[name], spent["bare"], strict=True)]
        low, middle, high = statistics.quantiles(over, n=4)
        print(f"{name} over the bare flow: {middle:.2f} s (quartiles {low:.2f} to {high:.2f}), {len(over)} rounds")


if __name__ == "__main__":
    main()
