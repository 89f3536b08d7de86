"""The answer of `turbodmt adopt` in words: its effect on the account, entry by entry."""

from collections.abc import Mapping
from typing import Any

from flows.cli.console import sections

Json = Mapping[str, Any]


def shown_adopted(answer: Json) -> str:
    """Return what `adopt` has done or would do, with the account before and after it."""
    account, broker = answer["account"], answer["broker"]
    if not answer["changed"]:
        head = f"Account {account} and {broker} agree; nothing is to be booked."
    elif answer["dry_run"]:
        head = (
            f"`turbodmt adopt --reason TEXT` would have account {account} say what {broker} holds; nothing is done yet."
        )
    else:
        head = f"Account {account} says what {broker} holds: adoption {answer['number']}, {answer['reason']}."
    booked = [f"{one['as_of']}: {one['reason']}." for one in answer["entries"]]
    if answer["changed"] and not booked:
        booked = ["No entry: the account's cash and positions stay as they are; orders that have not left never will."]
    return sections(
        head,
        "\n".join([*booked, *(f"{note}." for note in answer["notes"])]),
        "\n".join(_books(name, answer[name]) for name in ("before", "after") if answer[name]),
    )


def _books(name: str, books: Json) -> str:
    held = ", ".join(f"{quantity} {symbol}" for symbol, quantity in books["positions"].items()) or "no position"
    return f"{name.capitalize()}: equity {books['equity']}, cash {books['cash']}, {held}."
