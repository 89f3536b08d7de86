"""Bars that the data gate holds back, in words."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flows.cli.console import listed, sections

Json = Mapping[str, Any]

#: Most findings of one kind that are listed; `--json` has all.
MOST_LISTED = 10


def shown_held_back(findings: Sequence[Json], whose: Callable[[Json], str]) -> str:
    """Return the bars held back: each reason once, and below it the dates with value and limit."""
    kinds: dict[str, list[Json]] = {}
    for finding in findings:
        kinds.setdefault(f"{whose(finding)}: {finding['reason']}", []).append(finding)
    return sections("Held back" if kinds else "", *(_kind(reason, found) for reason, found in kinds.items()))


def _kind(reason: str, findings: Sequence[Json]) -> str:
    more = len(findings) - MOST_LISTED
    return listed(reason, findings[:MOST_LISTED], ("date", "value", "limit")) + (f"\n{more:,} more" if more > 0 else "")
