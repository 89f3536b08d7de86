"""`turbodmt adopt`: its options, and what it does."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from flows.console import finish, hush
from flows.options import Account, AsJson, Home


def adopt(
    reason: Annotated[str, typer.Option(help="Why, for whoever reads it later.")] = "",
    account: Account = "daily",
    broker: Annotated[str | None, typer.Option(help="testnet-spot or testnet-futures.")] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Take a broker over as it stands, after its books and the ledger disagreed and you know why."""
    from flows.shown import shown_adopted

    finish(lambda: run_adopt({"home": home, "broker": broker}, account, reason), shown_adopted, as_json)


def run_adopt(given: Mapping[str, object], account: str, reason: str) -> dict[str, Any]:
    """The answer of `turbodmt adopt`."""
    from flows.settings import load
    from flows.wall_clock import clock
    from flows.wiring import broker_factory
    from tasks.adopting import adopt as adopt_anew

    settings = load(given)
    hush()
    return adopt_anew(settings.home, account, reason, broker_factory(settings), clock())
