from dataclasses import replace

import numpy as np
import pytest

from strategy.market.bars import FloatArray
from strategy.training.promotion_gate import PRIOR, Criterion, GateRules, criteria, judge_first, judge_refresh
from strategy.training.trainer import Returns

RULES = GateRules(days_per_year=252, trials=1)
CHAMPION = "c" * 64


def account(seed: int, daily: float = 0.0, days: int = 504) -> FloatArray:
    """Returns of 1 % volatility whose mean is `daily` exactly."""
    returns = np.random.default_rng(seed).normal(size=days)
    result: FloatArray = 0.01 * (returns - returns.mean()) / returns.std(ddof=1) + daily
    return result


def better(than: FloatArray, annual_sharpe: float) -> FloatArray:
    """An account that earns so much more a day at almost the same risk."""
    return than + 0.01 * annual_sharpe / 252**0.5 + 0.0005 * account(99, days=len(than)) / 0.01


def test_a_network_that_beats_the_prior_is_promoted_with_its_numbers() -> None:
    prior = account(1, 0.0003)
    verdict = judge_first(better(prior, 0.5), prior, RULES)
    figures = verdict.figures
    assert (verdict.promoted, verdict.rival, figures.days, figures.trials, figures.margin) == (
        True,
        PRIOR,
        504,
        1,
        None,
    )
    assert figures.rival_sharpe == pytest.approx(0.0003 / 0.01 * 252**0.5)
    assert figures.low is not None
    assert figures.low > 0
    assert verdict.reason == (
        "promoted: p = 0.0010, needs < 0.05; net Sharpe 0.97 against 0.48 of the prior on 504 days (difference 0.50, "
        "95% interval 0.42 to 0.58)"
    )


def test_what_was_found_in_many_trials_must_be_stronger() -> None:
    prior = account(1, 0.0003)
    challenger = prior + 0.002 * account(3, 0.0011) / 0.01
    once, often = (judge_first(challenger, prior, replace(RULES, trials=trials)) for trials in (1, 200))
    assert (once.promoted, often.promoted) == (True, False)
    assert once.figures.difference == often.figures.difference
    assert often.figures.p_deflated is not None
    assert often.figures.p is not None
    assert often.figures.p_deflated == pytest.approx(1 - (1 - often.figures.p) ** 200)


def test_many_trials_alone_do_not_make_a_promotion_impossible() -> None:
    prior = account(1, 0.0003)
    assert judge_first(better(prior, 2.0), prior, replace(RULES, trials=400)).promoted


def test_trials_beyond_what_resamples_can_tell_are_named() -> None:
    prior = account(1, 0.0003)
    told, silent = (judge_first(better(prior, 2.0), prior, replace(RULES, trials=trials)) for trials in (2_600, 2_500))
    assert (told.promoted, silent.promoted) == (False, True)
    assert told.reason.startswith("rejected: p = 0.0507 corrected for 2600 trials, needs < 0.05; ")
    assert told.reason.endswith("; 50000 resamples cannot show a lower p for so many trials")
    assert "resamples" not in silent.reason


def test_luck_is_not_promoted_more_often_than_the_level_says() -> None:
    promoted = 0
    for seed in range(200):
        prior = account(seed, days=252)
        noise = np.random.default_rng(1_000 + seed).normal(scale=0.003, size=252)
        promoted += judge_first(prior + noise, prior, RULES).promoted
    assert promoted <= 19


def test_a_worse_network_is_refused() -> None:
    prior = account(1, 0.0003)
    verdict = judge_first(better(prior, -0.5), prior, RULES)
    assert not verdict.promoted
    assert verdict.figures.p == pytest.approx(1.0, abs=0.01)


def test_an_untrained_network_is_refused_because_it_is_the_prior() -> None:
    prior = account(1)
    verdict = judge_first(prior + 1e-17, prior, RULES)
    assert not verdict.promoted
    assert verdict.reason == "rejected: the model trades exactly what the prior trades on all 504 days"
    assert (verdict.figures.difference, verdict.figures.p) == (0.0, 1.0)


