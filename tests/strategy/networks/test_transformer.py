"""The network starts as the prior, sees its own window only, and refuses weights that are not its own."""

import numpy as np
import pytest
import torch
from torch import Tensor

from strategy.networks.transformer import (
    DEPARTURE_LIMIT,
    INPUTS_KEY,
    Arrays,
    NetworkShape,
    fixed_threads,
    from_arrays,
    new_network,
    newest_departures,
    to_arrays,
)
from strategy.signals.network_inputs import INPUTS
from testing.runs.networks import TINY, opinionated


def rows_of(shape: NetworkShape, paths: int = 1) -> Tensor:
    return torch.randn(paths, shape.context_bars, shape.features, generator=torch.Generator().manual_seed(0))


def test_an_untrained_network_departs_by_exactly_nothing() -> None:
    network = new_network(TINY, 0)
    assert (network(rows_of(TINY, 3)) == 0).all()
    assert (newest_departures(network, rows_of(TINY, 3).numpy()) == 0).all()


def test_a_departure_is_bounded() -> None:
    network = opinionated()
    torch.nn.init.constant_(network.head.bias, 50.0)
    assert torch.equal(network(rows_of(TINY)), torch.full((1, 16), DEPARTURE_LIMIT))


def test_making_a_network_leaves_torchs_random_state() -> None:
    state = torch.get_rng_state()
    new_network(TINY, 5)
    assert torch.equal(torch.get_rng_state(), state)


def test_weights_survive_the_way_through_arrays() -> None:
    network = opinionated()
    arrays = to_arrays(network)
    assert {array.dtype for name, array in arrays.items() if name != INPUTS_KEY} == {np.dtype(np.float32)}
    assert torch.equal(from_arrays(TINY, arrays)(rows_of(TINY)), network(rows_of(TINY)))


def test_a_row_of_the_network_sees_earlier_rows_only() -> None:
    network = opinionated()
    rows = rows_of(TINY)
    changed = rows.clone()
    changed[:, 9:] += 1.0
    before, after = network(rows), network(changed)
    assert torch.allclose(before[:, :9], after[:, :9], atol=1e-6)
    assert not torch.allclose(before[:, 9:], after[:, 9:], atol=1e-3)


@pytest.mark.parametrize("shape", [TINY, NetworkShape()])
def test_the_newest_departure_is_the_last_of_all(shape: NetworkShape) -> None:
    network = opinionated(shape)
    rows = rows_of(shape, 3)
    assert torch.allclose(network.newest(rows), network(rows)[:, -1], atol=1e-6)
    assert torch.allclose(network.train().newest(rows), network.eval().newest(rows), atol=0)


def test_a_signal_is_the_same_to_the_bit_in_any_company_order_and_thread_count() -> None:
    network = opinionated(NetworkShape())
    windows = np.random.default_rng(0).standard_normal((7, 252, len(INPUTS)))
    alone = np.array([newest_departures(network, windows[number : number + 1])[0] for number in range(7)])
    assert len(set(alone)) == 7
    for threads in (1, 2, 3):
        assert (newest_departures(network, windows, threads) == alone).all()
        assert (newest_departures(network, windows[::-1], threads)[::-1] == alone).all()
        # Shifted by four bytes in memory.
        shifted = np.empty(windows.size + 1, np.float32)[1:].reshape(windows.shape)
        shifted[:] = windows
        assert (newest_departures(network, shifted, threads) == alone).all()


def test_no_windows_have_no_departures_and_torch_stays_as_it_was() -> None:
    threads = torch.get_num_threads()
    assert newest_departures(opinionated(), np.empty((0, 16, len(INPUTS)))).shape == (0,)
    assert newest_departures(opinionated(), np.zeros((2, 16, len(INPUTS)))).dtype == np.float64
    assert torch.get_num_threads() == threads


