"""The command line: options in, one answer out. Heavy modules are imported by the command that needs them."""

import os
import sys
from typing import Annotated

import typer

from flows.cli.console import STOPPED, fail, run_command
from flows.cli.data.forget import bars
from flows.cli.data.universe import universe
from flows.cli.operate.init import init
from flows.cli.operate.up import up
from flows.cli.operate.watch import watch
from flows.cli.options import AsJson, AsOf, Calendar, Capital, Home, Source, Symbols
from flows.cli.research.audit import audit
from flows.cli.research.backfill import backfill
from flows.cli.set_option import SettingsCommand
from flows.cli.streams import open_closed_streams
from flows.cli.trade.accounts import accounts
from flows.cli.trade.adopt import adopt
from flows.cli.trade.daily import daily
from flows.cli.trade.explain import explain
from flows.cli.trade.halt import halt
from flows.cli.trade.report import report
from flows.cli.trade.resume import resume
from flows.cli.trade.status import status
from flows.config.exit_codes import Exit
from flows.runs.docstrings import documented

app = typer.Typer(
    name="turbodmt",
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
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(int(Exit.USAGE))


app.command(cls=SettingsCommand)(daily)


@app.command(cls=SettingsCommand)
def backtest(
    symbols: Symbols = None,
    start_date: Annotated[str | None, typer.Option(metavar="DATE", help="First day traded.")] = None,
    end_date: Annotated[str | None, typer.Option(metavar="DATE", help="Last day traded.")] = None,
    capital: Capital = None,
    strategy: Annotated[str | None, typer.Option(help="One or more, separated by commas; the first is tested.")] = None,
    source: Source = None,
    fee_bps: Annotated[str | None, typer.Option(help="Fee in basis points.")] = None,
    slippage_bps: Annotated[str | None, typer.Option(help="Slippage in basis points.")] = None,
    save_results: Annotated[str | None, typer.Option(metavar="DIR", help="Write equity, trades and a report.")] = None,
    grid: Annotated[str | None, typer.Option(metavar="FILE", help="Sweep the lists of parameters in a file.")] = None,
    dask: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Spread the sweep over a Dask cluster.")] = None,
    calendar: Calendar = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Test a strategy on history: gross, net and net at twice the cost, beside its benchmarks."""
    from flows.cli.calendar_option import with_calendar
    from flows.cli.commands import run_backtest
    from flows.cli.research.sweep import run_sweep
    from flows.cli.text.answers import shown_backtest, shown_sweep

    settings = {
        "source": source,
        "symbols": symbols,
        "capital": capital,
        "fee_bps": fee_bps,
        "slippage_bps": slippage_bps,
    }
    given, window = {**settings, "home": home}, (strategy, start_date, end_date)
    if grid is None and dask is None:
        run_command(lambda: run_backtest(with_calendar(given, calendar), window, save_results), shown_backtest, as_json)
    else:
        run_command(
            lambda: run_sweep(with_calendar(given, calendar), (grid, dask), window, save_results), shown_sweep, as_json
        )


@app.command(cls=SettingsCommand)
def train(
    as_of: AsOf = None,
    source: Source = None,
    symbols: Symbols = None,
    calendar: Calendar = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Train a challenger on the past of the symbols; the gate promotes or refuses it."""
    from flows.cli.calendar_option import with_calendar
    from flows.cli.commands import run_train
    from flows.cli.text.answers import shown_train

    given = {"source": source, "symbols": symbols, "home": home}
    run_command(lambda: run_train(with_calendar(given, calendar), as_of), shown_train, as_json)


@app.command(cls=SettingsCommand)
def models(source: Source = None, symbols: Symbols = None, home: Home = None, as_json: AsJson = False) -> None:
    """List the models and the prior: who trades, what each was trained on, and the verdict on it."""
    from flows.cli.commands import run_models
    from flows.cli.text.answers import shown_models

    run_command(lambda: run_models({"source": source, "symbols": symbols, "home": home}), shown_models, as_json)


@app.command(cls=SettingsCommand)
def promote(
    model: Annotated[str, typer.Argument(help="Eight or more digits of a model's id, or prior.")],
    reason: Annotated[str, typer.Option(help="Why, for whoever reads it later.")] = "",
    source: Source = None,
    symbols: Symbols = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Let a model, an older one or the prior trade by hand; --source and --symbols say for what, with prior alone."""
    from flows.cli.commands import run_promote
    from flows.cli.text.answers import shown_promote

    settings = {"source": source, "symbols": symbols, "home": home}
    run_command(lambda: run_promote(settings, model, reason), shown_promote, as_json)


@app.command(cls=SettingsCommand)
def twin(
    as_of: AsOf = None, source: Source = None, symbols: Symbols = None, home: Home = None, as_json: AsJson = False
) -> None:
    """Fit synthetic market paths to the past of the symbols and show how faithful they are."""
    from flows.cli.commands import run_twin
    from flows.cli.text.answers import shown_twin

    run_command(lambda: run_twin({"source": source, "symbols": symbols, "home": home}, as_of), shown_twin, as_json)


for _command in (adopt, audit, backfill, universe, explain, report, bars, accounts, status, halt, resume, up, watch):
    app.command(cls=SettingsCommand)(_command)
# `init` writes the settings and prompts for them, so it takes no --set.
app.command()(init)


@app.command(name="import", cls=SettingsCommand)
def import_file(
    file: Annotated[str, typer.Argument(help="A csv or parquet file of daily bars, or sample, binance or yahoo.")],
    symbols: Annotated[
        str | None,
        typer.Option("--symbol", "--symbols", help="Which symbols; the one of a file that has no column of them."),
    ] = None,
    accept: Annotated[list[str] | None, typer.Option(metavar="SYMBOL:DATE", help="Release a bar by hand.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why it is released.")] = None,
    calendar: Calendar = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Pass bars through the gate: published whole per symbol, or quarantined with the reasons."""
    from flows.cli.calendar_option import file_options, with_calendar
    from flows.cli.commands import run_import
    from flows.cli.text.bars import shown_import

    def answer() -> dict[str, object]:
        given = {"symbols": symbols, "home": home}
        with_calendar(file_options(given, file), calendar)
        return run_import(given, file, (accept or [], reason))

    run_command(answer, shown_import, as_json)


@app.command(cls=SettingsCommand)
def doctor(home: Home = None, as_json: AsJson = False) -> None:
    """Check versions, disk, store, source, keys, clock, server and schedules; each with a remedy."""
    from flows.cli.text.answers import shown_doctor
    from flows.doctor.checks import run_doctor

    run_command(lambda: run_doctor({"home": home}), shown_doctor, as_json)


def main() -> None:
    """Run the command of `sys.argv` and leave with its exit code."""
    open_closed_streams()
    # Files that libraries write are private to the user too, like our own.
    os.umask(0o077)
    for command in (app.registered_callback, *app.registered_commands):
        if command is not None and command.callback is not None:
            documented(command.callback)
    try:
        code = app(standalone_mode=False)
    except typer.TyperException as error:
        fail(_usage(error), Exit.USAGE, "--json" in sys.argv)
    except (typer.Abort, KeyboardInterrupt):
        fail(STOPPED, Exit.STOPPED, "--json" in sys.argv)
    else:
        raise SystemExit(code)


def _usage(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "turbodmt"
    return f"{error.format_message().rstrip('.')} (see `{command} --help`)"
