"""Bars in words: those in the store, and those held back with the reasons."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flows.cli.console import listed, sections, table, warned

Json = Mapping[str, Any]

#: Most findings of one kind that are listed; `--json` has all.
MOST_LISTED = 10


def shown_import(answer: Json) -> str:
    """Return an import in words: the bars published and those held back."""
    published = [{"symbol": symbol, "rows": rows} for symbol, rows in answer["published"].items() if rows]
    idle = [symbol for symbol, rows in answer["published"].items() if not rows]
    return sections(
        listed("Published", published, ("symbol", "rows")),
        f"Nothing new of {', '.join(idle)}; published before." if idle else "",
        _held(answer["quarantined"], lambda one: str(one["symbol"])),
        warned(answer),
    )


def shown_universe(answer: Json) -> str:
    """Return in words which symbols might be held, and when."""
    if answer["universe"] is None:
        return f"Nobody keeps a universe of {answer['source']}: every symbol may be held at any time."
    rows = [{**one, "to": one["to"] or "today"} for one in answer["universe"]]
    return f"The universe of {answer['source']}\n{table(rows, ('symbol', 'from', 'to'))}"


def shown_bars(answer: Json) -> str:
    """Return in words the bars in the store, and those held back."""
    columns = ("source", "symbol", "rows", "first", "last", "revisions")
    empty = "No bars yet; `turbodmt import FILE` or `turbodmt daily` brings some."
    return sections(
        table(answer["published"], columns) if answer["published"] else empty,
        _held(answer["quarantined"], lambda one: f"{one['symbol']} of {one['source']}"),
    )


def _held(findings: Sequence[Json], whose: Callable[[Json], str]) -> str:
    """Return the bars held back: each reason once, and below it the dates with value and limit."""
    kinds: dict[str, list[Json]] = {}
    for one in findings:
        kinds.setdefault(f"{whose(one)}: {one['reason']}", []).append(one)
    return sections("Held back" if kinds else "", *(_kind(reason, found) for reason, found in kinds.items()))


def _kind(reason: str, findings: Sequence[Json]) -> str:
    more = len(findings) - MOST_LISTED
    return listed(reason, findings[:MOST_LISTED], ("date", "value", "limit")) + (f"\n{more:,} more" if more > 0 else "")
