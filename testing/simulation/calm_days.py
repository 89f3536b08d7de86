"""Days at a broker on which nothing goes wrong but what the test does, one at a time."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import requests

from exchange.ports import Broker
from storage.database import connect
from storage.ledger import broker_events
from testing.exchange.core import FakeExchange
from testing.exchange.transport import ExchangeTransport
from testing.simulation.undisturbed_years import CalmYear
from testing.simulation.year import FIRST, SYMBOLS

BTC, ETH = SYMBOLS
DAYS = [FIRST + timedelta(days=number) for number in range(12)]


class Calm(CalmYear):
    """A year in which nothing goes wrong but what the test does; the next brokers take the `ways` to the exchange."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.ways: list[ExchangeTransport] = []

    def _broker(self, now: datetime) -> Broker:
        return self.testnet.broker(self.venue, self.ways.pop()) if self.ways else super()._broker(now)

    def on(self, number: int) -> None:
        """Run the day of that number once."""
        self.lived_on(DAYS[number])

    def lived_on(self, day: date) -> None:
        """Run the day once."""
        self.testnet.move_to(self._instant(day))
        self._quote(day)
        self._run(day)

    def until_it_holds(self, symbol: str = BTC) -> int:
        """The number of the day after which the account holds something of the symbol."""
        for number in range(len(DAYS)):
            self.on(number)
            with connect(self.home) as store:
                if any(execution.symbol == symbol for execution in broker_events.executions(store, "daily", 1)):
                    return number
        raise AssertionError(f"nothing of {symbol} was bought within {len(DAYS)} days; take another seed")


class Interrupted(ExchangeTransport):
    """A way to the exchange on which another run of the day goes all its way before the request of that number."""

    def __init__(self, exchange: FakeExchange, number: int, other: Callable[[], None]) -> None:
        super().__init__(exchange)
        self._number, self._other, self.sent = number, other, 0

    def send(self, request: requests.PreparedRequest, *given: Any, **options: Any) -> requests.Response:
        self.sent += 1
        if self.sent == self._number:
            self._other()
        return super().send(request, *given, **options)
