"""Options shared by several commands: also the folder of `--save-results`, and the question that `--yes` answers."""

import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from strategy.exit_codes import UsageError

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
# Not a Path, which would read "" as the current folder.
Home = Annotated[str | None, typer.Option(metavar="DIR", help="Folder of the database, models and reports.")]
Source = Annotated[
    str | None, typer.Option(metavar="NAME", help="sample, binance, binance-futures, yahoo or file:PATH.")
]
Calendar = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Calendar of the symbols from now on: XNYS, XTKS, ..., observed or inferred."),
]
Strategy = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="turbo, rules, hold, vol-target, momentum, a file: trend.py, or rules=0.5+momentum=0.5.",
    ),
]
Symbols = Annotated[
    str | None, typer.Option("--symbols", "--symbol", metavar="A,B", help="Symbols, separated by commas.")
]
AsOf = Annotated[str | None, typer.Option(metavar="DATE", help="The last closed bar, as 2018-12-31.")]
Account = Annotated[str, typer.Option(metavar="NAME", help="The account in the ledger.")]
Capital = Annotated[str | None, typer.Option(metavar="MONEY", help="Money that the account starts with.")]
Reason = Annotated[str, typer.Option(metavar="TEXT", help="Why, for whoever reads it later.")]


class Deed(StrEnum):
    """The actions on an account or on the bars of a source."""

    FORGET = "forget"


Doing = Annotated[Deed | None, typer.Argument(metavar="forget", help="Forget one. Without it, all are listed.")]
Yes = Annotated[bool, typer.Option("--yes", help="Ask nothing.")]


def demand_yes(yes: bool, question: str) -> None:
    """Return if `yes` was given or the question is answered with yes: what is forgotten cannot be brought back.

    Raises UsageError.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask at; give --yes if it is meant")
    if not typer.confirm(question, err=True):
        raise UsageError("nothing was forgotten")


SAVE_RESULTS = "--save-results"
#: The folder, in the current one, of an option without a value.
RESULTS = "turbodmt-results"


def with_folder(arguments: Sequence[str]) -> list[str]:
    """Return the arguments, with the default folder after each `--save-results` that has none.

    >>> with_folder(["--save-results", "--json"]), with_folder(["--save-results", "out"])
    (['--save-results', 'turbodmt-results', '--json'], ['--save-results', 'out'])
    """
    result: list[str] = []
    for place, argument in enumerate(arguments):
        result.append(argument)
        if argument == SAVE_RESULTS and (place + 1 == len(arguments) or arguments[place + 1].startswith("-")):
            result.append(RESULTS)
    return result


def results_folder(text: str) -> Path:
    """Create the folder if needed and check that it is writable; raise RequestRefused before anything is computed."""
    from flows.config.paths import expanded
    from flows.planning.plan import RequestRefused
    from storage.errors import StoreReadOnly
    from storage.files import temporary_beside, write_whole

    if not text:
        raise RequestRefused("--save-results is ''; it must be the path of a folder")
    folder = expanded(Path(text))
    try:
        # An existing folder proves nothing: only writing a file shows that more files can be created.
        write_whole(temporary_beside(folder / "writable"), b"").unlink()
    except (StoreReadOnly, OSError) as error:
        raise RequestRefused(f"--save-results is {text!r}, which cannot be written; name a writable folder") from error
    return folder
