import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategy.evaluation.sharpe import sharpe
from strategy.evaluation.sharpe_tests import Incomparable, SharpeDifference, compare, sharpe_interval, sidak
from strategy.market.bars import FloatArray
from testing.accounts.returns import universe


def judged(mine: FloatArray, rival: FloatArray, resamples: int = 300) -> SharpeDifference:
    return compare(mine, rival, days_per_year=252, seed=7, resamples=resamples)


def test_equal_accounts_are_rejected_about_as_often_as_the_level_says() -> None:
    pairs = [universe(seed) for seed in range(300)]
    chances = np.array([judged(*pair, resamples=199).p for pair in pairs])
    # A level of 5 % gives 15 of 300, with a standard deviation of 4; one of 20 % gives 60, with 7.
    assert 6 <= (chances <= 0.05).sum() <= 27
    assert 42 <= (chances <= 0.20).sum() <= 82


def test_a_truly_better_account_is_found_and_its_interval_holds_the_truth() -> None:
    found = []
    for seed in range(60):
        mine, rival = universe(seed, days=600)
        mine = rival + 0.002 * (mine - rival) + 0.0008
        found.append(judged(mine, rival, resamples=199).p)
    assert np.mean(np.array(found) <= 0.05) > 0.9


def test_the_interval_covers_the_true_difference() -> None:
    found = [judged(*universe(seed), resamples=199) for seed in range(300)]
    assert np.mean([difference.low <= 0.0 <= difference.high for difference in found]) > 0.9


@pytest.mark.parametrize(("days", "drift"), [(250, 0.0), (700, 0.001)])
def test_the_interval_of_a_sharpe_ratio_covers_the_true_one(days: int, drift: float) -> None:
    found = [
        sharpe_interval(universe(seed, days)[0] + drift, days_per_year=1, seed=1, resamples=199) for seed in range(300)
    ]
    below = np.mean([high < drift / 0.01 for _, high in found])
    above = np.mean([low > drift / 0.01 for low, _ in found])
    # 95 % is meant; short series with fat tails and memory give 91 to 94 %.
    assert 0.89 < 1.0 - below - above < 0.98
    assert max(below, above) < 0.07


@given(st.integers(min_value=0, max_value=10_000))
def test_turning_the_pair_round_turns_the_answer_round(seed: int) -> None:
    mine, rival = universe(seed, days=60)
    one, other = judged(mine, rival), judged(rival, mine)
    assert one.difference == -other.difference
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=1e-9)
    assert one.p + other.p == pytest.approx(1.0, abs=0.01)
    assert (one.sharpe, one.rival_sharpe) == (other.rival_sharpe, other.sharpe)


def test_identical_accounts_differ_by_nothing() -> None:
    mine, _ = universe(1)
    found = judged(mine, mine.copy())
    assert (found.difference, found.low, found.high, found.p) == (0.0, 0.0, 0.0, 1.0)
    assert found.sharpe == found.rival_sharpe == pytest.approx(sharpe(mine, 252))


def test_a_rounding_error_is_no_difference() -> None:
    mine, _ = universe(1)
    assert judged(mine, mine * (1 + 1e-13)).p == 1.0


def test_scaling_an_account_changes_nothing() -> None:
    mine, rival = universe(2)
    one, other = judged(mine, rival), judged(4.0 * mine, rival)
    assert (one.difference, one.low, one.p) == pytest.approx((other.difference, other.low, other.p))


def test_the_same_seed_gives_the_same_answer_whatever_is_held_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = universe(3)
    first = judged(*pair)
    assert judged(*pair) == first
    assert compare(*pair, days_per_year=252, seed=8, resamples=300) != first
    monkeypatch.setattr("strategy.evaluation.bootstrap._CHUNK_NUMBERS", 30_000)
    again = judged(*pair)
    assert (again.difference, again.p) == pytest.approx((first.difference, first.p), abs=0.1)


def test_a_strong_daily_dependence_lengthens_the_blocks_and_so_widens_the_interval() -> None:
    plain, dependent = (judged(*universe(4, days=1000, autocorrelation=share)) for share in (0.0, 0.6))
    assert dependent.high - dependent.low > 1.3 * (plain.high - plain.low)


def test_what_cannot_be_compared_is_named() -> None:
    mine, rival = universe(5)
    broken, flat, rare = mine.copy(), np.zeros(300), np.zeros(300)
    broken[3:5], rare[:7] = (np.nan, np.inf), mine[:7]
    with pytest.raises(Incomparable, match="2 of the 300 returns of the second account are not finite"):
        judged(rival, broken)
    with pytest.raises(Incomparable, match="the first account moves on 0 of 300 days; it must vary on at least 20"):
        judged(flat, rival)
    with pytest.raises(Incomparable, match="the first account moves on 7 of 300 days"):
        judged(rare, rival)
    with pytest.raises(Incomparable, match="the second account moves on 300 of 300 days; it must vary"):
        judged(mine, np.full(300, 0.001))
    with pytest.raises(ValueError, match=r"shapes \(300,\) and \(299,\); give two series"):
        judged(mine, rival[1:])
    with pytest.raises(ValueError, match=r"shapes \(2, 300\) and \(2, 300\); give two series"):
        judged(universe(1), universe(1))


def test_an_account_that_stands_still_on_most_days_cannot_be_compared() -> None:
    """Some resamples would not vary at all, and their Sharpe ratio would be no number."""
    late = np.zeros(200)
    late[-25:] = np.random.default_rng(0).normal(0.001, 0.01, 25)
    with pytest.raises(Incomparable, match="some resamples of the 200 days never vary, because few of them move"):
        compare(late, 0.5 * late + np.roll(late, 1), days_per_year=252, seed=0)


def test_the_chance_of_the_best_of_many_grows_with_their_number() -> None:
    assert sidak(0.01, 10) == pytest.approx(1 - 0.99**10)
    assert sidak(1e-18, 10) == pytest.approx(1e-17)
    assert (sidak(0.0, 50), sidak(1.0, 50)) == (0.0, 1.0)


def test_an_impossible_chance_is_refused() -> None:
    with pytest.raises(ValueError, match=r"p is 1.5; a probability lies between 0 and 1"):
        sidak(1.5, 1)
    with pytest.raises(ValueError, match="trials is 0; count the present one too"):
        sidak(0.5, 0)
