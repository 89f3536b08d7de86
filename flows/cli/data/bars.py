"""`turbodmt bars`: list the bars in the store, and forget those of a source after confirmation."""

from typing import Annotated, Any

import typer

from flows.cli.console import run_command, sections, table
from flows.cli.data.held_back import shown_held_back
from flows.cli.forgetting import Doing, NotConfirmed, Yes, demand_yes
from flows.cli.options import AsJson, Home

Json = dict[str, Any]


def bars(
    deed: Doing = None,
    source: Annotated[str | None, typer.Argument(metavar="SOURCE", help="The source whose bars to forget.")] = None,
    yes: Yes = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """List the published bars and what the gate holds back, or forget the bars of a source that no account needs."""
    if deed is None:
        run_command(lambda: run_bars(home), shown_bars, as_json)
    else:
        run_command(lambda: run_forget_bars(home, source, yes), shown_forgotten_bars, as_json)


def run_bars(home: str | None) -> Json:
    """Return the bars in the store, and those that the data gate holds back."""
    from dataclasses import asdict

    from flows.config.settings import load
    from storage.bars import published as bar_store
    from storage.bars import quarantine
    from storage.database import connect

    with connect(load({"home": home}).home) as store:
        published, held = bar_store.published_counts(store), quarantine.quarantined(store)
    return {
        "published": [{**asdict(one), "first": str(one.first), "last": str(one.last)} for one in published],
        "quarantined": [
            {
                "source": one.source,
                "symbol": one.finding.symbol,
                "date": str(one.finding.open_time) if one.finding.open_time else None,
                "value": one.finding.value,
                "limit": one.finding.limit,
                "reason": one.finding.reason,
            }
            for one in held
        ],
    }


def run_forget_bars(home: str | None, source: str | None, yes: bool) -> Json:
    """Return the answer of `turbodmt bars forget`. Raises NotConfirmed, NotForgotten."""
    from flows.config.settings import load
    from tasks.operations.accounts import demand_unused, forget_bars

    if not source:
        raise NotConfirmed("SOURCE is missing; `turbodmt bars` lists the sources")
    folder = load({"home": home}).home
    count = demand_unused(folder, source)
    demand_yes(yes, f"Forget {count:,} bars of {source}, with what the gate knows of them? It cannot be undone.")
    return forget_bars(folder, source)


def shown_bars(answer: Json) -> str:
    """Return in words the bars in the store, and those held back."""
    columns = ("source", "symbol", "rows", "first", "last", "revisions")
    empty = "No bars yet; `turbodmt import FILE` or `turbodmt daily` brings some."
    return sections(
        table(answer["published"], columns) if answer["published"] else empty,
        shown_held_back(answer["quarantined"], lambda finding: f"{finding['symbol']} of {finding['source']}"),
    )


def shown_forgotten_bars(answer: Json) -> str:
    """Return a sentence on what was deleted, and what stays."""
    return f"{answer['bars']:,} bars of {answer['forgotten']} are forgotten; what was tried on them stays counted."
