"""First candidate: the first network trained on a history, and the promotion gate's verdict on it."""

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

#: The first training on a history is the only trial on it.
_TRIALS = 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidate:
    """A model and the promotion gate's verdict on it; if none could be trained, the verdict explains why."""

    model: Ensemble | None
    verdict: Verdict


def candidate(
    bars: Mapping[str, Bars], config: AccountConfig, shape: NetworkShape, settings: TrainingSettings
) -> Candidate:
    """Train the first network on all these bars, and judge it against the prior as a single trial.

    The model is None if there are too few bars or the training diverges. Raises ValueError if the device is missing.
    """
    if not bars:
        return _untrained("there is no bar to train on")
    try:
        split(training_panel(bars, config), settings.rule(shape))
    except ValueError as error:
        return _untrained(str(error))
    try:
        trained = fitted(bars, config, shape, settings)
    except TrainingDiverged as error:
        return _untrained(str(error))
    rules = GateRules(days_per_year=trained.gate.days_per_year, trials=_TRIALS)
    return Candidate(model=trained.ensemble, verdict=judge_first(trained.gate.net, trained.prior_gate.net, rules))


def _untrained(reason: str) -> Candidate:
    figures = Figures(trials=_TRIALS, days=0, margin=None)
    return Candidate(model=None, verdict=Verdict(promoted=False, rival=PRIOR, figures=figures, reason=reason))
