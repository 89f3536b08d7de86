"""The warning that a file of funding rates is given, and nothing pays any."""

from collections.abc import Mapping

from strategy.market.instrument_terms import INSTRUMENT_FILE
from strategy.market.instruments import Instrument
from tasks.run.job import Job


def unused_funding(job: Job, instruments: Mapping[str, Instrument]) -> tuple[str, ...]:
    """Return a warning if the job names a file of funding rates and none of its symbols is a perpetual future."""
    table = job.policy.costs.instruments
    if not job.funding or any(table.applied(each).perpetual for each in instruments.values()):
        return ()
    return (
        f"funding is {job.funding}, and no symbol of the run is a perpetual future, so that nothing pays it; state "
        f"perpetual = true of those that are in {INSTRUMENT_FILE}, or leave funding out",
    )
