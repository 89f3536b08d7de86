"""Prior rule, from which the network starts: holding and trend following at equal risk."""

import numpy as np

from strategy.market.bars import FloatArray
from strategy.signals.features import momentum
from strategy.signals.rolling import daily_volatility, mean

PRIOR_HORIZON_BARS = (21, 63, 126, 252)
PRIOR_SMOOTHING_BARS = 5
#: On a random walk the trend below has a root mean square of one half, holding has one of 1: with twice the weight on
#: the trend, both carry the same risk. The weights add up to 1.
PRIOR_HOLD_WEIGHT = 1.0 / 3.0
PRIOR_TREND_WEIGHT = 2.0 / 3.0

#: Closes on which one value of the prior depends.
PRIOR_BARS = max(PRIOR_HORIZON_BARS) + PRIOR_SMOOTHING_BARS


def prior(close: FloatArray) -> FloatArray:
    """Return the signal of the prior rule on adjusted closes (T,), as (T,) in [-1/3, 1].

    1/3 + 2/3 × the five-day mean of tanh momentum, averaged over 21, 63, 126 and 252 days. Row t uses the PRIOR_BARS
    closes up to t and nothing else, to the last bit. NaN in the first PRIOR_BARS - 1 rows; prices that do not move
    have no trend.

    >>> float(prior(np.full(257, 10.0))[-1])
    0.3333333333333333
    """
    sigma = daily_volatility(close)
    total = np.zeros(len(close))
    for horizon_bars in PRIOR_HORIZON_BARS:
        total = total + np.tanh(momentum(close, sigma, horizon_bars))
    trend = total / len(PRIOR_HORIZON_BARS)
    result: FloatArray = PRIOR_HOLD_WEIGHT + PRIOR_TREND_WEIGHT * mean(trend, PRIOR_SMOOTHING_BARS)
    return result


def prior_terms(close: FloatArray) -> dict[str, float]:
    """Return the newest value of the prior as a sum: holding, and the trend over each horizon.

    >>> {name: round(part, 4) for name, part in prior_terms(np.full(257, 10.0)).items()}
    {'holding': 0.3333, 'trend_21': 0.0, 'trend_63': 0.0, 'trend_126': 0.0, 'trend_252': 0.0}
    """
    sigma = daily_volatility(close)
    terms = {"holding": PRIOR_HOLD_WEIGHT}
    for horizon_bars in PRIOR_HORIZON_BARS:
        trend = mean(np.tanh(momentum(close, sigma, horizon_bars)), PRIOR_SMOOTHING_BARS)[-1]
        terms[f"trend_{horizon_bars}"] = PRIOR_TREND_WEIGHT * float(trend) / len(PRIOR_HORIZON_BARS)
    return terms
