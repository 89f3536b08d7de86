"""A batch in parts gives what the whole batch gives, and the same bits on any number of threads."""

import pytest
import torch
from torch import Tensor

from strategy.networks.microbatches import Parts
from strategy.networks.transformer import Network, NetworkShape, new_network

SMALL = {"dimensions": 24, "heads": 3, "layers": 2, "context_bars": 20, "features": 5}


def learning(dropout: float) -> Network:
    network = new_network(NetworkShape(**SMALL, dropout=dropout), 3)
    torch.nn.init.normal_(network.head.weight, std=0.3, generator=torch.Generator().manual_seed(1))
    return network.train()


def rows(paths: int) -> Tensor:
    return torch.randn(paths, 20, 5, generator=torch.Generator().manual_seed(2))


def gradients(network: Network, departure: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad((departure * departure.detach().cos()).sum(), list(network.parameters())))


@pytest.mark.parametrize("paths", [1, 3, 4, 9, 16])
def test_values_and_gradients_are_those_of_the_whole(paths: int) -> None:
    network = learning(dropout=0.0)
    parts, whole = Parts(network, 2).departures(rows(paths)), network(rows(paths))
    assert torch.allclose(parts, whole, atol=1e-6)
    for mine, expected in zip(gradients(network, parts), gradients(network, whole), strict=True):
        assert torch.allclose(mine, expected, atol=1e-5)


def test_the_number_of_threads_changes_no_bit() -> None:
    network = learning(dropout=0.2)
    results = []
    for threads in (1, 2, 3):
        torch.manual_seed(7)
        departure = Parts(network, threads).departures(rows(10))
        results.append([departure, *gradients(network, departure)])
    for others in results[1:]:
        assert all(torch.equal(mine, other) for mine, other in zip(results[0], others, strict=True))


def test_torchs_seed_decides_what_is_dropped_out() -> None:
    parts = Parts(learning(dropout=0.2), 2)

    def seeded(seed: int) -> Tensor:
        torch.manual_seed(seed)
        return parts.departures(rows(8))

    assert torch.equal(seeded(1), seeded(1))
    assert not torch.equal(seeded(1), seeded(2))


def test_parts_drop_out_apart() -> None:
    network = learning(dropout=0.5)
    departure = Parts(network, 2).departures(rows(1).expand(8, -1, -1))
    assert len(departure.detach().unique(dim=0)) == 8


def test_it_leaves_the_thread_count_as_it_was() -> None:
    before = torch.get_num_threads()
    Parts(learning(dropout=0.0), 2).departures(rows(4)).sum().backward()
    assert torch.get_num_threads() == before


def test_it_follows_weights_that_change_in_place_and_the_networks_mode() -> None:
    network = learning(dropout=0.2)
    parts = Parts(network, 2)
    optimiser = torch.optim.AdamW(network.parameters(), lr=0.01, fused=True)
    before = parts.departures(rows(4))
    before.sum().backward()
    optimiser.step()
    network.eval()
    assert torch.allclose(parts.departures(rows(4)), network(rows(4)), atol=1e-6)
    assert not torch.allclose(parts.departures(rows(4)), before, atol=1e-3)


def test_at_least_one_thread_works() -> None:
    with pytest.raises(ValueError, match="threads is 0; it must be at least 1"):
        Parts(learning(dropout=0.0), 0)
