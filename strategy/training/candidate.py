"""First candidate: the first model trained on a history, and the promotion gate's verdict on a model."""

from dataclasses import dataclass

from strategy.market.bars import FloatArray
from strategy.signals.forecaster import Forecaster
from strategy.training.promotion_gate import PRIOR, Figures, GateRules, Verdict, judge_first, judge_refresh, refused
from strategy.training.trainer import Learned, NotTrained, Past, Trainer

#: The first training on a history is the only trial on it.
_TRIALS = 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidate:
    """A model and the promotion gate's verdict on it; if none could be trained, the verdict explains why."""

    model: Forecaster | None
    verdict: Verdict


def candidate(past: Past, trainer: Trainer) -> Candidate:
    """Train the first model on all these bars, and judge it against the prior as a single trial.

    The model is None if none came of the training. Raises ValueError for settings that admit no training at all.
    """
    if not past.bars:
        return _untrained("there is no bar to train on")
    try:
        learned = trainer.train(past)
    except NotTrained as error:
        return _untrained(str(error))
    rules = GateRules(days_per_year=learned.gate.days_per_year, trials=_TRIALS)
    return Candidate(model=learned.model, verdict=first_verdict(learned, rules))


def first_verdict(learned: Learned, rules: GateRules) -> Verdict:
    """Return the verdict on a model that has no champion to beat, only its prior."""
    if learned.refused:
        return refused(PRIOR, f"rejected: {learned.refused}", len(learned.gate.net), rules)
    return judge_first(learned.gate.net, learned.prior_gate.net, rules)


def refresh_verdict(learned: Learned, champion: FloatArray, rival: str, rules: GateRules) -> Verdict:
    """Return the verdict on a model beside the champion's returns on the gate dates; `rival` is the champion's id."""
    if learned.refused:
        return refused(rival, f"rejected: {learned.refused}", len(learned.gate.net), rules, margin=rules.margin)
    return judge_refresh(learned.gate.net, champion, rival, rules, learned.prior_gate.net)


def _untrained(reason: str) -> Candidate:
    figures = Figures(trials=_TRIALS, days=0, margin=None)
    return Candidate(model=None, verdict=Verdict(promoted=False, rival=PRIOR, figures=figures, reason=reason))
