"""The robustness of a Sharpe ratio as numbers, each with a plain sentence."""

from strategy.evaluation.robustness import RobustnessReport
from strategy.evaluation.sharpe_tests import SharpeDifference
from tasks.report.backtest_page import Evidence
from tasks.report.markup import ABSENT, chance, figure, share

#: The days of a hundred years if every day is traded, so at least a hundred years on any calendar.
_CENTURY_DAYS = 36_525


def record_length(days: int) -> str:
    """Return the length that a track record must have; more than a century is not given in days.

    >>> record_length(1_064), record_length(2_911_405)
    ('1,064 days', 'more than 100 years')
    """
    return f"{days:,} days" if days <= _CENTURY_DAYS else "more than 100 years"


def evidence(robustness: RobustnessReport) -> tuple[Evidence, ...]:
    """Return the lines of the report, from the ratio itself to each benchmark."""
    return (
        Evidence(
            name="Measured",
            value=f"{figure(robustness.sharpe)} ({figure(robustness.low)} to {figure(robustness.high)})",
            meaning="Sharpe ratio with its 95% confidence interval"
            + (", which includes 0" if robustness.low <= 0 <= robustness.high else ""),
        ),
        Evidence(
            name="Probabilistic Sharpe",
            value=share(robustness.probabilistic),
            meaning="probability that the true ratio is above 0",
        ),
        _above_luck(robustness),
        _length(robustness),
        *(_against(name, difference) for name, difference in robustness.against.items()),
        *_superiority(robustness.spa_p),
    )


def _above_luck(robustness: RobustnessReport) -> Evidence:
    told = (
        f"probability that the true ratio is above {figure(robustness.luckiest)}, the expected best of "
        f"{robustness.trials:,} trials without skill"
    )
    alone = "the same as above: no other configuration was tried on these days"
    return Evidence(
        name="Deflated Sharpe", value=share(robustness.deflated), meaning=told if robustness.trials > 1 else alone
    )


def _length(robustness: RobustnessReport) -> Evidence:
    days = robustness.min_track_record_days
    if days is None:
        return Evidence(name="Minimum track record", value=ABSENT, meaning="undefined: the ratio is not positive")
    enough = "reached" if days <= robustness.days else "not reached"
    return Evidence(
        name="Minimum track record",
        value=record_length(days),
        meaning=f"for 95% confidence that the ratio is above 0; {enough} with {robustness.days:,} days",
    )


def _against(name: str, difference: SharpeDifference | None) -> Evidence:
    if difference is None:
        return Evidence(name=f"Against {name}", value=ABSENT, meaning=f"{name} moves too little to compare")
    return Evidence(
        name=f"Against {name}",
        value=f"{figure(difference.difference)} ({figure(difference.low)} to {figure(difference.high)})",
        meaning="difference of the two ratios with its 95% confidence interval"
        + (", which includes 0" if difference.low <= 0 <= difference.high else ""),
    )


def _superiority(p: float | None) -> tuple[Evidence, ...]:
    if p is None:
        return ()
    meaning = "p-value of being no better than the best benchmark (Hansen's test of superior predictive ability)"
    return (Evidence(name="Superior ability, p", value=chance(p), meaning=meaning),)
