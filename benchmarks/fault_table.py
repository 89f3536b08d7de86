"""The outcome of one order under each fault of a broker: `.venv/bin/python benchmarks/fault_table.py`.

For every fault the account's first order that buys meets it on its way to a fake exchange; the same day is run until it
ends in order, and a second run must change nothing. Prints a table in Markdown.
"""

import argparse
import logging
import tempfile
from datetime import date, timedelta
from pathlib import Path

from exchange.ports import BrokerRefused, BrokerUnavailable
from tasks.daily.order import OrdersBlocked
from testing.exchange.faults import Fault, Kind
from testing.simulation.undisturbed_years import CalmYear
from testing.simulation.year import FIRST

#: How often the day is run at most, half an hour apart.
RUNS = 6
SEED = 3


class Calm(CalmYear):
    """A year in which nothing goes wrong but the one fault."""

    def meet(self, kind: Kind) -> tuple[str, ...]:
        """Return how the day of the fault ended: its runs, what the first one said, the order's ids and acceptances."""
        fault = Fault(kind=kind, method="POST", path="order")
        self.testnet.exchange.faults.add(fault)
        for number in range(30):
            day = FIRST + timedelta(days=number)
            self.testnet.move_to(self._instant(day))
            self._quote(day)
            said = self._until_it_ends(day)
            self.checks.after(day, self._job(day))
            if self.testnet.exchange.faults.injected:
                before = self.checks.contents()
                self._told(day)
                assert self.checks.contents() == before, "a second run changed something"
                return (str(len(said)), said[0], self._way(day))
        raise AssertionError("no order was sent within 30 days; take another seed")

    def _until_it_ends(self, day: date) -> list[str]:
        said: list[str] = []
        while len(said) < RUNS:
            said.append(self._told(day))
            if said[-1] == "ends well":
                return said
            self.testnet.sleep(1_800)
        raise AssertionError(f"{day} did not end: {said}")

    def _told(self, day: date) -> str:
        try:
            self._run(day)
        except (BrokerUnavailable, BrokerRefused, OrdersBlocked) as error:
            return str(error).partition(";")[0]
        return "ends well"

    def _way(self, day: date) -> str:
        """Under how many ids the day's first order left, and how often the exchange accepted it."""
        ids = self.checks.rows(
            "SELECT order_id FROM orders WHERE as_of = ? AND symbol = (SELECT min(symbol) FROM orders WHERE as_of = ?)",
            day,
            day,
        )
        accepted = sum(len(self.testnet.exchange.accepted(order_id)) for (order_id,) in ids)
        return f"{len(ids)} | {accepted}"


def main() -> None:
    """Prints the table of both testnets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=SEED)
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    print("| broker | fault | runs | the first run | ids of the order | accepted |")
    print("|---|---|---|---|---|---|")
    for venue in ("testnet-spot", "testnet-futures"):
        for kind in Kind:
            with tempfile.TemporaryDirectory() as folder, Calm(given.seed, Path(folder) / "home", venue).open() as year:
                print(f"| {venue} | {kind} | {' | '.join(year.meet(kind))} |")


if __name__ == "__main__":
    main()