def test_in_training_a_share_is_dropped_out_and_the_mean_is_kept() -> None:
    network = new_network(NetworkShape(dimensions=8, heads=2, layers=3, context_bars=50), 0).train()
    kept = network._kept(torch.zeros(20, 50, 8), torch.Generator().manual_seed(0))
    assert kept.shape == (6, 20, 50, 8)
    assert kept.unique().tolist() == pytest.approx([0.0, 256 / 205])
    assert (kept == 0).float().mean().item() == pytest.approx(51 / 256, abs=0.01)
    # Bytes that shared a bit would give equal factors side by side more often.
    assert ((kept[..., 1:] == 0) & (kept[..., :-1] == 0)).float().mean().item() == pytest.approx(
        (51 / 256) ** 2, abs=5e-3
    )


def test_evaluation_drops_nothing_out() -> None:
    network = opinionated()
    rows = rows_of(TINY, 2)
    assert torch.equal(network(rows), network(rows))
    assert not torch.equal(network.train()(rows), network(rows))


def test_a_product_of_two_features_is_learned() -> None:
    network = new_network(NetworkShape(dimensions=16, heads=2, layers=1, context_bars=8, features=4, dropout=0.0), 0)
    generator = torch.Generator().manual_seed(0)
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3)

    def match() -> torch.Tensor:
        rows = torch.randn(64, 8, 4, generator=generator)
        wanted = (rows[..., 0] * rows[..., 1]).sign()
        return (network(rows) * wanted).mean() / DEPARTURE_LIMIT

    with fixed_threads(1):
        for _ in range(80):
            optimiser.zero_grad()
            (-match()).backward()
            optimiser.step()
        with torch.no_grad():
            assert match().item() > 0.7


def test_arrays_do_not_share_memory_with_the_network() -> None:
    network = opinionated()
    arrays = to_arrays(network)
    kept = arrays["head.weight"].copy()
    rebuilt = from_arrays(TINY, arrays)
    torch.nn.init.zeros_(network.head.weight)
    torch.nn.init.zeros_(rebuilt.head.weight)
    assert (arrays["head.weight"] == kept).all()


def spoilt(name: str, array: np.ndarray | None) -> Arrays:
    arrays = to_arrays(new_network(TINY, 0))
    if array is None:
        del arrays[name]
    else:
        arrays[name] = array
    return arrays


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("head.bias", None, "lack 'head.bias' and 0 more"),
        ("alien", np.zeros(1, dtype=np.float32), "unknown 'alien'"),
        ("head.bias", np.zeros(2, dtype=np.float32), r"'head.bias' has shape \(2,\) where \(1,\) fits"),
        ("head.bias", np.full(1, np.nan, dtype=np.float32), "'head.bias' is not made of finite float32"),
        ("head.bias", np.zeros(1), "'head.bias' is not made of finite float32"),
        (INPUTS_KEY, None, "do not say on which inputs"),
        (INPUTS_KEY, np.frombuffer(b"return\nmoon_phase", dtype=np.uint8), "another list of inputs"),
        (INPUTS_KEY, np.frombuffer(b"\xff\xfe", dtype=np.uint8), "another list of inputs"),
        (INPUTS_KEY, np.frombuffer("\n".join(INPUTS[::-1]).encode(), dtype=np.uint8), "the order differs"),
    ],
)
def test_weights_that_are_not_its_own_are_refused(name: str, array: np.ndarray | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_arrays(TINY, spoilt(name, array))


def test_weights_of_another_shape_are_refused() -> None:
    other = NetworkShape(dimensions=8, heads=2, layers=1, context_bars=16)
    with pytest.raises(ValueError, match=r"unknown 'blocks\.1"):
        from_arrays(other, to_arrays(new_network(TINY, 0)))


def test_heads_must_divide_dimensions() -> None:
    with pytest.raises(ValueError, match="7 heads do not divide 96 dimensions"):
        NetworkShape(heads=7)


@pytest.mark.parametrize("name", ["dimensions", "heads", "layers", "context_bars", "features"])
def test_sizes_must_be_positive(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is 0; it must be at least 1"):
        NetworkShape(**{name: 0})


def test_dropout_must_leave_something() -> None:
    with pytest.raises(ValueError, match=r"dropout is 1.0"):
        NetworkShape(dropout=1.0)
