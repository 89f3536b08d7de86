from flows.cli.research.significance import doubts
from tasks.backtest.answer import DifferenceAnswer, SignificanceAnswer

HOLD = DifferenceAnswer(difference=0.126, low=-0.5, high=0.75, p=0.3)
SIGNIFICANCE = SignificanceAnswer(
    sharpe=0.314,
    low=-0.2,
    high=0.8,
    probabilistic_sharpe=0.996,
    deflated_sharpe=0.62,
    luckiest_sharpe=0.25,
    min_track_record_bars=900,
    pbo=None,
    spa_p=0.3,
    against={"hold": HOLD, "momentum": None},
    trials=3,
    bars=252,
)


def test_a_backtest_says_how_far_it_can_be_believed() -> None:
    assert doubts(SIGNIFICANCE) == [
        "Net Sharpe 0.31 (95% interval -0.20 to 0.80); probability that it is above 0: over 99%; that it is above "
        "0.25, the best of 3 trials without skill, 62%.",
        "Minimum track record for 95% confidence that it is above 0: 900 days; this one has 252.",
        "Difference in Sharpe from hold: 0.13 (95% interval -0.50 to 0.75), p = 0.30.",
        "Not compared with momentum, which moves on too few days.",
    ]


def test_a_length_that_nobody_lives_to_see_is_told_in_years() -> None:
    (line,) = [
        one
        for one in doubts(SIGNIFICANCE.model_copy(update={"min_track_record_bars": 2_911_405}))
        if "track record" in one
    ]
    assert line == (
        "Minimum track record for 95% confidence that it is above 0: more than 100 years; this one has 252 days."
    )


def test_a_loss_needs_no_length_and_a_single_trial_no_luck() -> None:
    poor = {"probabilistic_sharpe": 0.004, "min_track_record_bars": None, "trials": 1, "against": {}}
    assert doubts(SIGNIFICANCE.model_copy(update=poor)) == [
        "Net Sharpe 0.31 (95% interval -0.20 to 0.80); probability that it is above 0: under 1%."
    ]


def test_an_account_that_hardly_moves_is_not_judged() -> None:
    assert doubts(None) == ["Too few days with a change in equity: no confidence interval for the Sharpe ratio."]
