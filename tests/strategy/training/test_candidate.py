from collections.abc import Mapping

import pytest

from strategy.market.bars import Bars
from strategy.networks.ensemble import Ensemble
from strategy.networks.transformer import NetworkShape
from strategy.portfolio.account_config import AccountConfig
from strategy.training.candidate import Candidate
from strategy.training.candidate import candidate as candidate_of
from strategy.training.network_trainer import NetworkTrainer
from strategy.training.settings import TrainingSettings
from strategy.training.trainer import Past
from testing.markets.panels import mandate, market, walk
from testing.markets.planted_signals import Universe, linear, sown

SMALL = NetworkShape(dimensions=8, heads=2, layers=1, context_bars=20)
BRISK = TrainingSettings(seed=7, members=1, steps=40, twins=0, threads=1, validation_share=0.4)


def candidate(bars: Mapping[str, Bars], config: AccountConfig) -> Candidate:
    return candidate_of(Past(bars=bars, config=config), NetworkTrainer(shape=SMALL, settings=BRISK))


def test_what_beats_the_prior_is_promoted_with_its_model() -> None:
    field = sown(linear(0.9), Universe(symbols=2, days=1_300), seed=1)
    found = candidate(field.bars, field.config)
    assert found.model is not None
    assert isinstance(found.model, Ensemble)
    assert len(found.model.members) == 1
    assert (found.verdict.promoted, found.verdict.figures.trials) == (True, 1)


@pytest.mark.parametrize("count", [1, 2, 30, 300])
def test_too_short_a_history_gives_no_model_and_the_reason(count: int) -> None:
    bars = market(walk("A", 1, count))
    found = candidate(bars, mandate(bars))
    assert found.model is None
    assert not found.verdict.promoted
    assert found.verdict.reason.startswith(f"not enough history to train: {count} bars give 0 training windows")


def test_no_history_at_all_gives_no_model() -> None:
    bars = market(walk("A", 1, 30))
    assert candidate({}, mandate(bars)).verdict.reason == "there is no bar to train on"
