"""A halt in words."""

from datetime import date
from decimal import Decimal

from flows.cli.trade.halt import halt_line, shown_halt
from tasks.operations.halt import HaltAnswer
from tasks.run.answers import LeftOverAnswer, OrderAnswer


def test_a_halt_and_a_resumption_without_need_say_what_has_changed() -> None:
    halted = HaltAnswer(account="desk", halted=True, since=None, reason="the feed looks wrong.", changed=True)
    assert shown_halt(halted) == (
        "Account desk is halted: only orders that reduce are sent. Reason: the feed looks wrong."
    )
    trading = HaltAnswer(account="desk", halted=False, since=None, reason="", changed=False)
    assert shown_halt(trading) == "Account desk is trading. It already was; nothing has changed."


def test_a_flattening_says_what_is_still_held_and_why() -> None:
    dust = LeftOverAnswer(symbol="SPY", quantity=Decimal("0.25"), code="dust", reason="is below one lot of 1")
    flat = HaltAnswer(
        account="desk", halted=True, since=None, reason="out", changed=True, flatten=True, left_over=(dust,)
    )
    lines = shown_halt(flat).splitlines()
    assert lines[0] == (
        "Account desk is halted and flattened: each daily run closes what is held at the next open, until it is "
        "resumed. Reason: out."
    )
    assert [line.split() for line in lines[-1:]] == [["SPY", "0.25", "dust", "is", "below", "one", "lot", "of", "1"]]


def test_what_is_cancelled_and_held_is_told_in_one_line_where_lines_are_joined() -> None:
    sold = OrderAnswer(
        order_id="tdmt-1",
        symbol="TLT",
        as_of=date(2020, 5, 19),
        side="sell",
        quantity=Decimal("17.40530000"),
        state="cancelled",
        reason="",
    )
    dust = LeftOverAnswer(symbol="SPY", quantity=Decimal("0.25"), code="dust", reason="below one lot of 1")
    flat = HaltAnswer(
        account="desk",
        halted=True,
        since=None,
        reason="out",
        changed=True,
        flatten=True,
        cancelled=(sold,),
        left_over=(dust,),
        warnings=("the broker does not answer",),
    )
    assert halt_line(flat) == (
        f"{shown_halt(flat).splitlines()[0]} Cancelled: sell 17.4053 TLT. Still held: 0.25 SPY (below one lot of 1). "
        "Warning: the broker does not answer."
    )
