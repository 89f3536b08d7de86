"""`turbodmt bars`: list the bars in the store, and forget those of a source after confirmation."""

from typing import Annotated, Any

import typer

from flows.cli.console import run_command
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
    from flows.cli.commands import run_bars
    from flows.cli.text.bars import shown_bars

    if deed is None:
        run_command(lambda: run_bars({"home": home}), shown_bars, as_json)
    else:
        run_command(lambda: run_forget_bars(home, source, yes), shown_forgotten, as_json)


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


def shown_forgotten(answer: Json) -> str:
    """Return a sentence on what was deleted, and what stays."""
    return f"{answer['bars']:,} bars of {answer['forgotten']} are forgotten; what was tried on them stays counted."
