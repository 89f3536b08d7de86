"""Years in which nothing goes wrong but what a test does: beside the test, or in a process of their own."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Self

from exchange.ports import Broker
from testing.exchange.faults import Faults
from testing.exchange.testnets import Testnet, stamped_by
from testing.simulation.checks import Checks
from testing.simulation.store import stored_in_memory
from testing.simulation.year import SimulatedYear

#: Of the year that is lived in a process of its own: both sides of the socket know it.
REMOTE_SEED = 3


class CalmYear(SimulatedYear):
    """A year in which nothing goes wrong but what its user does."""

    @contextmanager
    def open(self) -> Iterator[Self]:
        """The year, with a store of its own."""
        self.dice.calm, self.testnet.exchange.faults = True, Faults()
        self.testnet.exchange.delays.rate = 0.0
        with stored_in_memory(self.home, self.dice) as store, stamped_by(self.clock):
            self.checks = Checks(store=store, exchange=self.testnet.exchange, venue=self.venue)
            yield self


class RemoteYear(SimulatedYear):
    """A year whose store lies on the disk and whose exchange is another process's, at the address."""

    def __init__(self, home: Path, venue: str, url: str) -> None:
        super().__init__(REMOTE_SEED, home, venue)
        self.url, self.dice.calm = url, True
        # The exchange's process goes by the machine's clock.
        self.testnet = Testnet(start=self.clock.now)

    def run(self, day: date) -> None:
        """Run the day once, five minutes after its close."""
        self.testnet.move_to(self._instant(day))
        self._run(day)

    def _broker(self, now: datetime) -> Broker:
        return self.testnet.broker(self.venue, url=self.url)
