"""`turbodmt trials`: what was tried, when, and what luck alone would have shown."""

import json
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.console import counted, run_command, sections, warned
from flows.cli.number_format import ratio
from flows.cli.options import AsJson, Home, Symbols
from flows.cli.text_table import table

if TYPE_CHECKING:
    from tasks.models.trial_list import TrialAnswer, TrialsAnswer

#: Trials that are listed unless another number is asked for, and at most.
LISTED, MOST_LISTED = 20, 100_000


def trials(
    symbols: Symbols = None,
    account: Annotated[
        str | None, typer.Option(metavar="NAME", help="Those on the symbols of an account, instead of --symbols.")
    ] = None,
    last: Annotated[int, typer.Option(metavar="N", help="How many, the newest first.")] = LISTED,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """List every configuration that was tried: when, its Sharpe ratio, and what luck alone would show."""
    run_command(lambda: run_trials(home, symbols, account, last), shown_trials, as_json)


def run_trials(home: str | None, symbols: str | None, account: str | None, last: int) -> "TrialsAnswer":
    """Return the answer of `turbodmt trials`. Raises RequestRefused, UsageError."""
    from flows.config.settings import load
    from flows.planning.plan import RequestRefused, demand_account
    from tasks.models.trial_list import TrialFilter
    from tasks.models.trial_list import trials as listed
    from tasks.operations.accounts import demand_known

    if not 1 <= last <= MOST_LISTED:
        raise RequestRefused(f"--last is {last}; it must lie between 1 and {MOST_LISTED:,}")
    if symbols is not None and account is not None:
        raise RequestRefused("--symbols and --account both say which trials are listed; leave one of them out")
    settings = load({"home": home, "symbols": symbols})
    if account is not None:
        demand_account(account)
        demand_known(settings.home, account)
    named = settings.symbols if symbols is not None else None
    return listed(settings.home, TrialFilter(symbols=named, account=account, last=last))


def shown_trials(answer: "TrialsAnswer") -> str:
    """Return the trials in words: a table for each panel and window, newest first."""
    if not answer.trials:
        return sections("No trial yet; `turbodmt backtest` records one.", warned(answer))
    windows = [[*group] for _, group in groupby(answer.trials, key=lambda one: (one.symbols, one.start, one.end))]
    more = answer.count - len(answer.trials)
    return sections(
        *map(_window, windows),
        f"{counted(more, 'older trial')} more; --last N lists them." if more else "",
        warned(answer),
    )


def _window(several: "Sequence[TrialAnswer]") -> str:
    first = several[0]
    lucky = first.luckiest_sharpe
    told = "" if lucky is None else f"; the luckiest of as many without skill would show {ratio(lucky)}"
    rows = [
        {
            "strategy": one.strategy,
            "sharpe": ratio(one.sharpe),
            "deflated": "-" if one.deflated_if_normal is None else f"{one.deflated_if_normal:.2f}",
            "differs in": ", ".join(f"{name}={_value(value)}" for name, value in one.varied.items()),
        }
        for one in several
    ]
    return (
        f"{', '.join(first.symbols)}, {first.start} to {first.end}: "
        f"{counted(first.tried, 'configuration')} tried{told}\n"
        + table(rows, ("strategy", "sharpe", "deflated", "differs in"))
    )


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
