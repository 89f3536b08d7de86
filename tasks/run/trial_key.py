"""What makes two configurations different: the settings that can change the result, and none beside them."""

import json
from collections.abc import Collection, Mapping

from strategy.signals.outlook import Sizing, Strategy, sizing_of
from strategy.training.promotion_gate import PRIOR

#: The loss at which an account halts: no part of a decision, so that it counts only where it withheld orders.
HALT = "max_drawdown_halt"
#: By intent the number of threads and the device change nothing, and only a live run is ever late.
_NEVER_READ = frozenset({"threads", "device", "max_lateness_hours", HALT})
#: How networks are shaped, trained and judged, and when anew; the seed draws nothing else that is traded.
_OF_NETWORKS = frozenset(
    {
        *("network_dimensions", "network_heads", "network_layers", "ensemble_members", "twins", "seed"),
        *("training_steps", "warm_training_steps", "validation_share"),
        *("retrain_every_bars", "cold_start_every_bars", "model_max_age_bars"),
    }
)
#: What a sizing leaves unread.
_UNSIZED: Mapping[Sizing, frozenset[str]] = {
    Sizing.FULL: frozenset(),
    Sizing.VOLATILITY: frozenset({"neutral_zone", "lookback_period"}),
    Sizing.ONCE: frozenset({"neutral_zone", "lookback_period", "target_annual_vol"}),
}


def configuration(settings: Mapping[str, object], symbols: Collection[str], acted: Collection[str] = ()) -> str:
    """The settings, as JSON, without those that the strategy they name does not read on these symbols.

    `prior` names what turbo trades without networks. A name that is not known is kept: better a trial too many than one
    too few. `acted` names settings that came to act although a strategy does not read them.

    >>> configuration({"strategy": "rules", "neutral_zone": 0.03, "stale_days": 7, "seed": 7, "threads": 2}, ["SPY"])
    '{"strategy": "rules", "neutral_zone": 0.03}'
    """
    name = settings["strategy"]
    sizing = Sizing.FULL if name == PRIOR else sizing_of(Strategy(str(name)))
    unread = _NEVER_READ | _UNSIZED[sizing]
    if name != Strategy.TURBO:
        unread |= _OF_NETWORKS
    if len(symbols) == 1:
        # On every date of its account a lone symbol has a bar.
        unread |= {"stale_days"}
    return json.dumps({key: value for key, value in settings.items() if key not in unread - frozenset(acted)})
