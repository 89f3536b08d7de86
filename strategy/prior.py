"""The rule the network starts from: mostly long, more so in an up-trend, less in a down-trend."""

import numpy as np

from strategy.bars import FloatArray
from strategy.features import momentum
from strategy.rolling import daily_volatility, mean

PRIOR_HORIZON_BARS = (21, 63, 126, 252)
PRIOR_SMOOTHING_BARS = 5
PRIOR_LEVEL = 0.4
PRIOR_TREND_WEIGHT = 0.4

#: Closes that one value of the prior sees.
PRIOR_BARS = max(PRIOR_HORIZON_BARS) + PRIOR_SMOOTHING_BARS


def prior(close: FloatArray) -> FloatArray:
    """Signal of the prior rule on adjusted closes (T,), (T,) in [0, 0.8].

    0.4 + 0.4 × the five-day mean of tanh momentum, averaged over 21, 63, 126 and 252 days. Row t sees the PRIOR_BARS
    closes up to t and nothing else, to the last bit. NaN in the first PRIOR_BARS - 1 rows; prices that do not move
    have no trend.

    >>> float(prior(np.full(257, 10.0))[-1])
    0.4
    """
    sigma = daily_volatility(close)
    total = np.zeros(len(close))
    for horizon_bars in PRIOR_HORIZON_BARS:
        total = total + np.tanh(momentum(close, sigma, horizon_bars))
    trend = total / len(PRIOR_HORIZON_BARS)
    result: FloatArray = PRIOR_LEVEL + PRIOR_TREND_WEIGHT * mean(trend, PRIOR_SMOOTHING_BARS)
    return result
