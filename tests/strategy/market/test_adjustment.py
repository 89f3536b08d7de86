import numpy as np
import pytest

from strategy.market.adjustment import Overlap, adjustment_ratio, link

NOTHING = Overlap(ratio=np.empty(0), stored_ratio=np.empty(0), stored_link=np.empty(0), stored_factor=np.empty(0))


def overlap(ratio: list[float], stored_ratio: list[float], stored_link: list[float]) -> Overlap:
    stored, links = np.array(stored_ratio), np.array(stored_link)
    return Overlap(ratio=np.array(ratio), stored_ratio=stored, stored_link=links, stored_factor=stored / links)


def test_a_split_of_four_makes_the_factor_four() -> None:
    # 400 before the split is 100 after it: adjusted closes are raw closes from the split on, a quarter before.
    ratio = adjustment_ratio(np.array([400.0, 404.0, 102.0]), np.array([100.0, 101.0, 102.0]))
    assert (ratio / link(ratio, NOTHING)).tolist() == [1.0, 1.0, 4.0]


def test_a_dividend_raises_the_factor_by_what_the_price_lost() -> None:
    # A dividend of 2 on a close of 100: earlier closes are adjusted by 0.98.
    ratio = adjustment_ratio(np.array([100.0, 98.0]), np.array([98.0, 98.0]))
    assert ratio / link(ratio, NOTHING) == pytest.approx([1.0, 1 / 0.98], rel=1e-15)


def test_an_unchanged_delivery_keeps_the_link_to_the_last_bit() -> None:
    seen = overlap([0.7, 0.8, 0.9], [0.7, 0.8, 0.9], [0.3, 0.3, 0.3])
    assert link(seen.ratio, seen) == 0.3


def test_a_rebase_moves_no_factor() -> None:
    # Everything the source said before is halved by a split to come; the factors 1 and 1.25 stay.
    before = adjustment_ratio(np.array([100.0, 80.0]), np.array([80.0, 80.0]))
    stored = overlap([], before.tolist(), [before[0]] * 2)
    after = before / 2
    rebased = Overlap(
        ratio=after,
        stored_ratio=stored.stored_ratio,
        stored_link=stored.stored_link,
        stored_factor=stored.stored_factor,
    )
    assert after / link(after, rebased) == pytest.approx([1.0, 1.25], rel=1e-15)


def test_a_rebase_that_rounding_hides_on_some_bars_keeps_the_last_factor() -> None:
    hidden = overlap([0.5, 0.6], [0.5, 0.75], [0.25, 0.25])
    assert 0.6 / link(hidden.ratio, hidden) == pytest.approx(3.0, rel=1e-15)


def test_missing_adjusted_closes_mean_a_factor_of_one() -> None:
    ratio = adjustment_ratio(np.array([5.0, 6.0]), np.array([np.nan, np.nan]))
    assert (ratio / link(ratio, NOTHING)).tolist() == [1.0, 1.0]


def test_a_gap_in_the_adjusted_closes_keeps_the_ratio_around_it() -> None:
    close, adjusted = np.array([4.0, 4.0, 4.0, 4.0]), np.array([np.nan, 2.0, np.nan, 3.0])
    assert adjustment_ratio(close, adjusted).tolist() == [0.5, 0.5, 0.5, 0.75]
