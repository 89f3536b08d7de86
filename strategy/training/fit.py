"""Fit of a model: the market's panel, the panels of its synthetic twin, and the networks trained on both."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from strategy.market.bars import Bars
from strategy.networks.ensemble import Ensemble
from strategy.networks.transformer import NetworkShape
from strategy.portfolio.account_config import AccountConfig
from strategy.training.importance import importance
from strategy.training.loop import Trained, TrainingSet, judge, reproducible, train
from strategy.training.settings import TrainingSettings
from strategy.training.trainer import Importance, Returns
from strategy.training.training_panel import TrainingPanel, training_panel
from strategy.training.windows import SplitRule, split
from strategy.twin.generator import fit, simulate

#: Account dates of one synthetic history: five years, of which the first one and a half are warm-up.
TWIN_ROWS = 1260
#: Separates the twin's random draws from those of the networks, which have the same seed.
TWIN_STREAM = 1_000_000
#: Calendar days by which the dates of a twin, which are made up, may begin before the first rate.
TWIN_LEAD_DAYS = 366


def fitted(
    bars: Mapping[str, Bars],
    config: AccountConfig,
    shape: NetworkShape,
    settings: TrainingSettings,
    start: Ensemble | None = None,
) -> Trained:
    """Train a model on all these bars for the configured account; the same inputs give the same bytes.

    Raises TrainingDiverged if the loss or its gradient is no longer finite, HistoryTooShort, and ValueError if `start`
    has another shape.
    """
    panel = training_panel(bars, config)
    twins = twin_panels(bars, config, last_learned(panel, settings.rule(shape)), settings)
    return train(shape, TrainingSet(market=panel, twins=twins), settings, start)


def rival_returns(
    bars: Mapping[str, Bars], config: AccountConfig, rival: Ensemble, span: range, settings: TrainingSettings
) -> Returns:
    """Return what another model earns on the gate dates of a training on these bars, net at single cost."""
    rule = settings.rule(rival.members[0].shape)
    with reproducible(settings):
        return judge(rival.members, training_panel(bars, config), span, rule)


def input_importance(
    bars: Mapping[str, Bars], config: AccountConfig, model: Ensemble, settings: TrainingSettings
) -> Importance:
    """Return what each input is worth to the model on the gate dates of a training on these bars."""
    rule = settings.rule(model.members[0].shape)
    panel = training_panel(bars, config)
    with reproducible(settings):
        return importance(model.members, panel, split(panel, rule).gate, rule, settings.seed)


def last_learned(panel: TrainingPanel, rule: SplitRule) -> np.datetime64:
    """Return the newest date whose prices a training uses; the validation dates lie after it."""
    newest = int(split(panel, rule).training.max()) + rule.scored_bars
    return np.datetime64(panel.open_time[newest])


def twin_panels(
    bars: Mapping[str, Bars], config: AccountConfig, until: np.datetime64, settings: TrainingSettings
) -> tuple[TrainingPanel, ...]:
    """Return panels of synthetic histories, fitted to no bar after `until`; none if the common history is too short.

    A symbol with less than half of the longest history is left out, because it would shorten the common history.
    """
    past = {symbol: series.until(until) for symbol, series in bars.items()}
    longest = max(map(len, past.values()))
    try:
        twin = fit({symbol: series for symbol, series in past.items() if 2 * len(series) >= longest})
    except ValueError:
        return ()
    config = _led(config)
    return tuple(
        training_panel(
            simulate(twin, rows=TWIN_ROWS, seed=np.random.default_rng([settings.seed, TWIN_STREAM, number])), config
        )
        for number in range(settings.twins)
    )


def _led(config: AccountConfig) -> AccountConfig:
    """Return the account's configuration with rates that begin early enough for the dates of a twin."""
    costs = config.terms.costs
    financing = replace(
        costs.financing,
        rates=costs.financing.rates.led(TWIN_LEAD_DAYS),
        risk_free=costs.financing.risk_free.led(TWIN_LEAD_DAYS),
    )
    return replace(config, terms=replace(config.terms, costs=replace(costs, financing=financing)))
