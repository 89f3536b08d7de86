"""turbo: a network that departs from a prior rule, trained through the account that will really trade."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from strategy.account.fees_and_slippage import Costs
from strategy.account.trading_terms import TradingTerms
from strategy.market.bars import Bars, FloatArray
from strategy.market.instruments import Calendar, Instrument
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.risk_limits import RiskLimits
from strategy.portfolio.sizing import SizingParams
from strategy.signals.features import FEATURE_BARS, momentum
from strategy.signals.prior import PRIOR_BARS, PRIOR_HORIZON_BARS, prior, prior_terms
from strategy.signals.rolling import daily_volatility
from strategy.signals.strategies import Arrays, Inputs, Strategy
from strategy.training.recipe import TrainingConfig

if TYPE_CHECKING:
    from strategy.audit.folds import NetworkFolds
    from strategy.networks.ensemble import Ensemble
    from strategy.training.network_trainer import NetworkTrainer


def signal(bars: Bars) -> FloatArray:
    """Return the prior rule on adjusted closes, (T,)."""
    return prior(bars.adjusted_close)


def inputs(bars: Bars) -> Inputs:
    """Return the prior's momentum over each horizon at the newest close."""
    close = bars.adjusted_close
    sigma = daily_volatility(close)
    return {f"momentum_{lag}": float(momentum(close, sigma, lag)[-1]) for lag in PRIOR_HORIZON_BARS}


def terms(bars: Bars) -> Inputs:
    """Return the parts of the prior's newest value: holding, and the trend over each horizon."""
    return prior_terms(bars.adjusted_close)


#: The recipe's parameters that say when to train, not how: no model that is trained from scratch depends on them.
_SCHEDULE = frozenset(
    {"warm_steps", "retrain_every_bars", "first_retry_bars", "cold_start_every_bars", "model_max_age_bars"}
)
#: Rows of inputs on which a signal of the default network depends.
_CONTEXT_BARS = 252


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """The transformer as a learner: trained through the account by a trainer of its own.

    Called alone, `fit` and `from_arrays` are those of the default recipe, for an account with the default sizing and
    costs that can trade every day. torch is imported when it is first needed.
    """

    @property
    def prior(self) -> Strategy:
        """Return the rule without networks."""
        return Strategy(
            name="prior",
            signal=signal,
            history_bars=PRIOR_BARS,
            sizing="full",
            inputs=inputs,
            terms=terms,
            trusted=True,
        )

    @property
    def history_bars(self) -> int:
        """Return the closes on which a signal of the default network depends."""
        return _CONTEXT_BARS + FEATURE_BARS - 1

    @property
    def settings(self) -> frozenset[str]:
        """Return the names of the settings that only networks read."""
        return frozenset(
            {
                *("network_dimensions", "network_heads", "network_layers", "ensemble_members", "twins"),
                *("training_steps", "warm_training_steps", "cold_start_every_bars"),
            }
        )

    def determined_by(self, recipe: TrainingConfig) -> dict[str, Any]:
        """Return the recipe without its schedule."""
        return {"recipe": {name: value for name, value in asdict(recipe).items() if name not in _SCHEDULE}}

    def trainer(self, recipe: TrainingConfig) -> "NetworkTrainer":
        """Return the trainer of networks of this recipe. Raises ValueError if there can be no such network."""
        from strategy.training.network_trainer import network_trainer

        return network_trainer(recipe)

    def read(self, arrays: Arrays, config: Mapping[str, Any]) -> "Ensemble":
        """Return the stored networks. Raises KeyError, TypeError or ValueError if this version cannot use them."""
        from strategy.training.network_trainer import read_networks

        return read_networks(arrays, config)

    def fit(self, past: Mapping[str, Bars], seed: int) -> "Ensemble":
        """Return networks trained on these bars. Raises ValueError if the history is too short."""
        from strategy.networks.transformer import NetworkShape
        from strategy.training.fit import fitted
        from strategy.training.settings import TrainingSettings

        return fitted(past, _account(past), NetworkShape(), TrainingSettings(seed=seed)).ensemble

    def from_arrays(self, arrays: Arrays) -> "Ensemble":
        """Return the networks of these weights. Raises ValueError if they are not of the default shape."""
        return self.read(arrays, {"shape": {}})

    def fold_audit(self, recipe: TrainingConfig, config: AccountConfig) -> "NetworkFolds":
        """Return the audit of what networks of this recipe are trained on."""
        from strategy.audit.folds import NetworkFolds, teacher

        trainer = self.trainer(recipe)
        rule = trainer.settings.rule(trainer.shape)
        return NetworkFolds(teach=teacher(config, rule, trainer.settings), rule=rule)


def _account(bars: Mapping[str, Bars]) -> AccountConfig:
    instruments = {symbol: Instrument(symbol=symbol, calendar=Calendar.ALWAYS) for symbol in bars}
    return AccountConfig(
        strategy=strategy,
        symbols=tuple(sorted(bars)),
        sizing=SizingParams(),
        limits=RiskLimits(),
        terms=TradingTerms(account="", instruments=instruments, costs=Costs()),
    )


strategy = Strategy(
    name="turbo",
    signal=signal,
    history_bars=PRIOR_BARS,
    sizing="full",
    learner=Network(),
    inputs=inputs,
    terms=terms,
    trusted=True,
)
