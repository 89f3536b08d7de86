"""Audit of what a learner's models are trained on: a learner may bring one of its own."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from strategy.audit.lookahead import Checked, Market
from strategy.market.bars import TimeArray
from strategy.portfolio.account_config import AccountConfig
from strategy.signals.strategies import Strategy
from strategy.training.recipe import TrainingConfig
from strategy.training.walk_forward import Fold


class FoldAudit(Protocol):
    """Audit of walk-forward folds."""

    def teachable(self, bars: Market, fold: Fold) -> bool:
        """Return whether the fold has enough history to train a model on."""
        ...

    def check(self, bars: Market, open_time: TimeArray, plan: Sequence[Fold]) -> Checked:
        """Check that no fold of the plan is trained on later bars; `open_time` (U,) are the account's dates."""
        ...


@runtime_checkable
class AuditsFolds(Protocol):
    """A learner with an audit of its own."""

    def fold_audit(self, recipe: TrainingConfig, config: AccountConfig) -> FoldAudit:
        """Return the audit of what models of this recipe are trained on, for this account."""
        ...


def fold_audit(strategy: Strategy, recipe: TrainingConfig, config: AccountConfig) -> FoldAudit:
    """Return the audit of the strategy's folds. Raises ValueError if its learner has none."""
    if not isinstance(strategy.learner, AuditsFolds):
        raise ValueError(f"{strategy} has no learner with an audit of its folds")
    return strategy.learner.fold_audit(recipe, config)
