"""`turbodmt halt` and `turbodmt resume`: stop an account from sending orders or close it, and let it trade again."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.console import listed, quiet_logs, run_command, sections, warned
from flows.cli.options import Account, AsJson, Home, Reason

if TYPE_CHECKING:
    from exchange.ports import Broker
    from flows.config.settings import Settings
    from tasks.operations.halt import HaltAnswer

Flatten = Annotated[
    bool, typer.Option("--flatten", help="Cancel what is open, and close every position with the next runs.")
]


def halt(
    reason: Reason = "",
    account: Account = "daily",
    flatten: Flatten = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Stop an account from sending orders but those that reduce; data, decisions and reports go on."""
    run_command(lambda: (run_flatten if flatten else run_halt)(home, account, reason), shown_halt, as_json)


def resume(reason: Reason = "", account: Account = "daily", home: Home = None, as_json: AsJson = False) -> None:
    """Let a halted account trade again from its next day on."""
    run_command(lambda: run_resume(home, account, reason), shown_halt, as_json)


def run_halt(home: str | None, account: str, reason: str) -> "HaltAnswer":
    """Halt the account and return the answer of `turbodmt halt`."""
    from flows.config.settings import load
    from flows.config.wall_clock import clock
    from flows.scheduling.accounts_page import rewritten
    from tasks.operations.halt import halt as halt_account

    folder = load({"home": home}).home
    with rewritten(folder):
        return halt_account(folder, account, reason, clock())


def run_flatten(home: str | None, account: str, reason: str) -> "HaltAnswer":
    """Halt and flatten the account and return the answer of `turbodmt halt --flatten`."""
    from flows.config.settings import load
    from flows.config.wall_clock import clock
    from flows.scheduling.accounts_page import rewritten
    from tasks.operations.halt import flatten

    settings = load({"home": home})
    quiet_logs()
    with rewritten(settings.home):
        return flatten(settings.home, account, reason, clock(), _opened_later(settings))


def run_resume(home: str | None, account: str, reason: str) -> "HaltAnswer":
    """Resume the account and return the answer of `turbodmt resume`."""
    from flows.config.settings import load
    from flows.config.wall_clock import clock
    from flows.scheduling.accounts_page import rewritten
    from tasks.operations.halt import resume as resume_account

    folder = load({"home": home}).home
    with rewritten(folder):
        return resume_account(folder, account, reason, clock())


def _opened_later(settings: "Settings") -> "Callable[[str, datetime], Broker]":
    """Return what opens a broker by its name; its keys are looked for only then, as a halt does not wait for them."""

    def opened(broker: str, now: datetime) -> "Broker":
        from exchange.ports import BrokerRefused
        from flows.planning.adapters import broker_factory
        from flows.planning.api_keys import KeysMissing
        from flows.server.run_server import PrefectUnreachable

        try:
            return broker_factory(settings.model_copy(update={"broker": broker}))(now)
        except (KeysMissing, PrefectUnreachable) as error:
            raise BrokerRefused(str(error)) from error

    return opened


def shown_halt(answer: "HaltAnswer") -> str:
    """Return in words whether an account may trade, and why, what was cancelled, and what it still holds."""
    from flows.cli.number_format import left, order

    return sections(
        _sentence(answer),
        listed("Cancelled", [*map(order, answer.cancelled)], ("symbol", "side", "quantity", "as_of", "order_id")),
        listed("Still held", [*map(left, answer.left_over)], ("symbol", "quantity", "code", "reason")),
        warned(answer),
    )


def halt_line(answer: "HaltAnswer") -> str:
    """Return the same as one line, for Prefect's page, which runs lines together."""
    from flows.cli.number_format import quantity

    parts = [_sentence(answer)]
    if answer.cancelled:
        orders = (f"{each.side} {quantity(each.quantity)} {each.symbol}" for each in answer.cancelled)
        parts.append(f"Cancelled: {', '.join(orders)}.")
    if answer.left_over:
        left = (f"{quantity(each.quantity)} {each.symbol} ({each.reason})" for each in answer.left_over)
        parts.append(f"Still held: {', '.join(left)}.")
    return " ".join([*parts, *(f"Warning: {each}." for each in answer.warnings)])


def _sentence(answer: "HaltAnswer") -> str:
    reason = f" Reason: {answer.reason.rstrip('.')}." if answer.reason else ""
    already = "" if answer.changed else " It already was; nothing has changed."
    return f"Account {answer.account} is {_state(answer)}.{reason}{already}"


def _state(answer: "HaltAnswer") -> str:
    if answer.flatten:
        return "halted and flattened: each daily run closes what is held at the next open, until it is resumed"
    return "halted: only orders that reduce are sent" if answer.halted else "trading"
