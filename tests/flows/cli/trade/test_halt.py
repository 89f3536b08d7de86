"""A halt in words."""

from flows.cli.trade.halt import shown_halt


def test_a_halt_and_a_resumption_without_need_say_what_has_changed() -> None:
    halted = {"account": "desk", "halted": True, "reason": "the feed looks wrong.", "changed": True}
    assert shown_halt(halted) == (
        "Account desk is halted: only orders that reduce are sent. Reason: the feed looks wrong."
    )
    trading = {"account": "desk", "halted": False, "reason": "", "changed": False}
    assert shown_halt(trading) == "Account desk is trading. It already was; nothing has changed."
