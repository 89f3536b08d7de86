"""Rollout of a network's signals in an account: differentiable over windows, or in one run over a span of dates."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from strategy.kernel.sharpe_loss import returns_of
from strategy.kernel.simulate import simulate
from strategy.market.bars import FloatArray
from strategy.networks.ensemble import Ensemble
from strategy.networks.transformer import Network
from strategy.portfolio.leverage_cap import book_caps, portfolio_exposures
from strategy.portfolio.sizing import soft_signal
from strategy.training.trainer import Returns
from strategy.training.training_panel import TrainingPanel
from strategy.training.walk_forward import Fold
from strategy.training.windows import SplitRule, Windows, windows

#: Dates between the ends of two windows when a model is judged: each signal then has nearly its whole context.
GATE_STRIDE = 21


def target(departure: Tensor, at: Windows) -> Tensor:
    """Return float64 target exposures (D + 1, S, N) of the network's departures (M, context) on the windows' rows.

    The neutral zone is left out, because the gradient inside it is 0. The last date only settles.
    """
    panel, paths, symbols = at.panel, len(at.first), len(at.panel.inputs)
    chosen = departure.gather(1, torch.from_numpy(at.position).to(departure.device))
    chosen = chosen * torch.from_numpy(at.current).to(departure.device)
    spread = chosen.new_zeros(paths * symbols, at.decisions)
    spread = spread.index_copy(0, torch.from_numpy(at.owner).to(departure.device), chosen)
    moved = spread.view(paths, symbols, at.decisions).transpose(1, 2).to("cpu", torch.float64)
    dates = at.first[:, None] + np.arange(at.decisions)
    signal = (torch.from_numpy(panel.prior[dates]) + moved).clamp(-1.0, 1.0)
    weight, caps = torch.from_numpy(panel.weight[dates]), book_caps(panel.sizing, panel.dates.symbols)
    wanted = portfolio_exposures(signal, weight, panel.sizing.max_position_size, caps)
    allowed = wanted.clip(torch.from_numpy(panel.floor))
    # Paths come last in the account, which runs them in parallel.
    return torch.nn.functional.pad(allowed.permute(1, 2, 0), (0, 0, 0, 0, 0, 1)).contiguous()


def departures(
    networks: Sequence[Network], panel: TrainingPanel, span: range, rule: SplitRule, stride: int
) -> FloatArray:
    """Return the mean departure of the networks at each date of the span, (D, S); 0 where a symbol lacks full context.

    Windows end every `stride` dates, so that a signal has at least context_bars - stride + 1 rows of its symbol. Puts
    the networks into evaluation mode. Raises ValueError if the stride exceeds the dates that a window scores.
    """
    if not 1 <= stride <= rule.scored_bars:
        raise ValueError(f"stride is {stride}; it must be between 1 and {rule.scored_bars}")
    result = np.zeros((len(span), len(panel.inputs)))
    for stop in range(span.stop, span.start, -stride):
        at = windows(panel, np.array([stop - rule.scored_bars]), rule.scored_bars, rule.context_bars)
        if not len(at.rows):
            continue
        rows = torch.from_numpy(at.rows)
        total = np.zeros(at.position.shape)
        with torch.no_grad():
            for network in networks:
                seen = network.eval()(rows.to(_device(network))).cpu().numpy()
                total += np.where(at.current, np.take_along_axis(seen, at.position, axis=1), 0.0)
        first = max(span.start, stop - stride)
        result[first - span.start : stop - span.start, at.owner] = (total / len(networks)).T[first - stop :]
    return result


def exposures(departure: FloatArray, panel: TrainingPanel, span: range) -> FloatArray:
    """Return the target exposures (D + 1, S, 1) of prior plus departure (D, S) on the span's dates.

    They are those before drawdown control. The last date only settles.
    """
    dates = np.arange(span.start, span.stop)
    signal = soft_signal(np.clip(panel.prior[dates] + departure, -1.0, 1.0), panel.sizing.neutral_zone)
    most, caps = panel.sizing.max_position_size, book_caps(panel.sizing, panel.dates.symbols)
    wanted = portfolio_exposures(signal, panel.weight[dates], most, caps).clip(panel.floor)
    return np.ascontiguousarray(np.concatenate([wanted, np.zeros((1, len(panel.floor)))])[:, :, None])


def net_returns(departure: FloatArray, panel: TrainingPanel, span: range, cost_multiplier: float = 1.0) -> Returns:
    """Return what an account earns that starts on the span's first date and follows prior plus departure (D, S).

    The returns are those above the risk-free rate.
    """
    market = panel.rebalanced(span, cost_multiplier)
    path = simulate(exposures(departure, panel, span), market, panel.sizing)
    net: FloatArray = returns_of(torch.from_numpy(path.equity), torch.from_numpy(market.riskless[1:])).numpy()[:, 0]
    return Returns(net=net, days=market.days[1:, 0], days_per_year=panel.days_per_year)


def walked(
    panel: TrainingPanel, plan: Sequence[Fold], models: Sequence[Ensemble | None], context_bars: int
) -> FloatArray:
    """Return the departures (D, S) from the prior on the dates of all folds, each by its own model; None is the prior.

    The panel may hold later bars than a fold: every input is causal.
    """
    rule = SplitRule(context_bars=context_bars)
    parts = [
        departures(model.members, panel, fold.dates, rule, min(GATE_STRIDE, rule.scored_bars))
        if model
        else np.zeros((len(fold.dates), len(panel.inputs)))
        for fold, model in zip(plan, models, strict=True)
    ]
    return np.concatenate(parts)


def _device(network: Network) -> torch.device:
    return next(network.parameters()).device
