"""A halt in words."""

from flows.cli.trade.halt import shown_halt
from tasks.operations.halt import HaltAnswer


def test_a_halt_and_a_resumption_without_need_say_what_has_changed() -> None:
    halted = HaltAnswer(account="desk", halted=True, since=None, reason="the feed looks wrong.", changed=True)
    assert shown_halt(halted) == (
        "Account desk is halted: only orders that reduce are sent. Reason: the feed looks wrong."
    )
    trading = HaltAnswer(account="desk", halted=False, since=None, reason="", changed=False)
    assert shown_halt(trading) == "Account desk is trading. It already was; nothing has changed."
