"""Which strategies one account can run side by side, and how the combination is named."""

from dataclasses import replace

import pytest

from strategy.builtin.registry import HOLD, MOMENTUM, RULES, TURBO, VOL_TARGET
from strategy.market.own_columns import Lag
from strategy.signals.sleeves import MOST_SLEEVES, WEIGHTS, combined
from strategy.signals.strategies import Sizing, Sleeve, Strategy

EARLY = Strategy(name="early", signal=lambda bars: bars.close, history_bars=1, columns={"eps": Lag(days=45)})
LATE = replace(EARLY, name="late", columns={"eps": Lag(days=60)})
DIRECT = replace(EARLY, name="direct", sizing="direct", columns={}, history_bars=700)


def of(*weighted: tuple[Strategy, float | None]) -> Strategy:
    return combined([Sleeve(strategy=strategy, weight=weight) for strategy, weight in weighted])


def test_the_order_in_which_sleeves_are_named_makes_no_difference() -> None:
    assert of((RULES, 0.25), (MOMENTUM, 0.5)) == of((MOMENTUM, 0.5), (RULES, 0.25))


def test_a_combination_reads_what_any_of_its_sleeves_does() -> None:
    both = of((EARLY, 0.1), (DIRECT, 0.125))
    assert (str(both), both.history_bars, both.sizing) == ("direct=0.125+early=0.1", 700, Sizing.VOLATILITY)
    assert both.columns == {"eps": Lag(days=45)}
    assert of((DIRECT, None), (RULES, None)).sizing is Sizing.FULL
    assert str(of((DIRECT, None), (RULES, None))) == "direct=risk+rules=risk"


def test_the_version_of_a_combination_is_that_of_the_sleeves_of_the_users_own() -> None:
    own, other = replace(DIRECT, version="a" * 64), replace(DIRECT, version="b" * 64)
    assert of((RULES, 0.5), (MOMENTUM, 0.5)).version == ""
    versions = {of((each, 0.5), (RULES, 0.5)).version for each in (own, other)}
    assert len(versions) == 2
    assert all(len(version) == 64 for version in versions)


@pytest.mark.parametrize(
    ("weighted", "message"),
    [
        ([(RULES, 0.5), (TURBO, 0.5)], "the strategy turbo learns, and a sleeve must be a rule"),
        ([(RULES, 0.5), (HOLD, 0.5)], "the strategy hold buys once and keeps"),
        ([(RULES, 0.5), (RULES, 0.5)], "the strategy rules has two sleeves"),
        ([(RULES, 0.75), (MOMENTUM, 0.5)], f"the weights of the sleeves add up to 1.25; {WEIGHTS}"),
        ([(RULES, 0.0), (MOMENTUM, 0.5)], f"the weight of rules is 0; {WEIGHTS}"),
        ([(RULES, 1.5)], f"the weight of rules is 1.5; {WEIGHTS}"),
        ([(RULES, None), (MOMENTUM, 0.5)], f"the weight of momentum is 0.5 and that of rules is risk; {WEIGHTS}"),
        ([(EARLY, 0.5), (LATE, 0.5)], "reads the column eps 60 days late, and another sleeve 45 days"),
        ([(of((RULES, 1.0)), 0.5)], "has sleeves itself"),
        ([], "an account has 0 sleeves"),
        (
            [(replace(DIRECT, name=f"s{number}"), 0.1) for number in range(MOST_SLEEVES + 1)],
            f"an account has 9 sleeves; it may have {MOST_SLEEVES} at most",
        ),
    ],
)
def test_what_one_account_cannot_combine_is_refused(
    weighted: list[tuple[Strategy, float | None]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        of(*weighted)


def test_tenths_that_are_rounded_add_up_to_one() -> None:
    assert len(of(*((replace(DIRECT, name=f"s{number}"), 0.2) for number in range(5))).sleeves) == 5
    assert VOL_TARGET in of((VOL_TARGET, 0.7), (RULES, 0.2), (MOMENTUM, 0.1)).parts
