"""The first network of some history, and whether the gate lets it trade in place of the prior."""

from collections.abc import Mapping
from dataclasses import dataclass

from strategy.market.bars import Bars
from strategy.networks.ensemble import Ensemble
from strategy.networks.transformer import NetworkShape
from strategy.portfolio.account_config import AccountConfig
from strategy.training.fit import fitted
from strategy.training.loop import TrainingDiverged
from strategy.training.promotion_gate import PRIOR, Figures, GateRules, Verdict, judge_first
from strategy.training.settings import TrainingSettings
from strategy.training.training_panel import training_panel
from strategy.training.windows import split

#: Whoever trains on this history for the first time has tried nothing else on it.
_TRIALS = 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidate:
    """A model and the gate's verdict on it; no model where none could be trained, which the verdict explains."""

    model: Ensemble | None
    verdict: Verdict


def candidate(
    bars: Mapping[str, Bars], mandate: AccountConfig, shape: NetworkShape, settings: TrainingSettings
) -> Candidate:
    """The first network that these bars, all of them, give, judged against the prior as a single trial.

    None where they are too few or the training diverges. Raises ValueError if the device is missing.
    """
    if not bars:
        return _untrained("there is no bar to train on")
    try:
        split(training_panel(bars, mandate), settings.rule(shape))
    except ValueError as error:
        return _untrained(str(error))
    try:
        trained = fitted(bars, mandate, shape, settings)
    except TrainingDiverged as error:
        return _untrained(str(error))
    rules = GateRules(days_per_year=trained.gate.days_per_year, trials=_TRIALS)
    return Candidate(model=trained.ensemble, verdict=judge_first(trained.gate.net, trained.prior_gate.net, rules))


def _untrained(reason: str) -> Candidate:
    figures = Figures(trials=_TRIALS, days=0, margin=None)
    return Candidate(model=None, verdict=Verdict(promoted=False, rival=PRIOR, figures=figures, reason=reason))
