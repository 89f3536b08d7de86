"""The help: commands grouped by task, examples under each, and what to do next where nothing was asked."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from typer.core import TyperCommand, TyperGroup

from flows.config.paths import HomeUnknown, default_home

#: The name of the store's file, whose module imports DuckDB.
STORE = "turbodmt.duckdb"

#: The groups of the help in the order of a user's way: each command with what it does, in half a line.
GROUPS: Mapping[str, Mapping[str, str]] = {
    "Trade every day": {
        "daily": "Run one day of an account, from new bars to orders.",
        "status": "Show where an account stands.",
        "explain": "Show where an order came from, number by number.",
        "report": "Show where the page of a day, or of all, lies.",
        "accounts": "List the accounts, or forget one.",
        "halt": "Stop an account, or close all that it holds.",
        "resume": "Let a halted account trade again.",
    },
    "Test ideas on history": {
        "backtest": "Test a strategy on history, beside its benchmarks.",
        "compare": "Compare saved backtests on the same days.",
        "backfill": "Live past days in an account of their own.",
        "strategies": "List the strategies, begin one, or accept a change.",
        "train": "Train a challenger; the gate promotes or refuses it.",
        "models": "List the models, and who trades.",
        "promote": "Let a model or the prior trade by hand.",
        "trials": "List what was tried, and what luck would show.",
        "twin": "Fit synthetic market paths, and show how faithful.",
        "audit": "Prove that nothing looks ahead, and that days repeat.",
    },
    "Keep it running": {
        "init": "Ask what is needed, and write settings.toml.",
        "up": "Start the server, the schedules and a worker.",
        "watch": "Show what is not as it should be.",
        "digest": "Show a day's message, as it is sent to a phone.",
        "doctor": "Check the installation, with a remedy for each fault.",
    },
    "Look after bars": {
        "bars": "List the published bars, or forget a source's.",
        "import": "Pass a file or a source through the gate.",
        "quality": "Show what the gate checked, and what failed.",
        "universe": "Say which symbols might be held, and when.",
    },
    "Book by hand": {
        "deposit": "Pay money into a paper account.",
        "withdraw": "Take money out of a paper account.",
        "positions": "Transfer positions into a paper account.",
        "cancel": "Cancel what waits to be booked.",
        "delist": "Say that a symbol is delisted, and at which price.",
        "adopt": "Have the ledger say what a broker holds.",
    },
}
#: Examples of each command, as a user types them.
EXAMPLES: Mapping[str, Sequence[str]] = {
    "daily": ("daily", "daily --source binance --symbols BTCUSDT,ETHUSDT --account crypto", "daily --as-of 2018-12-31"),
    "status": ("status", "status --account crypto --json"),
    "explain": ("explain tdmt-aa32b804", "explain tdmt-aa32b804 --json"),
    "report": ("report", "report --account crypto", "report --index"),
    "accounts": ("accounts", "accounts forget old", "accounts adopt-defaults --reason 'after the study'"),
    "halt": ("halt --reason 'on holiday'", "halt --flatten --reason 'the exchange is in trouble'"),
    "resume": ("resume --reason 'looked into it'",),
    "backtest": (
        "backtest --strategy vol-target,hold --start-date 2005-01-01",
        "backtest --strategy trend.py --source file:bars.csv --save-results",
        "backtest --strategy rules --grid grid.toml --walk-forward",
    ),
    "compare": (
        "compare runs/rules runs/trend",
        "compare runs/fast runs/slow runs/hold --save-results runs/compared",
    ),
    "backfill": ("backfill --start-date 2018-01-02 --end-date 2018-12-31 --strategy rules",),
    "strategies": ("strategies", "strategies new trend", "strategies accept trend --reason 'a longer mean'"),
    "strategies new": ("strategies new trend",),
    "strategies accept": ("strategies accept trend --reason 'a longer mean'",),
    "train": ("train", "train --source yahoo --symbols SPY,TLT,GLD"),
    "models": ("models", "models --json"),
    "promote": ("promote prior --reason 'it lost on fresh bars'",),
    "trials": ("trials", "trials --account crypto --last 100", "trials --symbols SPY,TLT --json"),
    "twin": ("twin --symbols ^GSPC",),
    "audit": ("audit lookahead --strategy trend.py", "audit parity --strategy rules", "audit headline"),
    "init": ("init",),
    "up": ("up", "up --source yahoo --symbols SPY,TLT --account etfs"),
    "watch": ("watch", "watch --json"),
    "digest": ("digest", "digest --account etfs --as-of 2020-05-19"),
    "doctor": ("doctor",),
    "bars": ("bars", "bars forget file:old.csv"),
    "import": ("import bars.csv", "import bars.csv --accept SPY:2020-03-16 --reason 'a real day'"),
    "quality": ("quality", "quality --source yahoo --symbols SPY --last 100"),
    "universe": ("universe --source binance", "universe members.csv --source yahoo"),
    "deposit": ("deposit 5000 --reason savings",),
    "withdraw": ("withdraw 1000",),
    "positions": ("positions import positions.csv",),
    "cancel": ("cancel KEY",),
    "delist": ("delist ATVI --on 2023-10-13 --price 95 --reason 'bought by Microsoft'", "delist ATVI --undo"),
    "adopt": ("adopt --reason 'traded by hand at the broker'",),
}


class TaskGroup(TyperGroup):
    """A group whose help lists its commands by task."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 (click's signature)
        """Write a section for each group of commands."""
        for title, commands in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([*commands.items()])


class PlainCommand(TyperCommand):
    """A command whose help names its arguments alone: typer adds `<str>` to them."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, then the options."""
        parts: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        parameters: list[Any] = self.get_params(ctx)
        for each in parameters:
            record = each.get_help_record(ctx)
            if record is not None:
                named = each.param_type_name == "argument" and (each.metavar or each.bare_type() == "str")
                name = re.sub(" <.*>$", "", record[0]) if named else record[0]
                parts["Options" if each.param_type_name == "option" else "Arguments"].append((name, record[1]))
        for title, records in parts.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


def examples(command: str) -> str:
    """Return the examples that end the help of a command; click keeps the lines after its mark as they are."""
    return "\b\n" + "\n".join(["Examples:", *(f"  turbodmt {line}" for line in EXAMPLES[command])])


def next_steps() -> str:
    """Return three things to do next: in a home with a store about its account, in a new one the first ones."""
    steps = (
        (
            ("turbodmt status", "where the account stands, and what it does next"),
            ("turbodmt watch", "what is not as it should be"),
            ("turbodmt daily", "the next day, once there are new bars"),
        )
        if _begun()
        else (
            ("turbodmt daily --strategy rules", "one day on paper, on the bars that are shipped"),
            ("turbodmt backtest --strategy rules", "their twenty years, against buying and holding"),
            ("turbodmt init", "your own source, symbols and strategy"),
        )
    )
    width = max(len(command) for command, _ in steps)
    lines = (f"  {command.ljust(width)}  {what}" for command, what in steps)
    return "\n".join(["What to do next:", *lines, "", "`turbodmt --help` lists every command."])


def _begun() -> bool:
    """Return whether the home of the environment, or the default one, has a store; settings would take long to read."""
    try:
        named = os.environ.get("TURBODMT_HOME")
        return ((Path(named) if named else default_home()) / STORE).exists()
    except (HomeUnknown, OSError):
        return False
