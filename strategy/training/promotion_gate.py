"""The promotion gate: a first network must beat the prior, a refresh must not be worse than the champion."""

from dataclasses import dataclass

import numpy as np

from strategy.evaluation.sharpe import sharpe
from strategy.evaluation.sharpe_tests import RESAMPLES, Incomparable, SharpeDifference, compare, sidak
from strategy.market.bars import FloatArray

#: The rule that trades where no model does: an entry of the registry that never expires.
PRIOR = "prior"

#: So many resamples for each trial that the deflated p can fall below the level at all, up to a bound.
_RESAMPLES_PER_TRIAL = 100
_MOST_RESAMPLES = 50_000

#: Daily returns that differ by less are the same trades.
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRules:
    """What a promotion takes: `trials` counts the configurations tried on these bars, the present one included.

    `margin` is in annualised Sharpe, `level` the deflated p that a first network must stay under, `min_days` the least
    number of days to judge on.
    """

    days_per_year: int
    trials: int
    level: float = 0.05
    margin: float = 0.10
    min_days: int = 126
    seed: int = 0

    def __post_init__(self) -> None:
        if self.trials < 1:
            raise ValueError(f"trials is {self.trials}; count the present one too, so at least 1")
        if not 0.0 < self.level < 1.0:
            raise ValueError(f"level is {self.level}; it must lie between 0 and 1")
        if not 0.0 <= self.margin < float("inf"):
            raise ValueError(f"margin is {self.margin}; it must be 0 or more")
        if self.days_per_year < 1 or self.min_days < 1:
            raise ValueError(f"days_per_year {self.days_per_year} and min_days {self.min_days} must be at least 1")

    @property
    def resamples(self) -> int:
        """The resamples that a p is counted from."""
        return min(max(RESAMPLES, _RESAMPLES_PER_TRIAL * self.trials), _MOST_RESAMPLES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a verdict rests on: annualised net Sharpe ratios, their difference, its 95 % interval, the chance of luck.

    None where there was nothing to compare; `margin` is None for a first network.
    """

    trials: int
    days: int
    margin: float | None
    sharpe: float | None = None
    rival_sharpe: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    p_deflated: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a challenger may trade instead of its rival, `prior` or a model's id, and why in one sentence."""

    promoted: bool
    rival: str
    figures: Figures
    reason: str


def judge_first(challenger: FloatArray, prior: FloatArray, rules: GateRules) -> Verdict:
    """Promoted only if the challenger's daily net returns (T,) beat the prior's (T,) by more than luck explains.

    The p of "no better" is deflated by the trials (Šidák). Where they are so many that no p of the resamples is low
    enough, the reason says so: a normal tail in their place would be far too small. What cannot be judged is refused:
    too few days, returns that are not finite or never vary, and a network that trades exactly what the prior trades.
    Raises ValueError for series of other shapes.
    """
    name = "the prior"
    found = _compared(challenger, prior, name, rules)
    if isinstance(found, str):
        return _refused(PRIOR, found, len(prior), rules)
    figures = _figures(found, len(prior), rules)
    if np.allclose(challenger, prior, rtol=0.0, atol=_ROUNDING):
        same = f"rejected: the network trades exactly what the prior trades on all {len(prior)} days"
        return Verdict(promoted=False, rival=PRIOR, figures=figures, reason=same)
    deflated = sidak(found.p, rules.trials)
    unresolved = deflated >= rules.level and found.p <= 1 / (1 + rules.resamples)
    promoted = deflated < rules.level and found.difference > 0
    return Verdict(
        promoted=promoted,
        rival=PRIOR,
        figures=figures,
        reason=f"{'promoted' if promoted else 'rejected'}: p = {_p(deflated)}{_corrected(rules.trials)}, needs < "
        f"{rules.level:g}; {_told(found, name, len(prior))}"
        + (f"; {rules.resamples} resamples cannot show a lower p for so many trials" if unresolved else ""),
    )


def judge_refresh(
    challenger: FloatArray, champion: FloatArray, rival: str, rules: GateRules, prior: FloatArray | None = None
) -> Verdict:
    """Promoted if the challenger's daily net returns (T,) are no worse than the champion's (T,) by the margin.

    `rival` is the champion's id. With the prior's returns (T,) the same is asked against the prior, or a chain of
    refreshes, each a little worse, would end below it. What cannot be judged is refused, and the champion stays.
    Raises ValueError for series of other shapes.
    """
    name = f"the champion {rival[:12]}"
    found = _compared(challenger, champion, name, rules)
    if isinstance(found, str):
        return _refused(rival, found, len(champion), rules, margin=rules.margin)
    least = None if prior is None else _sharpe_of_prior(prior, champion, rules)
    below = least is not None and found.sharpe < least - rules.margin
    promoted = found.difference >= -rules.margin and not below
    reason = (
        f"{'promoted' if promoted else 'rejected'}: a refresh may have a net Sharpe lower by at most "
        f"{rules.margin:.2f}; {_told(found, name, len(champion))}"
    )
    if below:
        reason += f"; the prior has {least:.2f}"
    return Verdict(
        promoted=promoted,
        rival=rival,
        figures=_figures(found, len(champion), rules, margin=rules.margin),
        reason=reason,
    )


def _sharpe_of_prior(prior: FloatArray, champion: FloatArray, rules: GateRules) -> float | None:
    if prior.shape != champion.shape:
        raise ValueError(
            f"the prior's returns have shape {prior.shape}, the champion's {champion.shape}; give the same"
        )
    return sharpe(prior, rules.days_per_year)


def _compared(challenger: FloatArray, rival: FloatArray, name: str, rules: GateRules) -> SharpeDifference | str:
    """The comparison, or why there is none."""
    if challenger.shape == rival.shape and len(rival) < rules.min_days:
        return f"rejected: {len(rival)} days of validation are too few, needs {rules.min_days}"
    try:
        return compare(
            challenger,
            rival,
            days_per_year=rules.days_per_year,
            seed=rules.seed,
            resamples=rules.resamples,
        )
    except Incomparable as error:
        return f"rejected: the network (first) cannot be compared with {name} (second): {error}"


def _told(found: SharpeDifference, name: str, days: int) -> str:
    return (
        f"net Sharpe {found.sharpe:.2f} against {found.rival_sharpe:.2f} of {name} on {days} days (difference "
        f"{found.difference:.2f}, 95% interval {found.low:.2f} to {found.high:.2f})"
    )


def _p(value: float) -> str:
    """Return a p-value with two decimals, four where it is small.

    >>> _p(0.9243), _p(0.0007)
    ('0.92', '0.0007')
    """
    return f"{value:.2f}" if value >= 0.1 else f"{value:.4f}"


def _corrected(trials: int) -> str:
    return f" corrected for {trials} trials" if trials > 1 else ""


def _figures(found: SharpeDifference, days: int, rules: GateRules, margin: float | None = None) -> Figures:
    return Figures(
        sharpe=found.sharpe,
        rival_sharpe=found.rival_sharpe,
        difference=found.difference,
        low=found.low,
        high=found.high,
        p=found.p,
        p_deflated=sidak(found.p, rules.trials),
        trials=rules.trials,
        days=days,
        margin=margin,
    )


def _refused(rival: str, reason: str, days: int, rules: GateRules, margin: float | None = None) -> Verdict:
    """A refusal without a comparison."""
    return Verdict(
        promoted=False,
        rival=rival,
        figures=Figures(trials=rules.trials, days=days, margin=margin),
        reason=reason,
    )
