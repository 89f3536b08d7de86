"""An input is worth what the account loses where it is shuffled, and one that is not read is worth nothing."""

import numpy as np
import pytest
import torch

from strategy.networks.ensemble import Ensemble
from strategy.networks.transformer import NetworkShape, new_network
from strategy.signals.features import FEATURES
from strategy.training.importance import BLOCK_ROWS, REPEATS, blocks, importance
from strategy.training.network_trainer import NetworkTrainer
from strategy.training.settings import TrainingSettings
from strategy.training.trainer import InputShuffler, Past
from strategy.training.training_panel import TrainingPanel, training_panel
from strategy.training.windows import SplitRule, split
from strategy.work_progress import Said, listening
from testing.markets.panels import mandate, market, walk

RULE = SplitRule(context_bars=32, validation_share=0.4, purge_bars=20)


class Reverting(torch.nn.Module):
    """A network that bets on the reversal of the last return, and reads nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(-0.9))

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Return the departure at every row."""
        return self.scale * torch.tanh(rows[..., FEATURES.index("return")])


@pytest.fixture(scope="module")
def panel() -> TrainingPanel:
    bars = market(*(walk(f"S{seed}", seed, 1200, reversal=0.4) for seed in range(2)))
    return training_panel(bars, mandate(bars))


def test_the_input_that_a_model_reads_is_the_only_one_that_it_misses(panel: TrainingPanel) -> None:
    steps: list[Said] = []
    with listening(steps.append):
        found = importance([Reverting()], panel, split(panel, RULE).gate, RULE, seed=7)  # type: ignore[list-item]
    first, *others = found.inputs
    assert first.name == "return"
    assert first.lost > 1.0
    assert 0.0 < first.spread < first.lost
    assert first.moved > 0.01
    assert {(one.lost, one.spread, one.moved) for one in others} == {(0.0, 0.0, 0.0)}
    assert len(found.inputs) == len(FEATURES)
    assert (found.repeats, found.block_rows, len(steps)) == (REPEATS, BLOCK_ROWS, REPEATS * len(FEATURES) + 1)


def test_nothing_is_shuffled_for_networks_that_trade_the_prior(panel: TrainingPanel) -> None:
    idle = Reverting()
    torch.nn.init.zeros_(idle.scale)
    found = importance([idle], panel, split(panel, RULE).gate, RULE, seed=7)  # type: ignore[list-item]
    assert (found.repeats, found.inputs) == (0, ())


def test_the_same_seed_shuffles_alike_and_another_does_not(panel: TrainingPanel) -> None:
    gate = split(panel, RULE).gate
    once, again, other = (importance([Reverting()], panel, gate, RULE, seed) for seed in (7, 7, 8))  # type: ignore[list-item]
    assert once == again
    assert once.inputs[0].lost != other.inputs[0].lost
    assert once.sharpe == other.sharpe


def test_a_trainer_of_networks_measures_its_models() -> None:
    bars = market(walk("A", 1, 1200))
    shape = NetworkShape(dimensions=8, heads=2, layers=1, context_bars=32)
    network = new_network(shape, seed=1)
    torch.nn.init.constant_(network.head.weight, 0.1)
    settings = TrainingSettings(validation_share=0.4, purge_bars=20, threads=1)
    trainer = NetworkTrainer(shape=shape, settings=settings)
    assert isinstance(trainer, InputShuffler)
    found = trainer.importance(Past(bars=bars, config=mandate(bars)), Ensemble(members=(network,)))
    assert sorted(one.name for one in found.inputs) == sorted(FEATURES)
    assert all(one.moved > 0 for one in found.inputs)


def test_blocks_stay_whole() -> None:
    order = blocks(100, np.random.default_rng(0))
    assert sorted(order.tolist()) == list(range(100))
    assert int((np.diff(order) != 1).sum()) <= 100 // BLOCK_ROWS
    assert order.tolist() != list(range(100))
