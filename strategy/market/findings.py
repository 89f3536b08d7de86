"""What the gate found wrong with a symbol's bars."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One broken expectation: when (None: the whole window), the value seen, the limit, and a sentence."""

    symbol: str
    open_time: date | None
    expectation: str
    value: str
    limit: str
    reason: str
