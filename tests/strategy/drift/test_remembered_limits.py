"""What remembers the limits of equal pasts draws anew for any other."""

import numpy as np
import pytest

from strategy.drift.looks import Looks
from strategy.drift.shift import frozen_reference
from strategy.market.bars import FloatArray
from testing.runs.remembered_limits import remembered

LOOKS = Looks(year_days=252, seed=7, paths=300)
PAST = np.random.default_rng(1).normal(0.0, 0.01, (1_300, 2))


def test_limits_are_drawn_once_for_an_equal_past_and_anew_for_any_other() -> None:
    drawn: list[tuple[int, ...]] = []

    @remembered
    def draw(past: FloatArray, looks: Looks) -> float:
        drawn.append(past.shape)
        return float(past.sum()) + looks.seed

    assert draw(PAST, LOOKS) == draw(PAST.copy(), LOOKS)
    assert drawn == [PAST.shape]
    others = (PAST * 2.0, LOOKS), (PAST.reshape(-1, 1), LOOKS), (PAST, Looks(year_days=252, seed=8, paths=300))
    told = [draw(past, looks) for past, looks in others]
    assert told == [float(past.sum()) + looks.seed for past, looks in others]
    assert len(drawn) == 4


def test_a_past_that_is_refused_is_refused_again() -> None:
    draw = remembered(frozen_reference)
    for _ in range(2):
        with pytest.raises(ValueError, match="a symbol that is not covered"):
            draw(PAST[:100], LOOKS)
    assert draw(PAST, LOOKS) == frozen_reference(PAST, LOOKS)
