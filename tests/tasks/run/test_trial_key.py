"""Which settings make another trial of a strategy, and which cannot."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from flows.config.settings import load
from strategy.builtin.registry import HOLD, MOMENTUM, RULES, TURBO, VOL_TARGET
from strategy.builtin.turbo import Network
from strategy.signals.sleeves import combined
from strategy.signals.strategies import Sleeve, Strategy
from tasks.run.trial_key import HALT, RATES, configuration

CAPS = {"max_symbol_exposure", "max_group_exposure", "groups"}
ACCOUNT = {"capital", "base_currency", "instruments", "max_turnover", "max_order_notional"}
COSTS = {"fee_bps", "slippage_bps", "financing_rate"} | ACCOUNT | CAPS
SIZE = {"target_annual_vol", "max_position_size", "volatility_estimator"}
REBALANCING = {"rebalance_band", "rebalance_every"}
FULL = COSTS | SIZE | REBALANCING | {"neutral_zone", "lookback_period"}
NETWORKS = {
    *("network_dimensions", "network_heads", "network_layers", "ensemble_members", "twins", "seed"),
    *("training_steps", "warm_training_steps", "validation_share"),
    *("retrain_every_bars", "cold_start_every_bars", "model_max_age_bars"),
}
NEVER = {"threads", "device", "max_lateness_hours", "retry_every_minutes", "first_retry_bars", HALT}
PLACES = {"home", "source", "symbols", "broker", "funding", "notify"}


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, object]:
    known: dict[str, object] = load({"home": tmp_path}).model_dump(mode="json", exclude=PLACES)
    return known


def that_count(settings: dict[str, object], strategy: Strategy, *symbols: str) -> set[str]:
    """The settings whose change makes another trial of the strategy."""
    alone = configuration(settings, strategy, symbols)
    varied = {name: configuration({**settings, name: -1}, strategy, symbols) for name in settings}
    return {name for name, config in varied.items() if config != alone}


@pytest.mark.parametrize(
    ("strategy", "read"),
    [
        (TURBO, FULL | NETWORKS),
        (Network().prior, FULL),
        (RULES, FULL),
        (MOMENTUM, COSTS | SIZE | REBALANCING),
        (VOL_TARGET, COSTS | SIZE | REBALANCING),
        (HOLD, COSTS | {"max_position_size"}),
    ],
)
def test_a_strategy_is_tried_anew_with_what_it_reads(
    settings: dict[str, object], strategy: Strategy, read: set[str]
) -> None:
    assert that_count(settings, strategy, "SPY") == read
    # Only beside others may a symbol lack a bar on a date of the account.
    split = {"allocation"} if "target_annual_vol" in read else set()
    assert that_count(settings, strategy, "SPY", "TLT") == read | {"stale_days"} | split


def test_dated_rates_are_read_unless_a_flat_one_is_set(settings: dict[str, object]) -> None:
    flat, dated = {**settings, "financing_rate": 0.05}, {**settings, "financing_rate": None}
    assert that_count(flat, RULES, "SPY") == FULL
    assert that_count(dated, RULES, "SPY") == FULL | RATES
    # A configuration of a time before dated rates is the same one.
    known = {name: value for name, value in flat.items() if name not in RATES}
    assert configuration(flat, RULES, ["SPY"]) == configuration(known, RULES, ["SPY"])


def test_every_setting_is_read_by_some_strategy_or_is_known_to_change_nothing(settings: dict[str, object]) -> None:
    assert set(settings) == FULL | NETWORKS | NEVER | RATES | {"stale_days", "allocation", "strategy", "parameters"}


def test_trials_of_before_there_were_allocations_are_those_by_inverse_volatility(settings: dict[str, object]) -> None:
    before = {name: value for name, value in settings.items() if name not in CAPS | {"allocation"}}
    assert configuration(before, RULES, ["SPY", "TLT"]) == configuration(settings, RULES, ["SPY", "TLT"])
    split = configuration({**settings, "allocation": "equal-risk"}, RULES, ["SPY", "TLT"])
    assert json.loads(split)["allocation"] == "equal-risk"


def test_trials_of_before_there_was_another_estimator_are_those_by_closes(settings: dict[str, object]) -> None:
    before = {name: value for name, value in settings.items() if name != "volatility_estimator"}
    assert configuration(before, RULES, ["SPY"]) == configuration(settings, RULES, ["SPY"])
    ranged = configuration({**settings, "volatility_estimator": "har"}, RULES, ["SPY"])
    assert json.loads(ranged)["volatility_estimator"] == "har"


def test_a_combination_of_sleeves_is_a_trial_of_its_own(settings: dict[str, object]) -> None:
    own = Strategy(name="own", signal=lambda bars: bars.close, history_bars=1, sizing="direct", version="a" * 64)

    def key(*weighted: tuple[Strategy, float | None]) -> str:
        sleeves = [Sleeve(strategy=strategy, weight=weight) for strategy, weight in weighted]
        return configuration(settings, combined(sleeves), ["SPY", "TLT"])

    both = key((RULES, 0.5), (own, 0.5))
    assert key((own, 0.5), (RULES, 0.5)) == both
    changed = replace(own, version="b" * 64)
    others = {
        key((RULES, 0.4), (own, 0.5)),
        key((RULES, None), (own, None)),
        key((RULES, 0.5), (changed, 0.5)),
        key((RULES, 0.5), (replace(own, parameters=Parameters(fast=20)), 0.5)),
        configuration(settings, RULES, ["SPY", "TLT"]),
    }
    assert len(others - {both}) == 5
    # It reads what any of its sleeves does, and names each.
    known = json.loads(both)
    assert known["sleeves"] == {"rules": {"weight": 0.5}, "own": {"weight": 0.5, "strategy_sha256": "a" * 64}}
    combination = combined([Sleeve(strategy=each, weight=0.5) for each in (RULES, MOMENTUM)])
    assert that_count(settings, combination, "SPY") == FULL


@dataclass(frozen=True)
class Parameters:
    fast: int = 10


def test_what_came_to_act_and_what_nobody_knows_count(settings: dict[str, object]) -> None:
    assert HALT not in json.loads(configuration(settings, TURBO, ["SPY"]))
    assert json.loads(configuration(settings, TURBO, ["SPY"], {HALT}))[HALT] == settings[HALT]
    # A trial of before there was a band is the same one without it.
    unbanded = {**settings, "rebalance_band": 0.0}
    assert not REBALANCING & json.loads(configuration(unbanded, TURBO, ["SPY"])).keys()
    assert json.loads(configuration({"strategy": "rules", "new": 1}, RULES, ["SPY"])) == {"strategy": "rules", "new": 1}
