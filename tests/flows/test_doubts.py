from flows.doubts import doubts

HOLD = {"difference": 0.126, "low": -0.5, "high": 0.75, "p": 0.3}
SIGNIFICANCE = {
    "sharpe": 0.314,
    "low": -0.2,
    "high": 0.8,
    "probabilistic_sharpe": 0.996,
    "deflated_sharpe": 0.62,
    "luckiest_sharpe": 0.25,
    "min_track_record_bars": 900,
    "pbo": None,
    "spa_p": 0.3,
    "against": {"hold": HOLD, "momentum": None},
    "trials": 3,
    "bars": 252,
}


def test_a_backtest_says_how_far_it_can_be_believed() -> None:
    assert doubts(SIGNIFICANCE) == [
        "Net Sharpe 0.31 (95% between -0.20 and 0.80); the chance that it is above 0 is over 99%, that it is above "
        "what luck gives the best of 3 trials (0.25) 62%.",
        "It takes 900 days of such returns to be 95% sure that it is above 0; these are 252.",
        "Its difference from hold is 0.13 (95% between -0.50 and 0.75); luck alone gives as much in 30% of cases.",
        "momentum moves on too few days to be compared with it.",
    ]


def test_a_loss_needs_no_length_and_a_baseline_no_luck() -> None:
    poor = {"probabilistic_sharpe": 0.004, "min_track_record_bars": None, "trials": None, "against": {}}
    assert doubts({**SIGNIFICANCE, **poor}) == [
        "Net Sharpe 0.31 (95% between -0.20 and 0.80); the chance that it is above 0 is under 1%."
    ]


def test_an_account_that_hardly_moves_is_not_judged() -> None:
    assert doubts(None) == ["The account moves on too few days to say how sure its Sharpe ratio is."]
