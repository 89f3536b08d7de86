"""The command line: register each command and turn its end into an exit code.

A command's module imports what is heavy inside the function that needs it, so that help comes at once.
"""

import gc
import os
import re
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from flows.cli.console import STOPPED, fail
from flows.cli.data.bars import bars
from flows.cli.data.import_bars import import_bars
from flows.cli.data.quality import quality
from flows.cli.data.universe import universe
from flows.cli.help_text import PlainCommand, TaskGroup, examples, next_steps
from flows.cli.operate.digest import digest
from flows.cli.operate.doctor import doctor
from flows.cli.operate.init import init
from flows.cli.operate.up import up
from flows.cli.operate.watch import watch
from flows.cli.options import with_folder
from flows.cli.research.audit import audit
from flows.cli.research.backfill import backfill
from flows.cli.research.backtest import backtest
from flows.cli.research.compare import compare
from flows.cli.research.models import models
from flows.cli.research.promote import promote
from flows.cli.research.train import train
from flows.cli.research.twin import twin
from flows.cli.set_option import FinancedCommand, SettingsCommand
from flows.cli.strategies.accept import accept
from flows.cli.strategies.listing import strategies
from flows.cli.strategies.new import new
from flows.cli.strategies.trials import trials
from flows.cli.streams import open_closed_streams
from flows.cli.trade.accounts import accounts
from flows.cli.trade.adopt import adopt
from flows.cli.trade.cancel import cancel
from flows.cli.trade.daily import daily
from flows.cli.trade.delist import delist
from flows.cli.trade.deposit import deposit
from flows.cli.trade.explain import explain
from flows.cli.trade.halt import halt, resume
from flows.cli.trade.positions import positions
from flows.cli.trade.report import report
from flows.cli.trade.status import status
from flows.cli.trade.withdraw import withdraw
from flows.runs.docstrings import documented
from strategy.exit_codes import Exit

NAME = "turbodmt"
#: Python's own number is 700.
ALLOCATIONS_BETWEEN_COLLECTIONS = 100_000
app = typer.Typer(
    name=NAME,
    cls=TaskGroup,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"turbodmt {version('turbodmt')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def turbodmt(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001 (its callback has answered)
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """A daily trading system: bars in, a validated, reproducible and reconciled decision out."""
    if context.invoked_subcommand is None:
        typer.echo(next_steps(), err=True)
        raise typer.Exit(int(Exit.USAGE))


class ResultsCommand(FinancedCommand):
    """A command whose `--save-results` may stand without a value, as the seed document writes it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Return what is left of the arguments once the options are read."""
        return super().parse_args(ctx, with_folder(args))


#: The commands whose argument is an amount of money.
AMOUNTS = frozenset({"deposit", "withdraw"})
#: The commands that take --set.
COMMANDS = (
    *(daily, backtest, train, models, promote, twin, adopt, audit, backfill, universe, explain, report, bars, accounts),
    *(
        compare,
        trials,
        quality,
        deposit,
        withdraw,
        positions,
        cancel,
        delist,
        status,
        digest,
        halt,
        resume,
        up,
        watch,
        doctor,
    ),
)
#: Those of them that use interest rates.
FINANCED = (daily, train, audit, backfill, accounts, up, doctor)
for _command in COMMANDS:
    _class = ResultsCommand if _command is backtest else FinancedCommand if _command in FINANCED else SettingsCommand
    app.command(cls=_class, epilog=examples(_command.__name__))(_command)
# `init` writes the settings and prompts for them, so it takes no --set.
app.command(cls=PlainCommand, epilog=examples("init"))(init)
app.command(name="import", cls=SettingsCommand, epilog=examples("import"))(import_bars)
_strategies = typer.Typer(invoke_without_command=True, epilog=examples("strategies"))
_strategies.callback()(documented(strategies))
_strategies.command(cls=PlainCommand, epilog=examples("strategies new"))(documented(new))
_strategies.command(cls=SettingsCommand, epilog=examples("strategies accept"))(documented(accept))
app.add_typer(_strategies, name="strategies")


def main() -> None:
    """Run the command of `sys.argv` and leave with its exit code."""
    open_closed_streams()
    # Imports make hundreds of thousands of objects that stay, and collecting among them takes a fifth of their time.
    gc.set_threshold(ALLOCATIONS_BETWEEN_COLLECTIONS)
    # Files that libraries write are private to the user too, like our own.
    os.umask(0o077)
    raise SystemExit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run the command of the arguments, without the program's name, and return its exit code."""
    for command in (app.registered_callback, *app.registered_commands):
        if command is not None and command.callback is not None:
            documented(command.callback)
    as_json = "--json" in arguments
    try:
        try:
            code = int(app(list(arguments), prog_name=NAME, standalone_mode=False) or 0)
            if code == Exit.STOPPED:
                # Typer makes this code of Ctrl-C outside of the commands' own work, and says nothing.
                fail(STOPPED, Exit.STOPPED, as_json)
            return code
        except typer.TyperException as error:
            fail(_usage(error, arguments), Exit.USAGE, as_json)
        except (typer.Abort, KeyboardInterrupt):
            fail(STOPPED, Exit.STOPPED, as_json)
    except SystemExit as ended:
        return int(ended.code or 0)


def _usage(error: typer.TyperException, arguments: Sequence[str]) -> str:
    # A negative amount is read as an option.
    amount = next((text for text in arguments[1:] if re.fullmatch(r"-[\d.][\d.,]*", text)), "")
    if amount[:2] and amount[:2] == getattr(error, "option_name", "")[:2] and arguments[0] in AMOUNTS:
        return f"AMOUNT is {amount}; it must be above 0"
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else NAME
    return f"{error.format_message().rstrip('.')} (see `{command} --help`)"
