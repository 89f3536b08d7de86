"""Windows are cut so that nothing of the validation, nor of the purge before it, is learned."""

from dataclasses import replace

import numpy as np
import pytest

from strategy.market.bars import Bars
from strategy.signals.features import FEATURE_BARS
from strategy.training.rollout import departures
from strategy.training.training_panel import FIRST_ROW, TrainingPanel, training_panel
from strategy.training.windows import LEAST_GATE_DAYS, LEAST_STOP_DAYS, SplitRule, split, window_starts, windows
from testing.markets.panels import mandate, market, stock, walk
from testing.runs.networks import TINY, opinionated

RULE = SplitRule(context_bars=32, validation_share=0.4, purge_bars=20)


def panel(*bars: Bars) -> TrainingPanel:
    return training_panel(market(*bars), mandate(market(*bars)))


@pytest.mark.parametrize("first_of_b", ["2010-01-01", "2010-09-01", "2008-06-01"])
def test_learned_stopping_and_judging_dates_follow_each_other_with_a_purge_before_them(first_of_b: str) -> None:
    whole = panel(walk("A", 1, 1000), walk("B", 2, 800, first=first_of_b))
    parts = split(whole, RULE)
    assert parts.training.max() + RULE.scored_bars < parts.stop.start - RULE.purge_bars
    assert parts.stop.stop == parts.gate.start
    assert parts.gate.stop == len(whole) - 1
    assert abs(len(parts.gate) - len(parts.stop)) <= 1


def test_the_share_of_the_newest_dates_validates() -> None:
    whole = panel(walk("A", 1, 1000))
    parts = split(whole, RULE)
    usable = 1000 - 1 - FIRST_ROW
    assert len(parts.stop) + len(parts.gate) == usable - int(usable * 0.6)


def test_every_window_starts_where_some_symbol_has_its_whole_context() -> None:
    whole = panel(walk("A", 1, 1000), walk("B", 2, 400))
    starts = window_starts(whole, RULE)
    assert starts[0] == FEATURE_BARS - 1 + RULE.context_bars - RULE.scored_bars
    assert np.array_equal(starts, np.arange(starts[0], len(whole) - RULE.scored_bars))


def test_a_window_shows_each_symbol_its_own_rows_up_to_the_last_date() -> None:
    whole = panel(walk("COIN", 1, 1000), stock("STK", 2, 700))
    at = windows(whole, np.array([500, 601]), RULE.scored_bars, RULE.context_bars)
    assert at.rows.shape == (4, 32, 30)
    assert at.owner.tolist() == [0, 1, 2, 3]
    stk = whole.dates.row[601 + 15, 1]
    assert np.array_equal(at.rows[3], whole.inputs[1][stk - 31 : stk + 1])
    for window, symbol in ((2, 0), (3, 1)):
        shown = at.rows[window][at.position[window]]
        assert np.array_equal(shown, whole.inputs[symbol][whole.dates.row[601 : 601 + 16, symbol]])
    assert at.position.min() >= RULE.context_bars - RULE.scored_bars


def test_a_symbol_without_a_whole_context_is_left_to_the_prior() -> None:
    whole = panel(walk("A", 1, 1000), walk("B", 2, 300), walk("C", 3, 1))
    at = windows(whole, np.array([250, 280, 300, 320]), RULE.scored_bars, RULE.context_bars)
    # B has its context from row 283 on and is gone a week after its last bar, 299.
    assert at.owner.tolist() == [3, 4, 6, 7, 9]


def test_a_symbol_that_goes_within_a_window_is_shown_while_it_is_there() -> None:
    """What a date's decision sees must not depend on whether the symbol is still there at the window's end."""
    whole = panel(walk("A", 1, 1000), walk("B", 2, 300))
    at = windows(whole, np.array([300]), RULE.scored_bars, RULE.context_bars)
    assert at.owner.tolist() == [0, 1]
    assert at.current[1].tolist() == [True] * 7 + [False] * 9
    short = panel(walk("A", 1, 303), walk("B", 2, 300))
    network, span = opinionated(replace(TINY, context_bars=32)), range(285, 300)
    seen = departures([network], whole, span, RULE, 16)
    assert (seen[:, 1] != 0).all()
    assert departures([network], short, span, RULE, 16) == pytest.approx(seen, abs=1e-6)


def test_no_symbol_with_a_context_gives_no_rows() -> None:
    assert windows(panel(walk("A", 1, 1000)), np.array([100]), 16, 32).rows.shape == (0, 32, 30)


def test_too_little_history_is_refused_with_the_numbers() -> None:
    with pytest.raises(
        ValueError, match=r"not enough history to train: 400 bars give \d+ training windows .* import more history"
    ):
        split(panel(walk("A", 1, 400)), RULE)


def test_both_halves_of_the_validation_must_be_long_enough() -> None:
    assert LEAST_STOP_DAYS < LEAST_GATE_DAYS
    parts = split(panel(walk("A", 1, 900)), RULE)
    assert len(parts.gate) >= LEAST_GATE_DAYS
    with pytest.raises(ValueError, match=r"125 days of validation \(needs 126\)"):
        split(panel(walk("A", 1, FIRST_ROW + 1 + 623)), RULE)


@pytest.mark.parametrize(
    ("name", "value"), [("context_bars", 1), ("validation_share", 1.0), ("validation_share", 0.0), ("purge_bars", -1)]
)
def test_a_rule_out_of_range_is_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name} is {value}; it must be"):
        SplitRule(**{"context_bars": 32, name: value})


def test_a_window_in_which_only_a_symbol_that_has_gone_has_a_context_is_no_start() -> None:
    whole = panel(walk("GONE", 1, 400), walk("YOUNG", 2, 700, first="2011-02-10"))
    starts = window_starts(whole, RULE)
    at = windows(whole, starts, RULE.scored_bars, RULE.context_bars)
    assert np.unique(at.owner // 2).tolist() == list(range(len(starts)))
    assert not {420, 500, 600} & set(starts.tolist())
