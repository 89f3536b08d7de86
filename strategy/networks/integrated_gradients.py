"""Integrated gradients: how much of a network's departure each of its inputs accounts for."""

from dataclasses import dataclass

import numpy as np
import torch

from strategy.market.bars import FloatArray
from strategy.networks.transformer import Network, fixed_threads

#: Points of the Gauss-Legendre rule along the way from no input to all of it.
POINTS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class DepartureParts:
    """A departure, split: that with every input at 0, each input's part by its column (F,), and what is left over.

    `left` is the error of the integration: the parts, the start and what is left add up to the departure exactly.
    """

    start: float
    inputs: FloatArray
    left: float


def departure_parts(network: Network, window: FloatArray) -> DepartureParts:
    """Return how the departure at the end of a window (context_bars, F) comes from its inputs, over all its rows.

    The way leads straight from 0, where nothing has happened: every input is measured from its usual value. See
    Sundararajan, Taly and Yan (2017), Axiomatic attribution for deep networks.
    """
    at, weights = np.polynomial.legendre.leggauss(POINTS)
    network.eval()
    with fixed_threads(1):
        rows = torch.tensor(window, dtype=torch.float32, device=network.positions.device)
        along = torch.tensor((at + 1.0) / 2.0, dtype=torch.float32, device=rows.device)[:, None, None]
        path = (along * rows).requires_grad_()
        (slope,) = torch.autograd.grad(network.newest(path).sum(), path)
        with torch.no_grad():
            start, end = (network.newest(each[None]).item() for each in (torch.zeros_like(rows), rows))
    mean_slope = np.tensordot(weights / 2.0, slope.cpu().numpy().astype(np.float64), axes=1)
    inputs: FloatArray = (mean_slope * window).sum(axis=0)
    return DepartureParts(start=start, inputs=inputs, left=end - start - float(inputs.sum()))
