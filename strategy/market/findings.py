"""Findings of the data gate: what is wrong with a symbol's bars."""

from dataclasses import dataclass
from datetime import date

#: The expectation broken by a newest bar that is older than the session that should be there.
FRESH = "fresh"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A failed expectation: the date (None: the whole window), the observed value, the limit and a sentence."""

    symbol: str
    open_time: date | None
    expectation: str
    value: str
    limit: str
    reason: str
