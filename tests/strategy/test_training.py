"""Training learns what is there, the same every time, and fails in one sentence."""

import numpy as np
import pytest
import torch

from strategy.bars import make_bars
from strategy.network import NetworkShape, forecast, from_arrays, new_network
from strategy.prior import prior
from strategy.training import Trained, TrainingDiverged, TrainingSettings, train
from strategy.training_set import TrainingSeries, TrainingSet, training_series

TINY = NetworkShape(dimensions=16, heads=2, layers=1, context_bars=32, dropout=0.1)
FAST = TrainingSettings(
    steps=40, learning_rate=3e-3, warmup_steps=10, average_decay=0.9, evaluate_every_steps=10, purge_bars=20
)


def closes(seed: int, count: int, reversal: float) -> np.ndarray:
    """Prices whose return carries the share -`reversal` of the return before it."""
    rng = np.random.default_rng(seed)
    returns = 0.01 * rng.standard_normal(count)
    for bar in range(1, count):
        returns[bar] -= reversal * returns[bar - 1]
    return np.asarray(100 * np.exp(np.cumsum(returns)))


def series(seed: int, count: int = 1200, reversal: float = 0.0) -> TrainingSeries:
    dates = np.datetime64("2010-01-01", "us") + np.arange(count) * np.timedelta64(1, "D")
    source = make_bars(f"S{seed}", dates, close=closes(seed, count, reversal))
    ones = np.ones(count)
    return training_series(source, regime_multiplier=ones, volatility_multiplier=ones, cost=1e-4)


def noise() -> TrainingSet:
    return TrainingSet(series=(series(1), series(2, count=900)))


@pytest.fixture(scope="module")
def trained() -> Trained:
    return train(TINY, TrainingSet(series=tuple(series(seed, 2000, 0.4) for seed in range(3))), FAST)


def test_a_planted_signal_is_learned_beyond_the_prior(trained: Trained) -> None:
    assert trained.best_step > 0
    assert trained.validation_sharpe > trained.prior_validation_sharpe + 1.0


def test_a_learned_signal_trades_on_prices_never_seen(trained: Trained) -> None:
    close = closes(99, 700, 0.4)
    network = from_arrays(TINY, trained.arrays)
    until_next = (close[1:] / close[:-1] - 1)[300:]
    learned = forecast(network, close)[300:-1] * until_next
    before = prior(close)[300:-1] * until_next
    assert learned.mean() / learned.std() > before.mean() / before.std() + 0.1


def test_every_step_has_its_loss(trained: Trained) -> None:
    assert len(trained.losses) == FAST.steps
    assert np.mean(trained.losses[-5:]) < np.mean(trained.losses[:5])


def test_training_twice_gives_the_same_bytes() -> None:
    first, second = train(TINY, noise(), FAST), train(TINY, noise(), FAST)
    assert first.losses == second.losses
    assert first.validation_sharpe == second.validation_sharpe
    assert first.arrays.keys() == second.arrays.keys()
    assert all(first.arrays[name].tobytes() == second.arrays[name].tobytes() for name in first.arrays)


def test_another_seed_trains_another_network() -> None:
    short = TrainingSettings(steps=2, purge_bars=20)
    other = TrainingSettings(steps=2, purge_bars=20, seed=1)
    assert train(TINY, noise(), short).losses != train(TINY, noise(), other).losses


def test_training_leaves_torch_as_it_was() -> None:
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    train(TINY, noise(), TrainingSettings(steps=1, purge_bars=20, threads=1 if threads > 1 else 2))
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.are_deterministic_algorithms_enabled()


def test_gradients_reach_every_parameter_once_the_head_has_moved() -> None:
    network = new_network(TINY, 0).train()
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1)
    rows = torch.randn(4, 32, 15, generator=torch.Generator().manual_seed(0))
    for _ in range(2):
        optimiser.zero_grad()
        (network(rows) * rows[:, :, 0]).sum().backward()
        optimiser.step()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in network.parameters())


def test_a_network_that_never_beats_the_prior_stays_the_prior() -> None:
    hopeless = TrainingSettings(steps=2, learning_rate=1e-12, purge_bars=20)
    result = train(TINY, TrainingSet(series=(series(1),)), hopeless)
    assert result.validation_sharpe >= result.prior_validation_sharpe


def test_prices_that_never_move_train_without_a_fault() -> None:
    dates = np.datetime64("2010-01-01", "us") + np.arange(900) * np.timedelta64(1, "D")
    flat = make_bars("FLAT", dates, close=np.full(900, 5.0))
    held = training_series(flat, regime_multiplier=np.ones(900), volatility_multiplier=np.zeros(900), cost=1e-4)
    result = train(TINY, TrainingSet(series=(held,)), TrainingSettings(steps=2, purge_bars=20))
    assert result.losses == (0.0, 0.0)


def test_a_loss_that_is_not_a_number_stops_the_training() -> None:
    one = series(1)
    one.close_ratio[:] = np.nan
    with pytest.raises(TrainingDiverged, match=r"diverged: the loss is nan .* lower learning_rate, now 0\.0005"):
        train(TINY, TrainingSet(series=(one,)), TrainingSettings(steps=2, purge_bars=20))
    assert not torch.are_deterministic_algorithms_enabled()


def test_too_little_history_is_refused() -> None:
    with pytest.raises(ValueError, match="1 symbols with 600 bars at most"):
        train(NetworkShape(), TrainingSet(series=(series(1, count=600),)), TrainingSettings())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", 0),
        ("batch_windows", 0),
        ("threads", 0),
        ("evaluate_every_steps", 0),
        ("learning_rate", 0.0),
        ("gradient_norm", float("nan")),
        ("weight_decay", -1.0),
        ("purge_bars", -1),
        ("seed", -1),
        ("average_decay", 1.0),
        ("validation_share", 0.0),
    ],
)
def test_settings_out_of_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name} is {value}; it must be"):
        TrainingSettings(**{name: value})
