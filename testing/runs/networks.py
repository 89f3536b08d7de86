"""Networks small enough for a test, with an opinion of their own."""

import torch

from strategy.networks.transformer import Network, NetworkShape, new_network
from strategy.signals.network_inputs import INPUTS

TINY = NetworkShape(dimensions=8, heads=2, layers=2, context_bars=16, features=len(INPUTS))


def opinionated(shape: NetworkShape = TINY, seed: int = 1) -> Network:
    """A network whose head is not zero: it departs from the prior."""
    network = new_network(shape, seed)
    torch.nn.init.normal_(network.head.weight, std=0.3, generator=torch.Generator().manual_seed(seed))
    return network.eval()
