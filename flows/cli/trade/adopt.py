"""`turbodmt adopt`: have the ledger say what a broker holds."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.console import quiet_logs, run_command, sections
from flows.cli.options import Account, AsJson, Home, Reason

if TYPE_CHECKING:
    from tasks.broker.takeover_plan import AdoptAnswer, BooksAnswer


def adopt(
    reason: Reason = "",
    account: Account = "daily",
    broker: Annotated[str | None, typer.Option(metavar="NAME", help="testnet-spot or testnet-futures.")] = None,
    home: Home = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would do, and write nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Have the ledger say what a broker holds, after the two disagreed and you know why."""
    given = {"home": home, "broker": broker}
    run = (lambda: run_foresee(given, account)) if dry_run else (lambda: run_adopt(given, account, reason))
    run_command(run, shown_adopted, as_json)


def run_foresee(given: Mapping[str, object], account: str) -> "AdoptAnswer":
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


def run_adopt(given: Mapping[str, object], account: str, reason: str) -> "AdoptAnswer":
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


def shown_adopted(answer: "AdoptAnswer") -> str:
    """Return what `adopt` has done or would do, with the account before and after it."""
    account, broker = answer.account, answer.broker
    if not answer.changed:
        head = f"Account {account} and {broker} agree; nothing is to be booked."
    elif answer.dry_run:
        head = (
            f"`turbodmt adopt --reason TEXT` would have account {account} say what {broker} holds; nothing is done yet."
        )
    else:
        head = f"Account {account} says what {broker} holds: adoption {answer.number}, {answer.reason}."
    booked = [f"{entry.as_of}: {entry.reason}." for entry in answer.entries]
    if answer.changed and not booked:
        booked = ["No entry: the account's cash and positions stay as they are; orders that have not left never will."]
    return sections(
        head,
        "\n".join([*booked, *(f"{note}." for note in answer.notes)]),
        "\n".join(
            _books(name, books)
            for name, books in (("Before", answer.before), ("After", answer.after))
            if books is not None
        ),
    )


def _books(name: str, books: "BooksAnswer") -> str:
    from tasks.run.answers import text

    held = ", ".join(f"{text(quantity)} {symbol}" for symbol, quantity in books.positions.items()) or "no position"
    return f"{name}: equity {text(books.equity)}, cash {text(books.cash)}, {held}."
