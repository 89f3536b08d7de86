import numpy as np
import pytest

from strategy.evaluation.deflated_sharpe import TrialLog
from strategy.evaluation.robustness import RobustnessReport, assess_robustness
from strategy.evaluation.sharpe import sharpe
from strategy.evaluation.sharpe_tests import compare
from strategy.market.bars import FloatArray
from testing.accounts.returns import universe

ALONE = TrialLog(count=1)


def doubted(net: FloatArray, *, trials: TrialLog = ALONE, **benchmarks: FloatArray) -> RobustnessReport:
    found = assess_robustness(net, benchmarks, trials, days_per_year=252, seed=1)
    assert found is not None
    return found


def tried(seed: int, days: int, skill: float = 0.0) -> RobustnessReport:
    """Return the report on the best of 20 strategies that bet on noise; the first has the daily Sharpe ratio."""
    random = np.random.default_rng(seed)
    market = 0.01 * random.standard_t(5, size=days) / (5 / 3) ** 0.5
    bets = random.choice([-1.0, 1.0], size=(20, days)) * market
    bets[0] += 0.01 * skill
    ratios = bets.mean(axis=1) / bets.std(axis=1, ddof=1)
    return doubted(bets[ratios.argmax()], trials=TrialLog(count=20, sharpes=tuple(ratios)))


def test_the_best_of_twenty_strategies_on_noise_is_not_believed() -> None:
    found = [tried(seed, 500) for seed in range(40)]
    assert sum(report.deflated >= 0.95 for report in found) <= 3
    # Without the deflation most would be.
    assert sum(report.probabilistic >= 0.95 for report in found) > 15
    assert np.mean([report.sharpe for report in found]) == pytest.approx(
        np.mean([report.luckiest for report in found]), rel=0.1
    )


@pytest.mark.slow
def test_noise_passes_at_most_19_of_200_times() -> None:
    assert sum(tried(seed, 1_260).deflated >= 0.95 for seed in range(200)) <= 19


def test_a_planted_strategy_is_believed() -> None:
    """Five years of all days; with its own ratio among the 20, what luck may do is put higher."""
    found = [tried(seed, 5 * 365, skill=0.12) for seed in range(30)]
    assert np.median([report.deflated for report in found]) > 0.95
    assert np.mean([report.deflated >= 0.95 for report in found]) > 0.6
    assert np.mean([report.probabilistic >= 0.95 for report in found]) == 1.0


def test_the_figures_hang_together() -> None:
    net, rival = universe(1, days=700)
    net = net + 0.001
    found = doubted(net, trials=TrialLog(count=3, sharpes=(0.02, 0.1)), rival=rival, twin=net.copy())
    assert found.sharpe == pytest.approx(sharpe(net, 252))
    assert found.low < found.sharpe < found.high
    assert found.luckiest > 0.0
    assert found.deflated < found.probabilistic
    assert (found.days, found.trials) == (700, 3)
    assert found.against["rival"] == compare(net, rival, days_per_year=252, seed=1)
    assert found.spa_p == 1.0


def test_a_record_as_long_as_told_is_just_believed() -> None:
    net = universe(3, days=600)[0] + 0.0006
    length = doubted(net).min_track_record_days
    assert length is not None
    # The same mean, spread and shape on so many days.
    values = np.quantile(net, (np.arange(length) + 0.5) / length)
    assert doubted(values).probabilistic == pytest.approx(0.95, abs=0.005)
    assert doubted(-net).min_track_record_days is None


def test_a_baseline_is_no_trial_and_a_lone_one_not_lucky() -> None:
    net = universe(4)[0]
    for trials in (TrialLog(count=0), ALONE, TrialLog(count=1, sharpes=(0.1,))):
        found = doubted(net, trials=trials)
        assert (found.deflated, found.luckiest, found.trials) == (found.probabilistic, 0.0, trials.count)


def test_the_hardest_benchmark_decides() -> None:
    net, rival = universe(5, days=900)
    better, worse = rival + 0.002, rival - 0.002
    alone = [doubted(net, benchmark=one).spa_p for one in (better, worse)]
    assert doubted(net, better=better, worse=worse).spa_p == max(p for p in alone if p is not None)
    assert alone[1] is not None
    assert alone[1] < 0.05


def test_a_benchmark_that_stands_still_cannot_be_compared() -> None:
    net, rival = universe(6)
    found = doubted(net, cash=np.zeros(len(net)))
    assert (found.against, found.spa_p) == ({"cash": None}, None)
    assert doubted(net, cash=np.zeros(len(net)), rival=rival).spa_p == doubted(net, rival=rival).spa_p


def test_nothing_is_said_of_too_little() -> None:
    rare = np.zeros(300)
    rare[:19] = universe(1)[0][:19]
    late = np.zeros(300)
    late[-21:] = universe(1)[0][:21]
    for net in (np.zeros(300), np.full(300, 0.001), rare, late, universe(1)[0][:19], np.zeros(0)):
        assert assess_robustness(net, {}, ALONE, days_per_year=252, seed=1) is None
    assert assess_robustness(np.full(300, np.nan), {}, ALONE, days_per_year=252, seed=1) is None
