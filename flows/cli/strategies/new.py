"""`turbodmt strategies new`: write a commented strategy file and its test."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.console import run_command
from flows.cli.options import AsJson

if TYPE_CHECKING:
    from tasks.strategies.template import NewStrategyAnswer


def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The new strategy's name.")],
    folder: Annotated[str, typer.Option(metavar="DIR", help="Where the files are written.")] = ".",
    as_json: AsJson = False,
) -> None:
    """Write a commented strategy file to start from, and its test."""
    run_command(lambda: run_new(name, folder), shown_new, as_json)


def run_new(name: str, folder: str) -> "NewStrategyAnswer":
    """Return the answer of `turbodmt strategies new`. Raises UsageError."""
    from tasks.strategies.template import write_template

    return write_template(name, Path(folder).expanduser())


def shown_new(answer: "NewStrategyAnswer") -> str:
    """Return the files written, and what to do with them."""
    file = answer.files[0]
    return "\n".join(
        (
            *(f"Wrote {path}" for path in answer.files),
            f"Try it: turbodmt backtest --strategy {file}",
            f"Check it: turbodmt audit lookahead --strategy {file}",
        )
    )
