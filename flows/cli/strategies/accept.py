"""`turbodmt strategies accept`: let accounts trade the strategy's file as it is now."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.console import run_command, tell
from flows.cli.options import AsJson, Home, Reason

if TYPE_CHECKING:
    from tasks.strategies.acceptance import AcceptedAnswer


def accept(
    strategy: Annotated[str, typer.Argument(metavar="NAME", help="The strategy's name, or its file if it has moved.")],
    account: Annotated[
        str | None, typer.Option(metavar="NAME", help="The account; all that trade the strategy if left out.")
    ] = None,
    reason: Reason = "",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Audit the strategy's file as it is now, and let its accounts trade it from their next day on."""
    run_command(lambda: run_accept({"home": home}, strategy, account, reason), shown_acceptance, as_json)


def run_accept(given: Mapping[str, object], name: str, account: str | None, reason: str) -> "AcceptedAnswer":
    """Return the answer of `turbodmt strategies accept`. Raises UsageError, StrategyRefused."""
    from flows.config.settings import load
    from flows.config.wall_clock import clock
    from tasks.strategies.acceptance import Acceptance, accept_change

    settings = load(given)
    texts = {key: str(value) for key, value in settings.parameters.items()}
    wanted = Acceptance(name=name, account=account, reason=reason, parameters=texts, at=clock())
    return accept_change(settings.home, wanted, tell)


def shown_acceptance(answer: "AcceptedAnswer") -> str:
    """Return in words which accounts trade which version from now on."""
    accounts = ", ".join(map(with_parameters, answer.accounts, map(answer.parameters.__getitem__, answer.accounts)))
    if not answer.changed:
        return f"{accounts}: bound to {answer.sha256[:12]} of {answer.name} already; nothing changed."
    from tasks.strategies.acceptance import from_to

    moved = [
        f"{account} goes {from_to(before, answer.origin, answer.sha256)}."
        for account, before in answer.previous.items()
        if before.origin != answer.origin
    ]
    said = (
        f"Strategy {answer.name}, version {answer.sha256[:12]}, passed its audit; accounts that trade it from their "
        f"next day on: {accounts}."
    )
    return "\n".join((said, *moved))


def with_parameters(account: str, parameters: Mapping[str, object]) -> str:
    """Return the account, with its parameters if there are any.

    >>> with_parameters("mine", {"bars": 60}), with_parameters("mine", {})
    ('mine (bars=60)', 'mine')
    """
    values = ", ".join(f"{name}={value}" for name, value in parameters.items())
    return f"{account} ({values})" if values else account
