"""`turbodmt explain`: how an order came about."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.console import run_command
from flows.cli.options import AsJson, Home

if TYPE_CHECKING:
    from tasks.run.job import RunConfig

Json = dict[str, Any]


def explain(
    order: Annotated[str, typer.Argument(help="An order's id, or enough of its beginning to name it.")],
    account: Annotated[str | None, typer.Option(help="The account in the ledger; left out, all of them.")] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Show where an order came from: bars, features, regime, forecast, size, limits, order, fills."""
    from flows.cli.text.order import shown_explanation

    run_command(lambda: run_explain({"home": home}, order, account), shown_explanation, as_json)


def run_explain(given: Mapping[str, object], order: str, account: str | None) -> Json:
    """Return the explanation of the one order whose id begins with `order`. Raises RequestRefused unless it is one."""
    from flows.config.settings import load
    from flows.planning.plan import RequestRefused
    from tasks.operations.accounts import demand_known
    from tasks.operations.explain import explain, orders_named

    home = load(given).home
    if account is not None:
        demand_known(home, account)
    found = orders_named(home, order, account) if order else ()
    if len(found) == 1:
        return explain(home, found[0], _policy)
    whose = f"of account {account} " if account is not None else ""
    if found:
        several = ", ".join(f"{one.order_id} ({one.account}, {one.symbol}, {one.as_of})" for one in found)
        raise RequestRefused(
            f"ORDER is {order!r}, with which several order ids {whose}begin: {several}; name one whole"
        )
    newest = orders_named(home, "", account)
    known = ", ".join(f"{one.order_id} ({one.account}, {one.symbol}, {one.as_of})" for one in newest)
    remedy = f"the newest are {known}" if newest else "there is none yet; `turbodmt daily` makes some"
    raise RequestRefused(f"ORDER is {order!r}, with which no order id {whose}begins; {remedy}")


def _policy(config: str) -> "RunConfig":
    """Return the rules of a run, as its record has them."""
    from flows.config.settings import Settings
    from flows.planning.plan import PLACES, policy

    known = Settings.model_fields.keys() - PLACES
    return policy(Settings(**{name: value for name, value in json.loads(config).items() if name in known}))
