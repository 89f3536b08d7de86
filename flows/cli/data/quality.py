"""`turbodmt quality`: the history of the data gate."""

from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.console import listed, run_command, sections, warned
from flows.cli.data.held_back import shown_held_back
from flows.cli.options import AsJson, Home, Source, Symbols
from flows.cli.text_table import table

if TYPE_CHECKING:
    from tasks.data.quality import QualityAnswer

#: Days of checks that are listed unless another number is asked for, and at most.
LISTED, MOST_LISTED = 30, 10_000


def quality(
    source: Source = None,
    symbols: Symbols = None,
    last: Annotated[int, typer.Option(metavar="N", help="How many days of checks, the newest first.")] = LISTED,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Show the history of the data gate: what was checked, what failed, what is held back, what was accepted."""
    run_command(lambda: run_quality(home, source, symbols, last), shown_quality, as_json)


def run_quality(home: str | None, source: str | None, symbols: str | None, last: int) -> "QualityAnswer":
    """Return the answer of `turbodmt quality`. Raises RequestRefused."""
    from flows.config.settings import load
    from flows.planning.adapters import open_source
    from flows.planning.plan import RequestRefused
    from tasks.data.quality import quality as checked

    if not 1 <= last <= MOST_LISTED:
        raise RequestRefused(f"--last is {last}; it must lie between 1 and {MOST_LISTED:,}")
    settings = load({"home": home, "source": source, "symbols": symbols})
    named = open_source(settings).name if source is not None else None
    return checked(settings.home, named, settings.symbols if symbols is not None else None, last)


def shown_quality(answer: "QualityAnswer") -> str:
    """Return the history in words: a line per day and source, then what failed, is held back and was accepted."""
    if not answer.days:
        return sections(
            "Nothing was checked yet of what was asked for; `turbodmt daily` or `turbodmt import FILE` does.",
            warned(answer),
        )
    days = [
        {
            "day": each.day,
            "source": each.source,
            "symbols": each.symbols,
            "checks": each.checks,
            "failed": len(each.failed),
        }
        for each in answer.days
    ]
    failed = [
        {"day": each.day, "symbol": one.symbol, "expectation": one.expectation, "findings": one.findings}
        for each in answer.days
        for one in each.failed
    ]
    accepted = [
        {"date": one.day, "symbol": one.symbol, "accepted": one.accepted_at[:10], "reason": one.reason}
        for one in answer.accepted
    ]
    return sections(
        table(days, ("day", "source", "symbols", "checks", "failed")),
        listed("Failed", failed, ("day", "symbol", "expectation", "findings")),
        shown_held_back([(f"{bar.symbol} of {bar.source}", bar) for bar in answer.held_back]),
        listed("Accepted by hand", accepted, ("date", "symbol", "accepted", "reason")),
        warned(answer),
    )
