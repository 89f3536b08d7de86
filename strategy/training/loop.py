"""Training loop: networks trained end to end on the net-of-cost Sharpe ratio of the account that will trade them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from numpy.random import Generator

from strategy.evaluation.sharpe import sharpe_error
from strategy.kernel.autograd import account
from strategy.kernel.sharpe_loss import returns_of, sharpe
from strategy.market.bars import TimeArray
from strategy.networks.ensemble import Ensemble
from strategy.networks.microbatches import Parts
from strategy.networks.transformer import Network, NetworkShape, fixed_threads, new_network
from strategy.training.rollout import GATE_STRIDE, departures, net_returns, target
from strategy.training.settings import TrainingSettings
from strategy.training.trainer import Returns
from strategy.training.training_panel import TrainingPanel
from strategy.training.windows import Split, SplitRule, Windows, split, window_starts, windows
from strategy.work_progress import TrainingStep, told


class TrainingDiverged(Exception):
    """The loss or its gradient is no longer finite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSet:
    """The market's own panel, and panels of its synthetic twin, which are used for training but never validation."""

    market: TrainingPanel
    twins: tuple[TrainingPanel, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Member:
    """One trained network and the record of its training.

    `best_step` is the step whose averaged weights did best on the early-stopping dates; 0 means the starting weights.
    `losses` holds minus the training Sharpe of every step, `stop_sharpes` the Sharpe ratio of the averaged weights at
    each step at which they were evaluated, 0 being the start. The Sharpe ratios are annualised, net at single cost, on
    the early-stopping dates: as the best of several checkpoints, they are biased upwards.
    """

    network: Network
    best_step: int
    losses: tuple[float, ...]
    stop_sharpes: Mapping[int, float]
    stop_sharpe: float
    start_sharpe: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trained:
    """The trained networks, and the returns of networks and prior on dates that influenced no choice.

    `gate` and `prior_gate` are net at single cost on the decisions of `gate_span`, the row numbers of the panel's
    newest dates; `gate_dates` are the dates of the returns. `training_dates` and `stop_dates` are the first and last
    date of the decisions that were trained on, and of those that stopped the training. `twins` counts the synthetic
    panels used for training.
    """

    members: tuple[Member, ...]
    gate: Returns
    prior_gate: Returns
    gate_span: range
    gate_dates: TimeArray
    training_dates: tuple[np.datetime64, np.datetime64]
    stop_dates: tuple[np.datetime64, np.datetime64]
    training_windows: int
    twins: int

    @property
    def ensemble(self) -> Ensemble:
        """Return the model made of these members."""
        return Ensemble(members=tuple(member.network for member in self.members))


def train(shape: NetworkShape, data: TrainingSet, settings: TrainingSettings, start: Ensemble | None = None) -> Trained:
    """Train networks on the past of all symbols together; the same inputs and threads give the same bytes.

    Each step runs portfolio accounts through randomly drawn windows of the market and of its twin, and ascends the
    gradient of the pooled Sharpe ratio of their net returns. With `start`, its members are trained further; otherwise
    new ones that trade the prior. Raises TrainingDiverged if the loss or its gradient is no longer finite, and
    ValueError if the history is too short, `start` has another shape, or the device is missing.
    """
    if start is not None and (start.members[0].shape != shape or len(start.members) != settings.members):
        raise ValueError("the model to start from has another shape or number of members; train from the prior instead")
    if settings.device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device is cuda, but torch finds none on this machine; set device to cpu")
    rule = settings.rule(shape)
    parts = split(data.market, rule)
    # A synthetic history shorter than a context has no window to train on.
    data = replace(data, twins=tuple(twin for twin in data.twins if len(window_starts(twin, rule))))
    with reproducible(settings):
        members = tuple(
            _Run(
                data=data,
                parts=parts,
                rule=rule,
                settings=settings,
                draw=np.random.default_rng([settings.seed, number]),
                number=number,
            ).fit(deepcopy(start.members[number]) if start else new_network(shape, settings.seed + number))
            for number in range(settings.members)
        )
        gate = judge([member.network for member in members], data.market, parts.gate, rule)
    at = data.market.open_time
    return Trained(
        members=members,
        gate=gate,
        prior_gate=judge([], data.market, parts.gate, rule),
        gate_span=parts.gate,
        gate_dates=data.market.open_time[parts.gate.start + 1 : parts.gate.stop + 1],
        training_dates=(at[parts.training.min()], at[parts.training.max() + rule.scored_bars - 1]),
        stop_dates=(at[parts.stop.start], at[parts.stop.stop - 1]),
        training_windows=len(parts.training),
        twins=len(data.twins),
    )


def judge(networks: Sequence[Network], panel: TrainingPanel, span: range, rule: SplitRule) -> Returns:
    """Return the returns of these networks' mean signal on the span, net at single cost; without any, the prior's."""
    moved = (
        departures(networks, panel, span, rule, min(GATE_STRIDE, rule.scored_bars))
        if networks
        else np.zeros((len(span), len(panel.inputs)))
    )
    return net_returns(moved, panel, span)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """Training of one member."""

    data: TrainingSet
    parts: Split
    rule: SplitRule
    settings: TrainingSettings
    draw: Generator
    number: int

    def fit(self, network: Network) -> Member:
        """Train the network, starting from its current weights."""
        settings = self.settings
        torch.manual_seed(int(self.draw.integers(2**63)))
        average = deepcopy(network.to(settings.device))
        start = best = self._stop_returns(average)
        first_weights = best_weights = deepcopy(average.state_dict())
        best_step, most, seen = 0, settings.members * settings.steps, {0: start.sharpe}
        optimiser = torch.optim.AdamW(
            network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
        )
        parts, losses = Parts(network, settings.threads), []
        for step in range(1, settings.steps + 1):
            optimiser.param_groups[0]["lr"] = settings.learning_rate * _rate(step, settings)
            losses.append(self._learn(parts, optimiser))
            told(TrainingStep(step=self.number * settings.steps + step, most=most))
            _follow(average, network, settings.average_decay)
            if step % settings.evaluate_every_steps and step < settings.steps:
                continue
            found = self._stop_returns(average)
            seen[step] = found.sharpe
            if found.sharpe > best.sharpe:
                best, best_step, best_weights = found, step, deepcopy(average.state_dict())
            elif step - max(best_step, settings.warmup_steps) >= settings.patience_steps:
                break
        if best.sharpe - start.sharpe <= settings.gain_errors * sharpe_error(best.net, start.net, best.days_per_year):
            best, best_step, best_weights = start, 0, first_weights
        average.load_state_dict(best_weights)
        return Member(
            network=average.cpu().eval(),
            best_step=best_step,
            losses=tuple(losses),
            stop_sharpes=MappingProxyType(seen),
            stop_sharpe=best.sharpe,
            start_sharpe=start.sharpe,
        )

    def _learn(self, parts: Parts, optimiser: torch.optim.Optimizer) -> float:
        """Take one gradient step on a drawn batch and return the batch's loss."""
        network = parts.network.train()
        batch = self._drawn()
        seen = parts.departures(torch.from_numpy(np.concatenate([at.rows for at in batch])).to(self.settings.device))
        net, days = [], []
        for at, departure in zip(batch, torch.split(seen, [len(at.rows) for at in batch]), strict=True):
            market = at.panel.market(at.first, at.decisions + 1, self.settings.cost_multiplier)
            deepest = at.panel.sizing.drawdown_full
            market = replace(market, drawdown=self.draw.uniform(0.0, deepest, len(at.first)))
            equity = account(target(departure, at), market, at.panel.unbanded)
            net.append(returns_of(equity, torch.from_numpy(market.riskless[1:])).flatten())
            days.append(torch.from_numpy(market.days[1:]).flatten())
        loss = -sharpe(torch.cat(net), torch.cat(days))
        optimiser.zero_grad()
        # torch leaves its own backward without annotations.
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(network.parameters(), self.settings.gradient_norm)
        if not (torch.isfinite(loss) and torch.isfinite(norm)):
            raise TrainingDiverged(
                f"training diverged: the loss is {loss.item()} and its gradient {norm.item()}; lower learning_rate, "
                f"now {self.settings.learning_rate}, or look for faulty prices"
            )
        optimiser.step()
        return loss.item()

    def _drawn(self) -> list[Windows]:
        """Draw windows of the market, and of one twin if there are any."""
        market, twins, settings = self.data.market, self.data.twins, self.settings
        paths = max(2, round(settings.batch_windows / len(market.inputs)))
        mirrored = round(paths * settings.twin_share) if twins else 0
        chosen = self.parts.training[self.draw.integers(len(self.parts.training), size=paths - mirrored)]
        batch = [windows(market, chosen, self.rule.scored_bars, self.rule.context_bars)]
        if mirrored:
            twin = twins[self.draw.integers(len(twins))]
            starts = window_starts(twin, self.rule)
            chosen = starts[self.draw.integers(len(starts), size=mirrored)]
            batch.append(windows(twin, chosen, self.rule.scored_bars, self.rule.context_bars))
        return batch

    def _stop_returns(self, network: Network) -> Returns:
        """Return what the network earns on the early-stopping dates, net at single cost."""
        panel, span = self.data.market, self.parts.stop
        return net_returns(departures([network], panel, span, self.rule, self.rule.scored_bars), panel, span)


@contextmanager
def reproducible(settings: TrainingSettings) -> Iterator[None]:
    """Fork torch's random state, fix its threads and use deterministic kernels; restore everything at the end."""
    deterministic = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    # torch does not annotate this switch.
    memory: Any = torch.utils.deterministic
    filled = memory.fill_uninitialized_memory
    with torch.random.fork_rng(devices=[]), fixed_threads(settings.threads):
        torch.use_deterministic_algorithms(mode=True)
        # No code here reads memory before writing it; filling it would cost a tenth of a step.
        memory.fill_uninitialized_memory = False
        try:
            yield
        finally:
            memory.fill_uninitialized_memory = filled
            torch.use_deterministic_algorithms(mode=deterministic, warn_only=warn_only)


def _rate(step: int, settings: TrainingSettings) -> float:
    """Return the fraction of the learning rate at a step, counted from 1: a linear rise, then a cosine down to zero."""
    if step <= settings.warmup_steps:
        return step / settings.warmup_steps
    rest = (step - settings.warmup_steps) / (settings.steps - settings.warmup_steps + 1)
    return float(0.5 * (1.0 + np.cos(np.pi * rest)))


def _follow(average: Network, network: Network, decay: float) -> None:
    with torch.no_grad():
        for slow, fast in zip(average.parameters(), network.parameters(), strict=True):
            slow.lerp_(fast, 1.0 - decay)
