"""The warning that prices of unknown currency are added to prices whose currency is known."""

from collections.abc import Mapping

from strategy.market.instrument_terms import INSTRUMENT_FILE
from strategy.market.instruments import Instrument
from tasks.run.job import Job


def unknown_currencies(job: Job, instruments: Mapping[str, Instrument]) -> tuple[str, ...]:
    """Return a warning of symbols that count as in the currency of others; none if the account's currency is named."""
    known = sorted({each.money for each in instruments.values() if each.money})
    unknown = sorted(symbol for symbol, each in instruments.items() if not each.money)
    if job.policy.costs.currencies.base or not known or not unknown:
        return ()
    theirs = "its" if len(unknown) == 1 else "their"
    return (
        f"the currency of {', '.join(unknown)} is not known, and {theirs} prices count as {known[0]} like the others'; "
        f"state it in {INSTRUMENT_FILE}, or name the account's own with --set base_currency=USD to have the rest "
        "converted",
    )
