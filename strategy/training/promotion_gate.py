"""Promotion gate: a first model must beat the prior, a refresh must not be worse than the champion."""

from dataclasses import asdict, dataclass
from enum import StrEnum

import numpy as np

from strategy.evaluation.sharpe import sharpe
from strategy.evaluation.sharpe_tests import RESAMPLES, Incomparable, SharpeDifference, compare, sidak
from strategy.market.bars import FloatArray

#: The rule that trades if no model does: a registry entry that never expires.
PRIOR = "prior"

#: The deflated p below which a first model must be, and the Sharpe ratio by which a refresh may be worse.
LEVEL, MARGIN = 0.05, 0.10
#: The fewest days on which to judge.
MIN_DAYS = 126

#: Resamples per trial, enough for the deflated p to fall below the level, and an upper bound on their total.
_RESAMPLES_PER_TRIAL = 100
_MOST_RESAMPLES = 50_000

#: Daily returns that differ by less come from the same trades.
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRules:
    """Rules of promotion: `trials` counts the configurations tried on these bars, the present one included.

    `margin` is in annualised Sharpe, `level` is the deflated p below which a first model must be, `min_days` is the
    fewest days on which to judge.
    """

    days_per_year: int
    trials: int
    level: float = LEVEL
    margin: float = MARGIN
    min_days: int = MIN_DAYS
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
        """Return the number of resamples from which p is computed."""
        return min(max(RESAMPLES, _RESAMPLES_PER_TRIAL * self.trials), _MOST_RESAMPLES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Figures behind a verdict: annualised net Sharpe ratios, their difference with its 95 % interval, and p-values.

    Fields are None if there was nothing to compare; `margin` is None for a first model.
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
    """Verdict on whether a challenger replaces its rival (`prior` or a model's id), with the reason in one sentence."""

    promoted: bool
    rival: str
    figures: Figures
    reason: str


def judge_first(challenger: FloatArray, prior: FloatArray, rules: GateRules) -> Verdict:
    """Promote only if the challenger's daily net returns (T,) beat the prior's (T,) by more than luck explains.

    The p of "no better" is deflated by the trials (Šidák). If there are so many trials that no p of the resamples is
    low enough, the reason says so: a normal tail instead would give a p far too small. Cases that cannot be judged are
    rejected: too few days, returns that are not finite or never vary, and a model that trades exactly like the prior.
    Raises ValueError if the series differ in shape.
    """
    name = "the prior"
    found = _compared(challenger, prior, name, rules)
    if isinstance(found, str):
        return refused(PRIOR, found, len(prior), rules)
    figures = _figures(found, len(prior), rules)
    if np.allclose(challenger, prior, rtol=0.0, atol=_ROUNDING):
        same = f"rejected: the model trades exactly what the prior trades on all {len(prior)} days"
        return Verdict(promoted=False, rival=PRIOR, figures=figures, reason=same)
    deflated = sidak(found.p, rules.trials)
    unresolved = deflated >= rules.level and found.p <= 1 / (1 + rules.resamples)
    promoted = deflated < rules.level and found.difference > 0
    return Verdict(
        promoted=promoted,
        rival=PRIOR,
        figures=figures,
        reason=f"{'promoted' if promoted else 'rejected'}: p = {_p(deflated)}{_corrected(rules.trials)}, needs < "
        f"{rules.level:g}; {_in_words(found, name, len(prior))}"
        + (f"; {rules.resamples} resamples cannot show a lower p for so many trials" if unresolved else ""),
    )


def judge_refresh(
    challenger: FloatArray, champion: FloatArray, rival: str, rules: GateRules, prior: FloatArray | None = None
) -> Verdict:
    """Promote if the challenger's daily net returns (T,) are no worse than the champion's (T,) by more than the margin.

    `rival` is the champion's id. If the prior's returns (T,) are given, the challenger must also be no worse than the
    prior by more than the margin; otherwise a chain of refreshes, each a little worse, would end below it. Cases that
    cannot be judged are rejected, and the champion stays. Raises ValueError if the series differ in shape.
    """
    name = f"the champion {rival[:12]}"
    found = _compared(challenger, champion, name, rules)
    if isinstance(found, str):
        return refused(rival, found, len(champion), rules, margin=rules.margin)
    least = None if prior is None else _sharpe_of_prior(prior, champion, rules)
    below = least is not None and found.sharpe < least - rules.margin
    promoted = found.difference >= -rules.margin and not below
    reason = (
        f"{'promoted' if promoted else 'rejected'}: a refresh may have a net Sharpe lower by at most "
        f"{rules.margin:.2f}; {_in_words(found, name, len(champion))}"
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
    """Return the comparison, or the reason why there is none."""
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
        return f"rejected: the model (first) cannot be compared with {name} (second): {error}"


def _in_words(found: SharpeDifference, name: str, days: int) -> str:
    return (
        f"net Sharpe {found.sharpe:.2f} against {found.rival_sharpe:.2f} of {name} on {days} days (difference "
        f"{found.difference:.2f}, 95% interval {found.low:.2f} to {found.high:.2f})"
    )


def _p(value: float) -> str:
    """Return a p-value with two decimals, or four if it is small.

    >>> _p(0.9243), _p(0.0007)
    ('0.92', '0.0007')
    """
    return f"{value:.2f}" if value >= 0.1 else f"{value:.4f}"


def _corrected(trials: int) -> str:
    return f" corrected for {trials} trials" if trials > 1 else ""


def _figures(found: SharpeDifference, days: int, rules: GateRules, margin: float | None = None) -> Figures:
    p_deflated = sidak(found.p, rules.trials)
    return Figures(**asdict(found), p_deflated=p_deflated, trials=rules.trials, days=days, margin=margin)


def refused(rival: str, reason: str, days: int, rules: GateRules, margin: float | None = None) -> Verdict:
    """Return a rejection without a comparison."""
    return Verdict(
        promoted=False,
        rival=rival,
        figures=Figures(trials=rules.trials, days=days, margin=margin),
        reason=reason,
    )


class Criterion(StrEnum):
    """What the gate asks for.

    DAYS: enough days of validation. COMPARABLE: returns that can be compared with the rival's. BETTER: a higher net
    Sharpe ratio than the prior's. SIGNIFICANT: by more than luck explains. NOT_WORSE: a net Sharpe ratio that is not
    below the champion's by more than the margin. ABOVE_PRIOR: nor below the prior's.
    """

    DAYS = "days"
    COMPARABLE = "comparable"
    BETTER = "better"
    SIGNIFICANT = "significant"
    NOT_WORSE = "not_worse"
    ABOVE_PRIOR = "above_prior"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A criterion with the value found and its limit, None where there is none, and whether it was met.

    `passed` is None if it was not looked at, because an earlier one was missed.
    """

    criterion: Criterion
    value: float | None
    limit: float | None
    passed: bool | None


def criteria(verdict: Verdict, prior_sharpe: float | None) -> tuple[Judged, ...]:
    """Return the criteria of the verdict in order; the model was promoted if and only if it passed all of them.

    `prior_sharpe` is the prior's net Sharpe ratio on the same days, None or 0 if it never moved: then nothing is asked
    of a refresh beside the champion.
    """
    found = verdict.figures
    enough = found.days >= MIN_DAYS
    compared = found.sharpe is not None
    first = [
        Judged(criterion=Criterion.DAYS, value=float(found.days), limit=float(MIN_DAYS), passed=enough),
        Judged(criterion=Criterion.COMPARABLE, value=None, limit=None, passed=compared if enough else None),
    ]
    if found.margin is None:
        more = [
            (Criterion.BETTER, found.difference, 0.0, (found.difference or 0.0) > 0.0),
            (Criterion.SIGNIFICANT, found.p_deflated, LEVEL, found.p_deflated is not None and found.p_deflated < LEVEL),
        ]
    else:
        more = [(Criterion.NOT_WORSE, found.difference, -found.margin, (found.difference or 0.0) >= -found.margin)]
        if prior_sharpe:
            least = prior_sharpe - found.margin
            more.append((Criterion.ABOVE_PRIOR, found.sharpe, least, (found.sharpe or 0.0) >= least))
    rest = [
        Judged(criterion=criterion, value=value, limit=limit, passed=passed if compared else None)
        for criterion, value, limit, passed in more
    ]
    return (*first, *rest)
