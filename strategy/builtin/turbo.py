"""turbo: a network that departs from a prior rule, trained through the account that will really trade."""

from dataclasses import dataclass

from strategy.market.bars import Bars, FloatArray
from strategy.signals.features import momentum
from strategy.signals.prior import PRIOR_BARS, PRIOR_HORIZON_BARS, prior
from strategy.signals.rolling import daily_volatility
from strategy.signals.strategies import Inputs, Strategy


def signal(bars: Bars) -> FloatArray:
    """Return the prior rule on adjusted closes, (T,)."""
    return prior(bars.adjusted_close)


def inputs(bars: Bars) -> Inputs:
    """Return the prior's momentum over each horizon at the newest close."""
    close = bars.adjusted_close
    sigma = daily_volatility(close)
    return {f"momentum_{lag}": float(momentum(close, sigma, lag)[-1]) for lag in PRIOR_HORIZON_BARS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """The transformer as a learner."""

    @property
    def prior(self) -> Strategy:
        """Return the rule without networks."""
        return Strategy(
            name="prior", signal=signal, history_bars=PRIOR_BARS, sizing="full", inputs=inputs, trusted=True
        )


strategy = Strategy(
    name="turbo", signal=signal, history_bars=PRIOR_BARS, sizing="full", learner=Network(), inputs=inputs, trusted=True
)
