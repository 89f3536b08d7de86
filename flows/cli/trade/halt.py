"""`turbodmt halt` and `turbodmt resume`: stop an account from sending orders, and let it trade again."""

from typing import TYPE_CHECKING

from flows.cli.console import run_command
from flows.cli.options import Account, AsJson, Home, Reason

if TYPE_CHECKING:
    from tasks.operations.halt import HaltAnswer


def halt(reason: Reason = "", account: Account = "daily", home: Home = None, as_json: AsJson = False) -> None:
    """Stop an account from sending orders but those that reduce; data, decisions and reports go on."""
    run_command(lambda: run_halt(home, account, reason), shown_halt, as_json)


def resume(reason: Reason = "", account: Account = "daily", home: Home = None, as_json: AsJson = False) -> None:
    """Let a halted account trade again from its next day on."""
    run_command(lambda: run_resume(home, account, reason), shown_halt, as_json)


def run_halt(home: str | None, account: str, reason: str) -> "HaltAnswer":
    """Halt the account and return the answer of `turbodmt halt`."""
    from flows.config.settings import load
    from tasks.operations.halt import halt as halt_account

    return halt_account(load({"home": home}).home, account, reason)


def run_resume(home: str | None, account: str, reason: str) -> "HaltAnswer":
    """Resume the account and return the answer of `turbodmt resume`."""
    from flows.config.settings import load
    from tasks.operations.halt import resume as resume_account

    return resume_account(load({"home": home}).home, account, reason)


def shown_halt(answer: "HaltAnswer") -> str:
    """Return in words whether an account may trade, and why."""
    state = "halted: only orders that reduce are sent" if answer.halted else "trading"
    reason = f" Reason: {answer.reason.rstrip('.')}." if answer.reason else ""
    already = "" if answer.changed else " It already was; nothing has changed."
    return f"Account {answer.account} is {state}.{reason}{already}"
