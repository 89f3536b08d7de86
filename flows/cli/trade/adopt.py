"""`turbodmt adopt`: its options and body."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from flows.cli.console import quiet_logs, run_command
from flows.cli.options import Account, AsJson, Home


def adopt(
    reason: Annotated[str, typer.Option(help="Why, for whoever reads it later.")] = "",
    account: Account = "daily",
    broker: Annotated[str | None, typer.Option(help="testnet-spot or testnet-futures.")] = None,
    home: Home = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would do, and write nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Have the ledger say what a broker holds, after the two disagreed and you know why."""
    from flows.cli.text.adoption import shown_adopted

    given = {"home": home, "broker": broker}
    run = (lambda: run_foresee(given, account)) if dry_run else (lambda: run_adopt(given, account, reason))
    run_command(run, shown_adopted, as_json)


def run_foresee(given: Mapping[str, object], account: str) -> dict[str, Any]:
    """Return the answer of `turbodmt adopt --dry-run`."""
    from flows.config.settings import load
    from flows.config.wall_clock import clock
    from flows.planning.adapters import broker_factory
    from flows.planning.backfill_plan import TRADED
    from tasks.operations.accounts import demand_known
    from tasks.operations.adopt import foresee

    settings = load(given)
    demand_known(settings.home, account, TRADED)
    quiet_logs()
    return foresee(settings.home, account, broker_factory(settings), clock())


def run_adopt(given: Mapping[str, object], account: str, reason: str) -> dict[str, Any]:
    """Return the answer of `turbodmt adopt`."""
    from flows.config.settings import load
    from flows.config.wall_clock import clock
    from flows.planning.adapters import broker_factory
    from flows.planning.backfill_plan import TRADED
    from tasks.operations.accounts import demand_known
    from tasks.operations.adopt import adopt as adopt_anew

    settings = load(given)
    demand_known(settings.home, account, TRADED)
    quiet_logs()
    return adopt_anew(settings.home, account, reason, broker_factory(settings), clock())
