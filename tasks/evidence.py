"""The doubt about a Sharpe ratio, one number and one plain sentence at a time."""

from strategy.doubt import Doubt
from strategy.significance import SharpeDifference
from tasks.backtest_page import Evidence
from tasks.markup import ABSENT, figure, share


def evidence(doubt: Doubt) -> tuple[Evidence, ...]:
    """What the report says about it, from the ratio itself to each benchmark."""
    return (
        Evidence(
            name="Measured",
            value=f"{figure(doubt.sharpe)} ({figure(doubt.low)} to {figure(doubt.high)})",
            meaning="the range holds the true ratio in 95 of 100 cases"
            + ("; 0 lies in it" if doubt.low <= 0 <= doubt.high else ""),
        ),
        Evidence(
            name="Above 0", value=share(doubt.probabilistic), meaning="the chance that the true ratio is positive"
        ),
        _above_luck(doubt),
        _length(doubt),
        *(_against(name, one) for name, one in doubt.against.items()),
        *_superiority(doubt.spa_p),
    )


def _above_luck(doubt: Doubt) -> Evidence:
    told = (
        f"the chance that it lies above {figure(doubt.luckiest)}, which the luckiest of the {doubt.trials:,} "
        "configurations tried would show without skill"
    )
    alone = "the same: no other configuration was tried on these days"
    return Evidence(name="Above luck", value=share(doubt.deflated), meaning=told if doubt.trials > 1 else alone)


def _length(doubt: Doubt) -> Evidence:
    days = doubt.min_track_record_days
    if days is None:
        return Evidence(
            name="Days needed", value=ABSENT, meaning="a ratio that is not positive never shows skill, however long"
        )
    enough = "which there are" if days <= doubt.days else f"but there are {doubt.days:,}"
    return Evidence(
        name="Days needed",
        value=f"{days:,}",
        meaning=f"so long must such returns go on to be positive with 95% confidence, {enough}",
    )


def _against(name: str, difference: SharpeDifference | None) -> Evidence:
    if difference is None:
        return Evidence(name=f"Against {name}", value=ABSENT, meaning=f"{name} varies too little to compare")
    return Evidence(
        name=f"Against {name}",
        value=f"{figure(difference.difference)} ({figure(difference.low)} to {figure(difference.high)})",
        meaning="the difference of the two ratios"
        + ("; 0 lies in its range" if difference.low <= 0 <= difference.high else ""),
    )


def _superiority(p: float | None) -> tuple[Evidence, ...]:
    if p is None:
        return ()
    meaning = "the chance that luck alone makes it look this much better than the benchmark that is hardest to beat"
    return (Evidence(name="By luck alone", value=share(p), meaning=meaning),)
