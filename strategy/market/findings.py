"""Findings of the data gate: what is wrong with a symbol's bars."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A failed expectation: the date (None: the whole window), the observed value, the limit and a sentence."""

    symbol: str
    open_time: date | None
    expectation: str
    value: str
    limit: str
    reason: str
