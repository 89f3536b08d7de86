"""The network starts as the prior, sees its own window only, and refuses weights that are not its own."""

import numpy as np
import pytest
import torch

from strategy.features import FEATURE_BARS, FEATURES
from strategy.network import (
    DEPARTURE_LIMIT,
    FEATURES_KEY,
    Arrays,
    Network,
    NetworkForecaster,
    NetworkShape,
    forecast,
    from_arrays,
    new_network,
    to_arrays,
)
from strategy.prior import PRIOR_BARS, prior

TINY = NetworkShape(dimensions=8, heads=2, layers=2, context_bars=16)


def closes(seed: int = 0, bars: int = 320) -> np.ndarray:
    return 100 * np.exp(np.cumsum(0.012 * np.random.default_rng(seed).standard_t(3, bars)))


def opinionated(shape: NetworkShape = TINY, seed: int = 1) -> Network:
    """A network whose head is not zero: it departs from the prior."""
    network = new_network(shape, seed)
    torch.nn.init.normal_(network.head.weight, std=0.3, generator=torch.Generator().manual_seed(seed))
    return network.eval()


def test_an_untrained_network_trades_exactly_the_prior() -> None:
    close = closes()
    signal = forecast(new_network(TINY, 0), close)
    assert np.array_equal(signal, prior(close), equal_nan=True)


def test_a_departure_is_bounded_and_so_is_the_signal() -> None:
    network = opinionated()
    torch.nn.init.constant_(network.head.bias, 50.0)
    signal = forecast(network, closes())[TINY.history_bars - 1 :]
    before = prior(closes())[TINY.history_bars - 1 :]
    assert signal == pytest.approx(np.minimum(before + DEPARTURE_LIMIT, 1.0))


@pytest.mark.parametrize("threads", [1, 2])
def test_the_bare_window_gives_the_very_same_signal(threads: int) -> None:
    network, close = opinionated(), closes()
    whole = forecast(network, close, threads=threads)
    for row in range(TINY.history_bars - 1, len(close)):
        bare = close[row + 1 - TINY.history_bars : row + 1]
        assert forecast(network, bare, threads=threads)[-1] == whole[row]
        assert forecast(network, bare, 1, threads) == whole[row]


def test_the_default_network_gives_the_very_same_signal_on_the_bare_window() -> None:
    network, close = opinionated(NetworkShape()), closes(bars=512)
    whole = forecast(network, close)
    for row in range(503, 512):
        assert forecast(network, close[row - 503 : row + 1], 1) == whole[row]


def test_the_last_rows_are_those_of_the_whole() -> None:
    network, close = opinionated(), closes()
    whole = forecast(network, close)
    for rows in (0, 1, 7, 60, 320):
        assert np.array_equal(forecast(network, close, rows), whole[320 - rows :], equal_nan=True)


def test_signals_ignore_the_future() -> None:
    network, close = opinionated(), closes()
    corrupted = close.copy()
    corrupted[300:] *= 2.5
    assert np.array_equal(forecast(network, corrupted)[:300], forecast(network, close)[:300], equal_nan=True)


def test_where_the_context_is_not_full_the_prior_trades_and_before_it_nothing() -> None:
    shape = NetworkShape(dimensions=8, heads=2, layers=1, context_bars=32)
    close = closes()
    signal = forecast(opinionated(shape), close)
    full = 32 + FEATURE_BARS - 2
    assert np.isnan(signal[: PRIOR_BARS - 1]).all()
    assert (signal[PRIOR_BARS - 1 : full] == prior(close)[PRIOR_BARS - 1 : full]).all()
    assert (signal[full:] != prior(close)[full:]).all()


def test_forecasting_leaves_torch_as_it_was() -> None:
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    forecast(opinionated(), closes(), 2, 1 if threads > 1 else 2)
    new_network(TINY, 5)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


def test_more_last_rows_than_closes_are_refused() -> None:
    with pytest.raises(ValueError, match="last_rows is 321; it must be between 0 and the 320 closes"):
        forecast(opinionated(), closes(), 321)


def test_a_row_of_the_network_sees_earlier_rows_only() -> None:
    network = opinionated()
    rows = torch.randn(1, 16, len(FEATURES), generator=torch.Generator().manual_seed(0))
    changed = rows.clone()
    changed[:, 9:] += 1.0
    before, after = network(rows), network(changed)
    assert torch.allclose(before[:, :9], after[:, :9], atol=1e-6)
    assert not torch.allclose(before[:, 9:], after[:, 9:], atol=1e-3)


def test_the_forecaster_names_its_history_and_forecasts_alike() -> None:
    network, close = opinionated(), closes()
    forecaster = NetworkForecaster(network=network)
    assert forecaster.context_bars == TINY.history_bars == 16 + 252
    assert np.array_equal(forecaster.forecast(close), forecast(network, close), equal_nan=True)
    assert np.array_equal(forecaster.forecast(close, 3), forecast(network, close, 3))


def test_weights_survive_the_way_through_arrays() -> None:
    network, close = opinionated(), closes()
    arrays = to_arrays(network)
    assert {array.dtype for name, array in arrays.items() if name != FEATURES_KEY} == {np.dtype(np.float32)}
    assert np.array_equal(forecast(from_arrays(TINY, arrays), close), forecast(network, close), equal_nan=True)


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
        (FEATURES_KEY, None, "do not say on which features"),
        (FEATURES_KEY, np.frombuffer(b"return\nmoon_phase", dtype=np.uint8), "another feature list"),
        (FEATURES_KEY, np.frombuffer(b"\xff\xfe", dtype=np.uint8), "another feature list"),
        (FEATURES_KEY, np.frombuffer("\n".join(FEATURES[::-1]).encode(), dtype=np.uint8), "the order differs"),
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
