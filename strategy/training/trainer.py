"""Trainer: how a learner's models are trained and judged; a learner may bring one of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

from strategy.evaluation.sharpe import sharpe
from strategy.market.bars import Bars, FloatArray, TimeArray
from strategy.portfolio.account_config import AccountConfig
from strategy.signals.forecaster import Forecaster
from strategy.signals.strategies import Arrays
from strategy.training.recipe import TrainingConfig

#: Values that JSON can hold.
Settings = Mapping[str, Any]


class HistoryTooShort(ValueError):
    """Too few bars to train on and to judge by."""


class NotTrained(Exception):
    """No model came of a training: there is too little history, or the learner failed."""


class NotFinished(ValueError):
    """A training that was stopped by its time limit, or whose process was ended: another attempt may succeed."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Past:
    """All that a training may know: the bars up to its day, and the account that will trade."""

    bars: Mapping[str, Bars]
    config: AccountConfig


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Returns:
    """Net returns of an account above the risk-free rate, (D,), the calendar days of each, (D,), and days per year."""

    net: FloatArray
    days: FloatArray
    days_per_year: int

    @property
    def sharpe(self) -> float:
        """Return the annualised Sharpe ratio; 0 for an account that never moves."""
        return sharpe(self.net, self.days_per_year) or 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Learned:
    """A trained model, and its returns and those of its prior on dates that influenced no choice.

    `gate` and `prior_gate` are net at single cost on the decisions of `gate_span`, row numbers of the account's dates;
    `gate_dates` are the dates of the returns. `figures` are JSON values about the training. `refused` says why the
    model cannot be judged; empty if it can.
    """

    model: Forecaster
    gate: Returns
    prior_gate: Returns
    gate_span: range
    gate_dates: TimeArray
    figures: Settings = field(default_factory=lambda: MappingProxyType({}))
    refused: str = ""


class Trainer(Protocol):
    """A learner with all settings of its training."""

    @property
    def summary(self) -> str:
        """Return what it trains, in a few words."""
        ...

    def config(self) -> Settings:
        """Return the settings as JSON values; they are kept with the model."""
        ...

    def warmed(self, config: Settings) -> "Trainer | None":
        """Return the trainer that goes on from a model of these settings; None if a model must start anew."""
        ...

    def train(self, past: Past, start: Forecaster | None = None) -> Learned:
        """Train and judge a model, from `start` on if given; the same inputs give the same bytes.

        Raises NotTrained if no model comes of it, ValueError for settings that admit no training at all, and
        StrategyRefused for signals that look ahead.
        """
        ...

    def returns(self, past: Past, model: Forecaster, span: range) -> Returns:
        """Return what another model earns on the gate dates of a training on this past, net at single cost."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class InputImportance:
    """An input, and what the model lost where it was shuffled.

    `lost` is the fall of the annualised net Sharpe ratio, on average over the repeats, and `spread` its standard
    deviation between them. `moved` is the mean absolute change of the signal.
    """

    name: str
    lost: float
    spread: float
    moved: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Importance:
    """Importance of each input on the gate's dates, the most important first; `sharpe` is that with all of them.

    Every input was shuffled `repeats` times, in whole blocks of `block_rows` rows. There are no inputs for a model that
    trades exactly what its prior trades.
    """

    sharpe: float
    repeats: int
    block_rows: int
    inputs: tuple[InputImportance, ...]


@runtime_checkable
class InputShuffler(Protocol):
    """A trainer whose models have inputs that can be shuffled one by one."""

    def importance(self, past: Past, model: Forecaster) -> Importance:
        """Return what each input is worth to the model on the gate dates of a training on this past."""
        ...


@runtime_checkable
class OwnTrainer(Protocol):
    """A learner that is trained in its own way: through the account, or on from a champion."""

    @property
    def settings(self) -> frozenset[str]:
        """Return the names of the settings that it reads and other learners do not."""
        ...

    def determined_by(self, recipe: TrainingConfig) -> Settings:
        """Return the values of a recipe that determine a model trained from scratch; loads nothing heavy."""
        ...

    def trainer(self, recipe: TrainingConfig) -> Trainer:
        """Return the trainer of a recipe. Raises ValueError if there can be no such model."""
        ...

    def read(self, arrays: Arrays, config: Settings) -> Forecaster:
        """Return the stored model. Raises KeyError, TypeError or ValueError if this version cannot use it."""
        ...