def test_what_cannot_be_judged_is_refused_with_the_reason() -> None:
    prior, flat, broken = account(1), np.zeros(504), account(2)
    broken[7] = np.nan
    reasons = [
        judge_first(challenger, rival, RULES).reason
        for challenger, rival in ((broken, prior), (flat, prior), (prior, flat), (prior[:100], prior[:100]))
    ]
    start = "rejected: the model (first) cannot be compared with the prior (second): "
    assert reasons == [
        start + "1 of the 504 returns of the first account are not finite",
        start + "the first account moves on 0 of 504 days; it must vary on at least 20",
        start + "the second account moves on 0 of 504 days; it must vary on at least 20",
        "rejected: 100 days of validation are too few, needs 126",
    ]
    verdict = judge_refresh(broken, prior, CHAMPION, RULES)
    assert (verdict.promoted, verdict.rival, verdict.figures.sharpe) == (False, CHAMPION, None)
    assert "cannot be compared with the champion cccccccccccc (second)" in verdict.reason


def test_a_refresh_may_be_a_little_worse_and_no_more() -> None:
    champion = account(1, 0.0005)
    verdicts = [judge_refresh(better(champion, gap), champion, CHAMPION, RULES) for gap in (0.3, -0.05, -0.2)]
    assert [verdict.promoted for verdict in verdicts] == [True, True, False]
    assert verdicts[1].reason.startswith(
        "promoted: a refresh may have a net Sharpe lower by at most 0.10; net Sharpe 0.74 "
    )
    assert "0.74 against 0.79 of the champion cccccccccccc on 504 days" in verdicts[1].reason
    assert verdicts[2].reason.startswith("rejected: ")
    assert verdicts[1].figures.margin == 0.10
    assert judge_refresh(better(champion, -0.2), champion, CHAMPION, replace(RULES, margin=0.3)).promoted


def test_a_refresh_that_trades_like_the_champion_is_promoted() -> None:
    champion = account(1)
    assert judge_refresh(champion.copy(), champion, CHAMPION, RULES).promoted


def test_refreshes_do_not_sink_below_the_prior() -> None:
    champion, prior = account(1, 0.0001), account(1, 0.0006)
    challenger = better(champion, 0.05)
    assert judge_refresh(challenger, champion, CHAMPION, RULES).promoted
    verdict = judge_refresh(challenger, champion, CHAMPION, RULES, prior)
    assert not verdict.promoted
    assert verdict.reason.startswith("rejected: ")
    assert verdict.reason.endswith("; the prior has 0.95")
    assert judge_refresh(challenger, champion, CHAMPION, RULES, np.zeros(504)).promoted


def test_returns_of_other_days_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="of the same days"):
        judge_first(account(1), account(1)[1:], RULES)
    with pytest.raises(ValueError, match=r"prior's returns have shape \(503,\), the champion's \(504,\)"):
        judge_refresh(account(1), account(2), CHAMPION, RULES, account(3)[1:])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"trials": 0}, "trials is 0"),
        ({"level": 1.0}, "level is 1.0"),
        ({"margin": -0.1}, "margin is -0.1"),
        ({"days_per_year": 0}, "days_per_year 0"),
    ],
)
def test_impossible_rules_are_refused(change: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(RULES, **change)


@pytest.mark.parametrize("annual_sharpe", [-1.0, -0.2, -0.05, 0.0, 0.05, 0.5])
@pytest.mark.parametrize("days", [100, 504])
def test_a_model_is_promoted_if_and_only_if_it_passes_every_criterion(annual_sharpe: float, days: int) -> None:
    rival = account(1, 0.0003, days)
    challenger = better(rival, annual_sharpe)
    rules = replace(RULES, trials=3)
    verdicts = [judge_first(challenger, rival, rules)]
    priors = [account(2, -0.001, days), account(2, 0.002, days), np.zeros(days)]
    verdicts += [judge_refresh(challenger, rival, CHAMPION, rules, prior) for prior in priors]
    for verdict, prior in zip(verdicts, [rival, *priors], strict=True):
        judged = criteria(verdict, Returns(net=prior, days=np.ones(days), days_per_year=252).sharpe)
        assert verdict.promoted == all(one.passed for one in judged), (verdict.reason, judged)
    assert [one.criterion for one in criteria(verdicts[0], None)] == [
        Criterion.DAYS,
        Criterion.COMPARABLE,
        Criterion.BETTER,
        Criterion.SIGNIFICANT,
    ]
