"""From bars to a model: the market's panel, those of its twin, and the networks trained on both."""

from collections.abc import Mapping

import numpy as np

from strategy.market.bars import Bars
from strategy.networks.ensemble import Ensemble
from strategy.networks.transformer import NetworkShape
from strategy.portfolio.account_config import AccountConfig
from strategy.training.loop import Trained, TrainingSet, judge, reproducible, train
from strategy.training.rollout import Returns
from strategy.training.settings import TrainingSettings
from strategy.training.training_panel import TrainingPanel, training_panel
from strategy.training.windows import SplitRule, split
from strategy.twin.generator import fit, simulate

#: Account dates of one synthetic history: five years, of which the first one and a half warm up.
TWIN_ROWS = 1260
#: Keeps the twin's draws apart from those of the networks, which have the same seed.
TWIN_STREAM = 1_000_000


def fitted(
    bars: Mapping[str, Bars],
    mandate: AccountConfig,
    shape: NetworkShape,
    settings: TrainingSettings,
    start: Ensemble | None = None,
) -> Trained:
    """The model of these bars, all of them, for the account of the mandate; the same inputs give the same bytes.

    Raises TrainingDiverged; ValueError if the history is too short or `start` has another shape.
    """
    panel = training_panel(bars, mandate)
    twins = twin_panels(bars, mandate, last_learned(panel, settings.rule(shape)), settings)
    return train(shape, TrainingSet(market=panel, twins=twins), settings, start)


def rival_returns(
    bars: Mapping[str, Bars], mandate: AccountConfig, rival: Ensemble, span: range, settings: TrainingSettings
) -> Returns:
    """What another model earns on the dates that judged a training on these bars, net at single cost."""
    rule = settings.rule(rival.members[0].shape)
    with reproducible(settings):
        return judge(rival.members, training_panel(bars, mandate), span, rule)


def last_learned(panel: TrainingPanel, rule: SplitRule) -> np.datetime64:
    """The newest date whose prices a training reaches; what validates lies after it."""
    newest = int(split(panel, rule).training.max()) + rule.scored_bars
    return np.datetime64(panel.open_time[newest])


def twin_panels(
    bars: Mapping[str, Bars], mandate: AccountConfig, until: np.datetime64, settings: TrainingSettings
) -> tuple[TrainingPanel, ...]:
    """Panels of synthetic histories, fitted to no bar after `until`; none where the symbols share too little history.

    A symbol that was listed for less than half of the past is left out: it would cut short what all have in common.
    """
    past = {symbol: one.until(until) for symbol, one in bars.items()}
    longest = max(map(len, past.values()))
    try:
        twin = fit({symbol: one for symbol, one in past.items() if 2 * len(one) >= longest})
    except ValueError:
        return ()
    return tuple(
        training_panel(
            simulate(twin, rows=TWIN_ROWS, seed=np.random.default_rng([settings.seed, TWIN_STREAM, number])), mandate
        )
        for number in range(settings.twins)
    )
