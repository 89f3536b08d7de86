"""What the report says of the doubt: each number once, in a sentence that follows it."""

from dataclasses import replace

from strategy.evaluation.robustness import RobustnessReport
from strategy.evaluation.sharpe_tests import SharpeDifference
from tasks.report.robustness_text import evidence

BETTER = SharpeDifference(sharpe=0.8, rival_sharpe=0.3, difference=0.5, low=0.1, high=0.9, p=0.01)
DOUBT = RobustnessReport(
    days=253,
    trials=12,
    sharpe=0.8,
    low=-0.3,
    high=1.9,
    probabilistic=0.91,
    deflated=0.62,
    luckiest=0.55,
    min_track_record_days=1_064,
    spa_p=0.34,
    against={"hold": BETTER, "cash": None},
)


def told(doubt: RobustnessReport) -> dict[str, tuple[str, str]]:
    return {one.name: (one.value, one.meaning) for one in evidence(doubt)}


def test_every_number_is_said() -> None:
    said = told(DOUBT)
    assert said["Measured"] == (
        "0.80 (−0.30 to 1.90)",
        "Sharpe ratio with its 95% confidence interval, which includes 0",
    )
    assert said["Probabilistic Sharpe"][0] == "91.0%"
    assert said["Deflated Sharpe"][0] == "62.0%"
    assert "above 0.55, the expected best of 12 trials" in said["Deflated Sharpe"][1]
    assert said["Minimum track record"][0] == "1,064 days"
    assert said["Minimum track record"][1].endswith("not reached with 253 days")
    assert said["Against hold"] == (
        "0.50 (0.10 to 0.90)",
        "difference of the two ratios with its 95% confidence interval",
    )
    assert said["Superior ability, p"][0] == "0.34"


def test_what_is_undefined_says_why() -> None:
    said = told(replace(DOUBT, min_track_record_days=None, spa_p=None))
    assert said["Minimum track record"] == ("–", "undefined: the ratio is not positive")
    assert said["Against cash"] == ("–", "cash moves too little to compare")
    assert "Superior ability, p" not in said


def test_a_track_record_beyond_a_century_is_no_count_of_days() -> None:
    assert told(replace(DOUBT, min_track_record_days=2_911_405))["Minimum track record"] == (
        "more than 100 years",
        "for 95% confidence that the ratio is above 0; not reached with 253 days",
    )


def test_the_words_follow_the_numbers() -> None:
    said = told(replace(DOUBT, low=0.1, min_track_record_days=200, trials=1))
    assert "includes 0" not in said["Measured"][1]
    assert said["Minimum track record"][1].endswith("; reached with 253 days")
    assert said["Deflated Sharpe"][1] == "the same as above: no other configuration was tried on these days"
