from dataclasses import replace
from datetime import date
from decimal import Decimal

from strategy.account.state import Account, Position
from strategy.portfolio.decision import Decision, Status
from strategy.portfolio.flattening import BESIDE, FLATTENED, flattened, is_flattened, traded_symbols, unsold
from strategy.portfolio.rebalancing import Rebalance

DAY = date(2020, 6, 8)
HELD = Position(quantity=Decimal(3), mark=Decimal(10))
ACCOUNT = Account(as_of=DAY, cash=Decimal(0), positions={"B": HELD, "C": HELD, "A": HELD})
DECIDED = (
    Decision(as_of=DAY, symbol="B", status=Status.STALE, reason="last bar is 9 days old"),
    Decision(as_of=DAY, symbol="C", status=Status.TRADED, exposure=0.7, signal=0.3, rebalance=Rebalance.EDGE),
)


def test_every_target_is_0_and_the_reason_of_a_status_stays() -> None:
    assert flattened(DECIDED, ACCOUNT, {}) == (
        Decision(as_of=DAY, symbol="A", status=Status.BESIDE, exposure=0.0, reason=BESIDE, rebalance=Rebalance.FLATTEN),
        replace(DECIDED[0], exposure=0.0, rebalance=Rebalance.FLATTEN),
        replace(DECIDED[1], exposure=0.0, rebalance=Rebalance.FLATTEN, reason=FLATTENED),
    )


def test_what_cannot_be_sold_keeps_its_position_and_the_decisions_say_so_again() -> None:
    barred = {"A": "A is halted there", "C": "C is halted there", "X": "is not held"}
    decisions = flattened(DECIDED, ACCOUNT, barred)
    assert [decision.exposure for decision in decisions] == [None, 0.0, None]
    assert unsold(decisions) == {"A": "A is halted there", "C": "C is halted there"}
    assert flattened(DECIDED, ACCOUNT, unsold(decisions)) == decisions


def test_a_day_is_known_as_flattened_by_its_code_and_what_it_traded_by_the_status() -> None:
    decisions = flattened(DECIDED, ACCOUNT, {})
    assert (is_flattened(decisions), is_flattened(DECIDED)) == (True, False)
    assert traded_symbols(decisions) == traded_symbols(DECIDED) == ("B", "C")
