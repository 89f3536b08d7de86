"""`turbodmt bars`: list the bars in the store, and forget those of a source after confirmation."""

from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.console import run_command, sections
from flows.cli.data.held_back import shown_held_back
from flows.cli.options import AsJson, Doing, Home, Yes, demand_yes
from flows.cli.text_table import table
from strategy.exit_codes import UsageError

if TYPE_CHECKING:
    from tasks.data.stored_bars import BarsAnswer
    from tasks.operations.accounts import ForgottenBarsAnswer


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


def run_bars(home: str | None) -> "BarsAnswer":
    """Return the bars in the store, and those that the data gate holds back."""
    from flows.config.settings import load
    from tasks.data.stored_bars import stored_bars

    return stored_bars(load({"home": home}).home)


def run_forget_bars(home: str | None, source: str | None, yes: bool) -> "ForgottenBarsAnswer":
    """Return the answer of `turbodmt bars forget`. Raises UsageError."""
    from flows.config.settings import load
    from tasks.operations.accounts import demand_unused, forget_bars

    if not source:
        raise UsageError("SOURCE is missing; `turbodmt bars` lists the sources")
    folder = load({"home": home}).home
    count = demand_unused(folder, source)
    demand_yes(yes, f"Forget {count:,} bars of {source}, with what the gate knows of them? It cannot be undone.")
    return forget_bars(folder, source)


def shown_bars(answer: "BarsAnswer") -> str:
    """Return in words the bars in the store, and those held back."""
    columns = ("source", "symbol", "rows", "first", "last", "revisions")
    empty = "No bars yet; `turbodmt import FILE` or `turbodmt daily` brings some."
    return sections(
        table([*map(dict, answer.published)], columns) if answer.published else empty,
        shown_held_back([(f"{bar.symbol} of {bar.source}", bar) for bar in answer.quarantined]),
    )


def shown_forgotten_bars(answer: "ForgottenBarsAnswer") -> str:
    """Return a sentence on what was deleted, and what stays."""
    return f"{answer.bars:,} bars of {answer.forgotten} are forgotten; what was tried on them stays counted."
