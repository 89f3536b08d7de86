"""What the report says of the doubt: each number once, in a sentence that follows it."""

from dataclasses import replace

from strategy.doubt import Doubt
from strategy.significance import SharpeDifference
from tasks.evidence import evidence

BETTER = SharpeDifference(sharpe=0.8, rival_sharpe=0.3, difference=0.5, low=0.1, high=0.9, p=0.01, block_days=1.0)
DOUBT = Doubt(
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


def told(doubt: Doubt) -> dict[str, tuple[str, str]]:
    return {one.name: (one.value, one.meaning) for one in evidence(doubt)}


def test_every_number_is_said() -> None:
    said = told(DOUBT)
    assert said["Measured"] == (
        "0.80 (−0.30 to 1.90)",
        "the range holds the true ratio in 95 of 100 cases; 0 lies in it",
    )
    assert said["Above 0"][0] == "91.0%"
    assert said["Above luck"][0] == "62.0%"
    assert "above 0.55, which the luckiest of the 12 configurations" in said["Above luck"][1]
    assert said["Days needed"][0] == "1,064"
    assert said["Days needed"][1].endswith("but there are 253")
    assert said["Against hold"] == ("0.50 (0.10 to 0.90)", "the difference of the two ratios")
    assert said["By luck alone"][0] == "34.0%"


def test_what_is_undefined_says_why() -> None:
    said = told(replace(DOUBT, min_track_record_days=None, spa_p=None))
    assert said["Days needed"] == ("–", "a ratio that is not positive never shows skill, however long")
    assert said["Against cash"] == ("–", "cash varies too little to compare")
    assert "By luck alone" not in said


def test_the_words_follow_the_numbers() -> None:
    said = told(replace(DOUBT, low=0.1, min_track_record_days=200, trials=1))
    assert "0 lies" not in said["Measured"][1]
    assert said["Days needed"][1].endswith("which there are")
    assert said["Above luck"][1] == "the same: no other configuration was tried on these days"
