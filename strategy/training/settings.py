"""Training settings of the networks."""

from dataclasses import dataclass

import numpy as np

from strategy.networks.transformer import NetworkShape
from strategy.training.windows import SplitRule


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings:
    """Settings of a training; the defaults are the recipe that trained stably.

    `batch_windows` counts a batch's windows by symbol: a portfolio's window counts once for each symbol, and a batch
    has at least two windows. The fraction `twin_share` of them comes from one of the `twins`, synthetic histories.
    `cost_multiplier` scales fee and slippage in training, so that thin edges are not chased. The learning rate rises
    linearly over `warmup_steps` and falls as a cosine to zero at the last step; training stops early after
    `patience_steps` without a better network. The best network is kept only if, on the early-stopping dates, it gained
    more than `gain_errors` standard errors of Sharpe on its starting weights: the one-standard-error rule of Breiman et
    al. (1984). Raises ValueError for a value out of range.
    """

    seed: int = 0
    members: int = 3
    steps: int = 160
    batch_windows: int = 16
    twins: int = 4
    twin_share: float = 1.0 / 3.0
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    gradient_norm: float = 1.0
    warmup_steps: int = 60
    average_decay: float = 0.99
    cost_multiplier: float = 2.0
    validation_share: float = 0.2
    purge_bars: int = 90
    evaluate_every_steps: int = 20
    patience_steps: int = 60
    gain_errors: float = 1.0
    threads: int = 2
    device: str = "cpu"

    def __post_init__(self) -> None:
        for name in ("members", "steps", "batch_windows", "evaluate_every_steps", "patience_steps", "threads"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        for name in ("learning_rate", "gradient_norm"):
            if not 0 < getattr(self, name) < np.inf:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be positive and finite")
        for name in ("seed", "twins", "weight_decay", "warmup_steps", "cost_multiplier", "purge_bars", "gain_errors"):
            if not 0 <= getattr(self, name) < np.inf:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be finite and at least 0")
        for name in ("average_decay", "twin_share"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 0 and below 1")
        if not 0 < self.validation_share < 1:
            raise ValueError(f"validation_share is {self.validation_share}; it must be between 0 and 1")

    def rule(self, shape: NetworkShape) -> SplitRule:
        """Return the rule that splits the dates when networks of this shape are trained."""
        return SplitRule(
            context_bars=shape.context_bars, validation_share=self.validation_share, purge_bars=self.purge_bars
        )
