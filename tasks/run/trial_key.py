"""The identity of a configuration among trials: the settings that can change the result, and no others."""

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, is_dataclass

from strategy.account.fees_and_slippage import Costs
from strategy.builtin.registry import BUILT_IN
from strategy.portfolio.sizing import Allocation, SizingParams
from strategy.signals.sleeves import BY_RISK
from strategy.signals.strategies import Sizing, Strategy, sizing_of
from strategy.training.learners import settings_read, trial_settings

#: The drawdown at which an account halts. No decision reads it, so it counts only where it withheld orders.
HALT = "max_drawdown_halt"
#: By design the number of threads and the device do not change the result, only a live run can be late, and a
#: backtest trains each year once, whenever a daily run would try again.
_NEVER_READ = frozenset({"threads", "device", "max_lateness_hours", "retry_every_minutes", "first_retry_bars", HALT})
#: Training, judgement and retraining of models; the seed affects nothing else that is traded.
_OF_LEARNERS = frozenset({"seed", "validation_share", "retrain_every_bars", "model_max_age_bars"})
#: Settings that a learner reads only if it says so.
_OF_SOME_LEARNERS = frozenset(name for strategy in BUILT_IN.values() for name in settings_read(strategy))
#: The settings that mean neither a rebalance band nor a frequency.
_WITHOUT_BAND: Mapping[str, object] = {"rebalance_band": 0.0, "rebalance_every": "daily"}
#: The values that trials had before there was a choice.
_BEFORE: Mapping[str, object] = {**_WITHOUT_BAND, "volatility_estimator": "ewma"}
#: What a strategy that is sized without volatility does not read.
_WITHOUT_VOLATILITY = frozenset(
    {"neutral_zone", "lookback_period", "target_annual_vol", "allocation", "volatility_estimator"}
)
#: Caps and a currency that trials of before there were any do not name.
_ONCE_UNKNOWN = ("max_symbol_exposure", "max_group_exposure", "groups", "base_currency")
#: The settings that each sizing does not read.
_UNSIZED: Mapping[Sizing, frozenset[str]] = {
    Sizing.FULL: frozenset(),
    Sizing.VOLATILITY: frozenset({"neutral_zone", "lookback_period"}),
    Sizing.ONCE: _WITHOUT_VOLATILITY | _WITHOUT_BAND.keys(),
    Sizing.DIRECT: _WITHOUT_VOLATILITY,
}


#: The sizing of a baseline that is not tuned. A band is left out: its default spares costs.
_AS_IT_COMES = {
    **{
        name: getattr(SizingParams(), name)
        for name in ("target_annual_vol", "max_position_size", "neutral_zone", "lookback_period", "allocation")
    },
    "volatility_estimator": SizingParams().volatility_estimator,
    "max_symbol_exposure": None,
    "max_group_exposure": None,
}
#: The settings of dated rates, which a flat rate leaves unread.
RATES = frozenset({"rates", "borrow_spread", "cash_spread", "short_fee"})


def unread_financing(settings: Mapping[str, object]) -> frozenset[str]:
    """Return the settings of financing that are not read beside the others.

    >>> sorted(unread_financing({"financing_rate": 0.05})), sorted(unread_financing({"financing_rate": None}))
    (['borrow_spread', 'cash_spread', 'rates', 'short_fee'], ['financing_rate'])
    """
    return RATES if settings.get("financing_rate") is not None else frozenset({"financing_rate"})


def account_version(costs: Costs) -> int:
    """Return the version of the account at these costs, which says whose Sharpe ratios can be compared.

    1: a flat rate of financing, and returns above a rate of 0. 2: dated rates, and returns above them. 3: cash that
    earns nothing, and returns above the rate of the dollar.

    >>> account_version(Costs())
    1
    """
    terms = costs.financing
    if terms.flat_rate is not None:
        return 1
    return 2 if terms.rates == terms.risk_free else 3


def sleeves_described(strategy: Strategy) -> dict[str, dict[str, object]]:
    """Return what makes the combination of a strategy's sleeves another one, by name: weight, version, parameters."""
    described: dict[str, dict[str, object]] = {}
    for sleeve in strategy.sleeves:
        part = sleeve.strategy
        found: dict[str, object] = {"weight": BY_RISK if sleeve.weight is None else sleeve.weight}
        if part.version:
            found["strategy_sha256"] = part.version
        if is_dataclass(part.parameters) and not isinstance(part.parameters, type):
            found["parameters"] = asdict(part.parameters)
        described[part.name] = found
    return described


def is_trial(settings: Mapping[str, object], strategy: Strategy, symbols: Collection[str]) -> bool:
    """Return whether a test of the strategy is a trial: a baseline as it comes is none, but one that is tuned is.

    >>> from strategy.builtin.registry import HOLD, VOL_TARGET
    >>> [is_trial({"target_annual_vol": target}, VOL_TARGET, ["SPY"]) for target in (0.35, 0.12)]
    [False, True]
    >>> is_trial({"target_annual_vol": 0.12}, HOLD, ["SPY"])
    False
    """
    if not strategy.baseline:
        return True
    plain = {**settings, **{name: value for name, value in _AS_IT_COMES.items() if name in settings}}
    return configuration(settings, strategy, symbols) != configuration(plain, strategy, symbols)


def configuration(
    settings: Mapping[str, object], strategy: Strategy, symbols: Collection[str], acted: Collection[str] = ()
) -> str:
    """Return the settings as JSON, without those that the strategy does not read on these symbols.

    An unknown name is kept: counting a trial too many is safer than one too few. `acted` names settings that took
    effect although the strategy does not read them.

    >>> from strategy.builtin.registry import RULES
    >>> configuration({"strategy": "", "neutral_zone": 0.03, "stale_days": 7, "seed": 7, "threads": 2}, RULES, ["SPY"])
    '{"strategy": "rules", "neutral_zone": 0.03}'
    """
    # Parameters count as the strategy has them: a default that is given is no other trial.
    # The same goes for the version: the settings of a sweep name that of its first strategy.
    unread = _NEVER_READ | {"parameters", "strategy_sha256", "sleeves"} | _UNSIZED[sizing_of(strategy)]
    unread |= _OF_SOME_LEARNERS - settings_read(strategy)
    unread |= unread_financing(settings)
    if not strategy.learner:
        unread |= _OF_LEARNERS
    if len(symbols) == 1:
        # A single symbol has a bar on every date of its account, and all of its portfolio.
        unread |= {"stale_days", "allocation"}
    if settings.get("allocation") == Allocation.INVERSE_VOL:
        # Trials of before there was another did not name it.
        unread |= {"allocation"}
    unread |= {name for name in _ONCE_UNKNOWN if not settings.get(name)}
    # Nor had they a rebalance band or an estimator to choose.
    unread |= {key for key, value in _BEFORE.items() if settings.get(key, value) == value}
    read = {key: value for key, value in settings.items() if key not in unread - frozenset(acted)}
    own: dict[str, object] = {"strategy_sha256": strategy.version} if strategy.version else {}
    if is_dataclass(strategy.parameters) and not isinstance(strategy.parameters, type):
        own["parameters"] = asdict(strategy.parameters)
    if strategy.sleeves:
        own["sleeves"] = sleeves_described(strategy)
    return json.dumps({**read, **trial_settings(strategy), "strategy": strategy.name, **own})
