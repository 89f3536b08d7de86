"""`turbodmt digest`: a day of an account in one message, as it is sent to a phone."""

from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.console import run_command, sections
from flows.cli.options import Account, AsJson, Home

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.digest.sending import DigestAnswer


def digest(
    as_of: Annotated[str | None, typer.Option(metavar="DATE", help="The day; the account's newest.")] = None,
    account: Account = "daily",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Show a day's digest: the message that is sent when an account's day is done. Sends nothing."""
    run_command(lambda: run_digest(home, account, as_of), shown_digest, as_json)


def run_digest(home: str | None, account: str, as_of: str | None) -> "DigestAnswer":
    """Return the answer of `turbodmt digest`. Raises RequestRefused for a day that the account does not have."""
    from flows.config.settings import load
    from flows.config.wall_clock import clock
    from flows.planning.plan import RequestRefused, day, demand_account
    from flows.scheduling.digests import beside_day
    from tasks.digest.sending import digest_answer, span
    from tasks.operations.accounts import demand_known

    demand_account(account)
    folder = load({"home": home}).home
    wanted = day(as_of, "--as-of")
    demand_known(folder, account)
    lived = span(folder, account)
    if lived is None:
        raise RequestRefused(f"account {account} has no day yet; `turbodmt daily --account {account}` makes its first")
    shown = wanted or lived.last
    if not lived.first <= shown <= lived.last:
        raise RequestRefused(
            f"--as-of is {shown}, and account {account} has days from {lived.first} to {lived.last}; name one of them"
        )
    _join(folder)
    return digest_answer(folder, account, shown, beside_day(folder, account, shown, clock()))


def _join(home: "Path") -> None:
    """Make the home's server, if one runs, tell the next run and the address of the report."""
    from flows.server.environment import prepare
    from flows.server.run_server import named_by_user
    from flows.server.up_server import join

    if named_by_user(home) or join(home) is not None:
        prepare(home, "CRITICAL")


def shown_digest(answer: "DigestAnswer") -> str:
    """Return the message, and whether it has been sent."""
    if answer.sent_at is not None:
        sent = f'Sent {answer.sent_at:%Y-%m-%d %H:%M} UTC as "{answer.subject}".'
    elif answer.claimed_at is not None:
        sent = f"It was to be sent at {answer.claimed_at:%Y-%m-%d %H:%M} UTC and may not have arrived."
    else:
        sent = "It has not been sent."
    return sections(answer.body, sent)
