"""An expectation of the data gate, and the finding for a row that breaks it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

import pandas as pd

from strategy.market.findings import Finding


class Rule(StrEnum):
    """The kind of an expectation on a column."""

    KNOWN = "not null"
    UNIQUE = "unique per symbol"
    BETWEEN = "between"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """An expectation: its column, its bounds, and texts for a finding, filled from the row that broke it.

    `dated` names the column that holds the finding's date. A check with `blocks` False only warns; one with `waivable`
    False holds back even bars that a person accepted, since no store or account could work with such a bar.
    """

    name: str
    column: str
    reason: str
    value: str
    limit: str
    rule: Rule = Rule.BETWEEN
    least: float | None = None
    most: float | None = None
    dated: str = "open_time"
    blocks: bool = True
    waivable: bool = True

    def finding(self, symbol: str, row: Mapping[str, Any]) -> Finding:
        """Return the finding for a row that broke the expectation."""
        return Finding(
            symbol=symbol,
            open_time=_day(row[self.dated]),
            expectation=self.name,
            value=self.value.format_map(row),
            limit=self.limit.format_map(row),
            reason=self.reason.format_map(row),
        )


def _day(stamp: Any) -> date | None:
    return None if pd.isna(stamp) else pd.Timestamp(stamp).date()
