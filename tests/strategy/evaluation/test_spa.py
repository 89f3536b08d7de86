import numpy as np
import pytest
from arch.bootstrap import SPA

from strategy.evaluation.sharpe_tests import Incomparable, compare
from strategy.evaluation.spa import superiority
from strategy.market.bars import FloatArray
from testing.accounts.returns import universe


def family(seed: int, size: int, days: int = 300) -> tuple[FloatArray, FloatArray]:
    """Accounts (T, N) that are as good as the benchmark (T,), and hang together with it."""
    benchmark = universe(seed, days)[0]
    others = [0.7 * benchmark + 0.7 * universe(10_000 + 100 * seed + k, days)[0] for k in range(size)]
    return np.stack(others, axis=1), benchmark


@pytest.mark.parametrize("size", [1, 6])
def test_equal_accounts_are_superior_about_as_often_as_the_level_says(size: int) -> None:
    chances = np.array([superiority(*family(seed, size), seed=seed, resamples=199) for seed in range(200)])
    # A level of 5 % gives 10 of 200, with a standard deviation of 3; one of 20 % gives 40, with 6.
    assert 2 <= (chances <= 0.05).sum() <= 22
    assert 22 <= (chances <= 0.20).sum() <= 62


def from_arch(accounts: FloatArray, benchmark: FloatArray) -> float:
    losses = SPA(-benchmark / benchmark.std(), -accounts / accounts.std(axis=0), block_size=3, reps=1_000, seed=1)
    losses.compute()
    return float(losses.pvalues["consistent"])


@pytest.mark.parametrize("size", [1, 5])
def test_the_chance_is_that_of_arch(size: int) -> None:
    families = [family(seed, size) for seed in range(12)]
    differences = np.array([superiority(*one, seed=1) - from_arch(*one) for one in families])
    # Arch does not studentise: an account that is more of its own than the others weighs more there.
    assert abs(differences.mean()) < 0.02
    assert np.abs(differences).max() < (0.05 if size == 1 else 0.12)


def test_one_account_is_superior_as_its_difference_is_significant() -> None:
    for seed in range(10):
        mine, rival = universe(seed, days=600)
        mine = mine + 0.0005
        found = compare(mine, rival, days_per_year=252, seed=1).p
        assert superiority(mine[:, None], rival, seed=1) == pytest.approx(found, abs=0.05)


def test_a_truly_better_account_is_found_among_many() -> None:
    accounts, benchmark = family(1, 30, days=1_000)
    accounts[:, 7] = 0.5 * benchmark + 0.5 * accounts[:, 7] + 0.001
    assert superiority(accounts, benchmark, seed=1) < 0.02


def test_hopeless_accounts_do_not_hide_a_better_one() -> None:
    accounts, benchmark = family(2, 40, days=600)
    accounts[:, 0] += 0.0012
    hopeless = accounts - 0.01 * (np.arange(40) > 0)
    alone = superiority(accounts[:, :1], benchmark, seed=1)
    assert superiority(hopeless, benchmark, seed=1) == pytest.approx(alone, abs=0.02)


@pytest.mark.parametrize("size", [1, 6])
def test_where_all_accounts_are_clearly_worse_the_chance_is_one(size: int) -> None:
    accounts, benchmark = family(2, size, days=600)
    assert superiority(accounts - 0.01, benchmark, seed=1) == 1.0


def test_leverage_is_no_superiority() -> None:
    accounts, benchmark = family(3, 1)
    assert superiority(5.0 * accounts, benchmark, seed=1) == superiority(accounts, 0.2 * benchmark, seed=1)
    assert superiority(3.0 * benchmark[:, None], benchmark, seed=1) == 1.0


def test_an_account_that_never_varies_is_not_superior() -> None:
    accounts, benchmark = family(4, 1)
    idle = np.concatenate([accounts, np.zeros((300, 1)), np.full((300, 1), 0.1)], axis=1)
    assert superiority(idle, benchmark, seed=1) == superiority(accounts, benchmark, seed=1)
    assert superiority(idle[:, 1:], benchmark, seed=1) == 1.0


def test_the_same_and_a_sure_gain_each_day_is_superior() -> None:
    _, benchmark = family(5, 1)
    assert superiority(benchmark[:, None] + 1e-5, benchmark, seed=1) < 0.01


def test_what_cannot_be_judged_is_named() -> None:
    accounts, benchmark = family(6, 2)
    with pytest.raises(Incomparable, match="the benchmark moves on 0 of 300 days; it must vary on at least 20"):
        superiority(accounts, np.zeros(300), seed=1)
    with pytest.raises(ValueError, match=r"accounts of shape \(300,\), benchmark \(300,\); give \(T, N\) and \(T,\)"):
        superiority(benchmark, benchmark, seed=1)
