"""`turbodmt watch`: the watchdog's look at the store, without a server and without telling anybody."""

from dataclasses import asdict
from typing import Any

from flows.console import finish, table
from flows.options import AsJson, Home


def watch(home: Home = None, as_json: AsJson = False) -> None:
    """Show what is not as it should be: accounts that stand still, failed runs, halts, symbols held back."""
    finish(lambda: run_watch(home), shown_watch, as_json)


def run_watch(home: str | None) -> dict[str, Any]:
    """The answer of `turbodmt watch`."""
    from flows.settings import load
    from flows.wall_clock import clock
    from tasks.watch import look

    return {"concerns": [asdict(one) for one in look(load({"home": home}).home, clock())], "warnings": []}


def shown_watch(answer: dict[str, Any]) -> str:
    """The concerns as a table, or a sentence that there is none."""
    return table(answer["concerns"], ("key", "text")) if answer["concerns"] else "All is well."
