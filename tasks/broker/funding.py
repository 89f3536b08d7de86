"""Funding at a margin venue: paid on the hour, and told seconds before or after it has moved the balance."""

from exchange.ports import Broker
from tasks.run.job import FUTURES

#: Funding may be told and booked so many seconds after the hour.
FUNDING_S = 60
#: The waits after each look at the books where they differ.
FUNDING_LOOKS_S = (2.0, 8.0, 30.0, 0.0)


def past_funding(broker: Broker) -> None:
    """Wait until what is paid on the hour is in the balances and is told, where a venue pays funding.

    An adoption in that minute could count it twice, or not at all.
    """
    if broker.name != FUTURES:
        return
    now = broker.now()
    since_s = 60 * now.minute + now.second
    if since_s < FUNDING_S:
        broker.wait(float(FUNDING_S - since_s))
