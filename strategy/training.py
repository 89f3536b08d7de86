"""Training the network end to end on the net-of-cost Sharpe ratio of the account that will trade it."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from strategy.account_scan import AccountMarket, account_scan, sharpe
from strategy.network import Arrays, Network, NetworkShape, fixed_threads, new_network, to_arrays
from strategy.training_set import Split, SplitRule, TrainingSet, Windows, gather, split

#: Validation windows that go through the network at once: it bounds the memory of many symbols.
EVALUATION_WINDOWS = 64


class TrainingDiverged(Exception):
    """The loss or its gradient stopped being a number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings:
    """How the network is trained; the defaults are the recipe that trained stably.

    `cost_multiplier` scales fee and slippage while learning, so that thin edges are not chased. The rate rises linearly
    over `warmup_steps` and falls as a cosine to zero at the last step. Raises ValueError for a value out of range.
    """

    seed: int = 0
    steps: int = 160
    batch_windows: int = 16
    learning_rate: float = 5e-4
    weight_decay: float = 0.05
    gradient_norm: float = 1.0
    warmup_steps: int = 60
    average_decay: float = 0.99
    cost_multiplier: float = 2.0
    validation_share: float = 0.15
    purge_bars: int = 90
    evaluate_every_steps: int = 20
    threads: int = 2

    def __post_init__(self) -> None:
        for name in ("steps", "batch_windows", "evaluate_every_steps", "threads"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        for name in ("learning_rate", "gradient_norm"):
            if not 0 < getattr(self, name) < np.inf:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be positive and finite")
        for name in ("seed", "weight_decay", "warmup_steps", "cost_multiplier", "purge_bars"):
            if not 0 <= getattr(self, name) < np.inf:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be finite and at least 0")
        if not 0 <= self.average_decay < 1:
            raise ValueError(f"average_decay is {self.average_decay}; it must be at least 0 and below 1")
        if not 0 < self.validation_share < 1:
            raise ValueError(f"validation_share is {self.validation_share}; it must be between 0 and 1")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trained:
    """The weights that did best on validation, and the figures of how they came about.

    `best_step` is the step of the averaged weights that were kept; 0 is the untrained network, which trades the prior.
    The Sharpe ratios are annualised, net at single cost, on the purged validation; the network's is the best of several
    checkpoints and flatters it by that much. `losses` holds minus the training Sharpe of every step.
    """

    arrays: Arrays
    losses: tuple[float, ...]
    best_step: int
    validation_sharpe: float
    prior_validation_sharpe: float
    training_windows: int
    validation_bars: int


def train(shape: NetworkShape, training_set: TrainingSet, settings: TrainingSettings) -> Trained:
    """The network trained on the past of all symbols, judged on the newest rows; same inputs give the same bytes.

    Each step draws windows uniformly over all symbols, follows one account per window through its second half, where
    at least half the context has been seen, and raises the pooled Sharpe of their net returns. Raises TrainingDiverged,
    and ValueError if the history is too short.
    """
    rule = SplitRule(
        context_bars=shape.context_bars,
        validation_share=settings.validation_share,
        purge_bars=settings.purge_bars,
    )
    parts = split(training_set, rule)
    draw = np.random.default_rng(settings.seed)
    with _reproducible(settings):
        network = new_network(shape, settings.seed)
        average = deepcopy(network)
        prior_sharpe = _validate(average, training_set, parts, rule)
        best = (prior_sharpe, 0, to_arrays(average))
        optimiser = torch.optim.AdamW(
            network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        losses = []
        for step in range(1, settings.steps + 1):
            optimiser.param_groups[0]["lr"] = settings.learning_rate * _rate(step, settings)
            chosen = parts.training[draw.integers(len(parts.training), size=settings.batch_windows)]
            losses.append(_learn(network, optimiser, (training_set, gather(training_set, chosen, rule)), settings))
            _follow(average, network, settings.average_decay)
            if step % settings.evaluate_every_steps == 0 or step == settings.steps:
                score = _validate(average, training_set, parts, rule)
                if score > best[0]:
                    best = (score, step, to_arrays(average))
    return Trained(
        arrays=best[2],
        losses=tuple(losses),
        best_step=best[1],
        validation_sharpe=best[0],
        prior_validation_sharpe=prior_sharpe,
        training_windows=len(parts.training),
        validation_bars=int(parts.validation_scored.sum()),
    )


@contextmanager
def _reproducible(settings: TrainingSettings) -> Iterator[None]:
    """Seeds torch, fixes its threads and asks for deterministic kernels; puts all of it back."""
    deterministic = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    with torch.random.fork_rng(devices=[]), fixed_threads(settings.threads):
        torch.default_generator.manual_seed(settings.seed)
        torch.use_deterministic_algorithms(mode=True)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(mode=deterministic, warn_only=warn_only)


def _rate(step: int, settings: TrainingSettings) -> float:
    """Share of the learning rate at a step that counts from 1."""
    if step <= settings.warmup_steps:
        return step / settings.warmup_steps
    rest = (step - settings.warmup_steps) / (settings.steps - settings.warmup_steps + 1)
    return float(0.5 * (1.0 + np.cos(np.pi * rest)))


def _learn(
    network: Network,
    optimiser: torch.optim.Optimizer,
    batch: tuple[TrainingSet, Windows],
    settings: TrainingSettings,
) -> float:
    """The loss of this batch, after one step against its gradient."""
    training_set, windows = batch
    network.train()
    returns, days = _net_returns(network, training_set, windows, settings.cost_multiplier)
    loss = -sharpe(returns, days)
    optimiser.zero_grad()
    # torch leaves its own backward without annotations.
    loss.backward()  # type: ignore[no-untyped-call]
    norm = torch.nn.utils.clip_grad_norm_(network.parameters(), settings.gradient_norm)
    if not (torch.isfinite(loss) and torch.isfinite(norm)):
        raise TrainingDiverged(
            f"training diverged: the loss is {loss.item()} and its gradient {norm.item()}; lower learning_rate, "
            f"now {settings.learning_rate}, or look for faulty prices"
        )
    optimiser.step()
    return loss.item()


def _net_returns(
    network: Network, training_set: TrainingSet, windows: Windows, cost_multiplier: float
) -> tuple[Tensor, Tensor]:
    """Net returns of one account per window and the days each took, both (N, scored_bars)."""
    prior, multiplier = torch.from_numpy(windows.prior), torch.from_numpy(windows.multiplier)
    departure = network(torch.from_numpy(windows.features))[:, -prior.shape[1] :]
    limit = training_set.params.max_position_size
    target = ((prior + departure).clamp(-1.0, 1.0) * multiplier).clamp(-limit, limit)
    market = AccountMarket(
        open_ratio=torch.from_numpy(windows.open_ratio),
        close_ratio=torch.from_numpy(windows.close_ratio),
        days=torch.from_numpy(windows.days),
        cost=torch.from_numpy(windows.cost) * cost_multiplier,
        financing_rate=training_set.financing_rate,
    )
    return account_scan(target, market, training_set.params).returns, market.days


def _validate(network: Network, training_set: TrainingSet, parts: Split, rule: SplitRule) -> float:
    """Annualised Sharpe, net at single cost, over all validation rows."""
    network.eval()
    scored = torch.from_numpy(parts.validation_scored)
    returns, days = [], []
    with torch.no_grad():
        for start in range(0, len(parts.validation), EVALUATION_WINDOWS):
            windows = gather(training_set, parts.validation[start : start + EVALUATION_WINDOWS], rule)
            path, took = _net_returns(network, training_set, windows, 1.0)
            counts = scored[start : start + EVALUATION_WINDOWS]
            returns.append(path[counts])
            days.append(took[counts])
    return sharpe(torch.cat(returns), torch.cat(days)).item()


def _follow(average: Network, network: Network, decay: float) -> None:
    with torch.no_grad():
        for slow, fast in zip(average.parameters(), network.parameters(), strict=True):
            slow.lerp_(fast, 1.0 - decay)
