"""Training learns what is there, the same every time, and fails in one sentence."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
import torch

from strategy.account.fees_and_slippage import Costs
from strategy.market.bars import make_bars
from strategy.market.instrument_terms import InstrumentTable, InstrumentTerms
from strategy.networks.transformer import NetworkShape, new_network, to_arrays
from strategy.training.fit import fitted, last_learned
from strategy.training.loop import Trained, TrainingDiverged, TrainingSet, train
from strategy.training.settings import TrainingSettings
from strategy.training.training_panel import TrainingPanel, training_panel
from testing.markets.panels import dates, mandate, market, stock, walk

SMALL = NetworkShape(dimensions=16, heads=2, layers=1, context_bars=32, features=30, dropout=0.1)
FAST = TrainingSettings(
    members=1,
    steps=60,
    learning_rate=3e-3,
    warmup_steps=10,
    average_decay=0.9,
    evaluate_every_steps=10,
    purge_bars=20,
    validation_share=0.4,
    twins=0,
)
#: Whatever came of two steps is kept if it is better at all.
BRIEF = replace(FAST, steps=2, members=2, gain_errors=0.0)


def panel(*bars) -> TrainingPanel:  # type: ignore[no-untyped-def]
    return training_panel(market(*bars), mandate(market(*bars)))


def noise() -> TrainingSet:
    return TrainingSet(market=panel(walk("A", 1), stock("B", 2, 700)))


@pytest.fixture(scope="module")
def planted() -> TrainingSet:
    return TrainingSet(market=panel(*(walk(f"S{seed}", seed, 1600, reversal=0.4) for seed in range(3))))


@pytest.fixture(scope="module")
def trained(planted: TrainingSet) -> Trained:
    return train(SMALL, planted, FAST)


def annual(net: np.ndarray) -> float:
    return float(net.mean() / net.std() * np.sqrt(365))


def test_a_planted_signal_is_learned_beyond_the_prior_on_dates_that_chose_nothing(trained: Trained) -> None:
    assert trained.members[0].best_step > 0
    assert annual(trained.gate.net) > annual(trained.prior_gate.net) + 1.0


def test_a_learned_signal_trades_on_prices_never_seen(trained: Trained) -> None:
    fresh = walk("NEW", 99, 900, reversal=0.4)
    signal = trained.ensemble.forecast({"NEW": fresh})["NEW"][300:-1]
    until_next = (fresh.close[1:] / fresh.close[:-1] - 1)[300:]
    assert annual(signal * until_next) > 1.5


def test_every_step_has_its_loss(trained: Trained) -> None:
    losses = trained.members[0].losses
    assert len(losses) <= FAST.steps
    assert np.mean(losses[-5:]) < np.mean(losses[:5])


def test_training_twice_gives_the_same_bytes() -> None:
    first, second = train(SMALL, noise(), BRIEF), train(SMALL, noise(), BRIEF)
    assert [member.losses for member in first.members] == [member.losses for member in second.members]
    assert np.array_equal(first.gate.net, second.gate.net)
    for member, other in zip(first.members, second.members, strict=True):
        weights, again = to_arrays(member.network), to_arrays(other.network)
        assert all(weights[name].tobytes() == again[name].tobytes() for name in weights)


def test_training_and_gate_charge_fees_per_share_and_impact() -> None:
    bars = {symbol: replace(one, volume=np.full(len(one), 1e5)) for symbol, one in market(walk("A", 1)).items()}
    stated = InstrumentTable(symbols={"A": InstrumentTerms(per_share=Decimal("0.05"), impact=Decimal(2))})
    free = mandate(bars)
    dear = replace(free, terms=replace(free.terms, costs=Costs(instruments=stated)), capital=Decimal(1_000_000))
    found = {name: train(SMALL, TrainingSet(market=training_panel(bars, of)), BRIEF) for name, of in
             (("free", free), ("dear", dear), ("larger", replace(dear, capital=Decimal(9_000_000))))}  # fmt: skip
    losses = {name: of.members[0].losses[0] for name, of in found.items()}
    assert losses["free"] < losses["dear"] < losses["larger"]
    gates = {name: of.prior_gate.net.sum() for name, of in found.items()}
    assert gates["free"] > gates["dear"] > gates["larger"]
    assert found["dear"].members[0].losses[1] != losses["dear"]


def test_members_differ_and_so_do_seeds() -> None:
    result = train(SMALL, noise(), BRIEF)
    assert result.members[0].losses != result.members[1].losses
    assert train(SMALL, noise(), replace(BRIEF, seed=1)).members[0].losses != result.members[0].losses


def test_training_leaves_torch_as_it_was() -> None:
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    train(SMALL, noise(), replace(BRIEF, threads=1 if threads > 1 else 2))
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.are_deterministic_algorithms_enabled()


def test_gradients_reach_every_parameter_once_the_head_has_moved() -> None:
    network = new_network(SMALL, 0).train()
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1)
    rows = torch.randn(4, 32, 30, generator=torch.Generator().manual_seed(0))
    for _ in range(2):
        optimiser.zero_grad()
        (network(rows) * rows[:, :, 0]).sum().backward()
        optimiser.step()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in network.parameters())


def test_networks_that_learn_nothing_earn_what_the_prior_earns() -> None:
    result = train(SMALL, noise(), replace(BRIEF, learning_rate=1e-20))
    assert result.gate.net == pytest.approx(result.prior_gate.net, abs=1e-12)
    assert {member.best_step for member in result.members} <= {0, 2}


def test_a_gain_within_its_error_is_not_kept(trained: Trained, planted: TrainingSet) -> None:
    ambitious = train(SMALL, planted, replace(FAST, gain_errors=1e6))
    assert ambitious.members[0].losses == trained.members[0].losses
    assert ambitious.members[0].best_step == 0
    assert ambitious.members[0].stop_sharpe == ambitious.members[0].start_sharpe
    assert np.array_equal(ambitious.gate.net, ambitious.prior_gate.net)


def test_training_stops_early_where_nothing_gets_better() -> None:
    patient = replace(FAST, steps=400, learning_rate=1e-20, patience_steps=20)
    losses = train(SMALL, noise(), patient).members[0].losses
    assert len(losses) == patient.warmup_steps + patient.patience_steps


def test_training_goes_on_from_the_networks_it_is_given(trained: Trained, planted: TrainingSet) -> None:
    still = replace(FAST, steps=1, learning_rate=1e-20)
    again = train(SMALL, planted, still, start=trained.ensemble)
    assert np.array_equal(again.gate.net, trained.gate.net)
    kept = to_arrays(trained.members[0].network)
    train(SMALL, planted, replace(FAST, steps=3), start=trained.ensemble)
    after = to_arrays(trained.members[0].network)
    assert all(kept[name].tobytes() == after[name].tobytes() for name in kept), "the champion itself is not touched"


def test_a_model_of_another_shape_is_no_start(trained: Trained) -> None:
    with pytest.raises(ValueError, match="another shape or number of members; train from the prior instead"):
        train(SMALL, noise(), BRIEF, start=trained.ensemble)


def test_the_twin_is_learned_from_and_never_validates() -> None:
    bars = market(walk("A", 1), walk("B", 2))
    rules = mandate(bars)
    plain, mirrored = (fitted(bars, rules, SMALL, replace(BRIEF, twins=twins)) for twins in (0, 2))
    assert plain.members[0].losses != mirrored.members[0].losses
    assert np.array_equal(plain.prior_gate.net, mirrored.prior_gate.net)
    assert plain.members[0].start_sharpe == mirrored.members[0].start_sharpe


def test_a_twin_shorter_than_a_context_is_left_out() -> None:
    short = panel(walk("A", 3, 280))
    assert train(SMALL, replace(noise(), twins=(short,)), replace(BRIEF, steps=1)).twins == 0


def test_bars_that_are_not_learned_from_change_no_weight() -> None:
    """Everything after the purge may be another history: it stops and judges, but the steps are the same."""
    bars = market(walk("A", 1), walk("B", 2))
    rules = mandate(bars)
    cut = last_learned(training_panel(bars, rules), BRIEF.rule(SMALL))
    other = {}
    for symbol, series in bars.items():
        late = series.open_time > cut
        other[symbol] = make_bars(symbol, series.open_time, close=np.where(late, series.close * 1.5, series.close))
    settings = replace(BRIEF, twins=1, steps=3)
    first, second = fitted(bars, rules, SMALL, settings), fitted(other, rules, SMALL, settings)
    assert [member.losses for member in first.members] == [member.losses for member in second.members]
    assert not np.array_equal(first.prior_gate.net, second.prior_gate.net)


def test_prices_that_never_move_train_without_a_fault() -> None:
    flat = make_bars("FLAT", dates("2010-01-01", 1200), close=np.full(1200, 5.0))
    result = train(SMALL, TrainingSet(market=panel(flat)), BRIEF)
    assert result.members[0].losses == (0.0, 0.0)
    assert (result.gate.net == 0.0).all()


def test_a_loss_that_is_not_a_number_stops_the_training() -> None:
    one = panel(walk("A", 1))
    one.inputs[0][:] = np.nan
    with pytest.raises(TrainingDiverged, match=r"diverged: the loss is nan .* lower learning_rate, now 0\.003"):
        train(SMALL, TrainingSet(market=one), BRIEF)
    assert not torch.are_deterministic_algorithms_enabled()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is such a device")
def test_a_device_that_is_missing_is_named() -> None:
    with pytest.raises(ValueError, match="device is cuda, but torch finds none on this machine; set device to cpu"):
        train(SMALL, noise(), replace(BRIEF, device="cuda"))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device")
def test_a_device_trains_the_same_account() -> None:
    on_cpu, on_device = (train(SMALL, noise(), replace(BRIEF, device=device)) for device in ("cpu", "cuda"))
    assert on_device.prior_gate.net == pytest.approx(on_cpu.prior_gate.net, abs=1e-12)
    assert on_device.gate.net == pytest.approx(on_cpu.gate.net, abs=1e-3)


def test_too_little_history_is_refused() -> None:
    with pytest.raises(ValueError, match="not enough history to train: 600 bars give"):
        train(SMALL, TrainingSet(market=panel(walk("A", 1, 600))), TrainingSettings())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("members", 0),
        ("steps", 0),
        ("batch_windows", 0),
        ("threads", 0),
        ("evaluate_every_steps", 0),
        ("patience_steps", 0),
        ("learning_rate", 0.0),
        ("gradient_norm", float("nan")),
        ("weight_decay", -1.0),
        ("purge_bars", -1),
        ("gain_errors", -0.5),
        ("seed", -1),
        ("twins", -1),
        ("twin_share", 1.0),
        ("average_decay", 1.0),
        ("validation_share", 0.0),
    ],
)
def test_settings_out_of_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name} is {value}; it must be"):
        TrainingSettings(**{name: value})
