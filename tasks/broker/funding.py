"""Funding at a margin venue: paid on the hour, and reported seconds before or after it changes the balance."""

from exchange.ports import Broker
from tasks.run.job import FUTURES

#: Funding may be reported and booked up to this many seconds after the hour.
FUNDING_S = 60
#: Waits after each comparison of the books that finds a mismatch.
FUNDING_LOOKS_S = (2.0, 8.0, 30.0, 0.0)


def past_funding(broker: Broker) -> None:
    """Wait until funding paid on the hour is both reported and in the balances, at a venue that pays funding.

    A baseline recorded in that minute could count it twice, or not at all.
    """
    if broker.name != FUTURES:
        return
    now = broker.now()
    since_s = 60 * now.minute + now.second
    if since_s < FUNDING_S:
        broker.wait(float(FUNDING_S - since_s))
