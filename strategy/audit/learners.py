"""Audit of what a learner's models are trained on: a learner may bring one of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from strategy.audit.lookahead import Checked, Market, with_another_future
from strategy.market.bars import TimeArray, bars_until
from strategy.market.session_dates import session_date
from strategy.portfolio.account_config import AccountConfig
from strategy.signals.strategies import Arrays, Strategy
from strategy.training.learners import trainer_of
from strategy.training.recipe import TrainingConfig
from strategy.training.trainer import NotTrained, Past, Trainer
from strategy.training.walk_forward import EMBARGO_BARS, Fold


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
    """Return the audit of the strategy's folds. Raises ValueError if it has no learner."""
    if isinstance(strategy.learner, AuditsFolds):
        return strategy.learner.fold_audit(recipe, config)
    return _Refits(trainer=trainer_of(strategy, recipe), config=config)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Refits:
    """Audit that fits each fold twice, and once more where all bars after it differ."""

    trainer: Trainer
    config: AccountConfig

    def teachable(self, bars: Market, fold: Fold) -> bool:
        try:
            self._arrays(bars, fold)
        except NotTrained:
            return False
        return True

    def check(self, bars: Market, open_time: TimeArray, plan: Sequence[Fold]) -> Checked:
        differences = []
        for number, fold in enumerate(plan):
            day, draw = session_date(fold.fitted_to), np.random.default_rng(number)
            arrays = self._arrays(bars, fold)
            for words, again in (
                ("a second time", self._arrays(bars, fold)),
                ("before another future", self._arrays(with_another_future(bars, day, draw), fold)),
            ):
                if _bytes(again) != _bytes(arrays):
                    differences.append(f"fold fitted to {day}: its model is another one when trained {words}")
            first = open_time[fold.dates.start]
            between = int(((open_time > fold.fitted_to) & (open_time < first)).sum())
            if between < EMBARGO_BARS:
                differences.append(f"fold fitted to {day}: only {between} dates lie before its first decision")
        return Checked(check="folds", subject="model", dates=len(plan), differences=tuple(differences))

    def _arrays(self, bars: Market, fold: Fold) -> Arrays:
        past = Past(bars=bars_until(bars, session_date(fold.fitted_to)), config=self.config)
        if not past.bars:
            raise NotTrained("there is no bar to train on")
        return self.trainer.train(past).model.to_arrays()


def _bytes(arrays: Arrays) -> dict[str, bytes]:
    return {name: np.ascontiguousarray(values).tobytes() for name, values in arrays.items()}
