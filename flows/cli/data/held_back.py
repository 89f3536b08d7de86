"""Bars that the data gate holds back, in words."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from flows.cli.console import listed, sections

if TYPE_CHECKING:
    from tasks.data.stored_bars import FindingAnswer, HeldBarAnswer

#: Most findings of one kind that are listed; `--json` has all.
MOST_LISTED = 10


def shown_held_back(findings: "Sequence[tuple[str, FindingAnswer | HeldBarAnswer]]") -> str:
    """Return the bars held back: each symbol's name and reason once, and below it the dates with value and limit."""
    kinds: dict[str, list[FindingAnswer | HeldBarAnswer]] = {}
    for name, finding in findings:
        kinds.setdefault(f"{name}: {finding.reason}", []).append(finding)
    return sections("Held back" if kinds else "", *(_kind(reason, found) for reason, found in kinds.items()))


def _kind(reason: str, findings: "Sequence[FindingAnswer | HeldBarAnswer]") -> str:
    more = len(findings) - MOST_LISTED
    rows = [
        {"date": finding.open_time, "value": finding.value, "limit": finding.limit}
        for finding in findings[:MOST_LISTED]
    ]
    return listed(reason, rows, ("date", "value", "limit")) + (f"\n{more:,} more" if more > 0 else "")
