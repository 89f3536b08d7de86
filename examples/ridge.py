"""ridge: a learner, ridge regression of the next return on the last ones, kept as arrays."""

from dataclasses import dataclass

import numpy as np

from turbodmt import Strategy

LAGS = 5


def features(bars):
    """Return the last LAGS daily returns in units of their own size, (T, LAGS); NaN before LAGS + 1 bars."""
    close = bars.adjusted_close
    result = np.full((len(close), LAGS), np.nan)
    if len(close) > LAGS:
        returns = np.log(close[1:] / close[:-1])
        result[LAGS:] = np.lib.stride_tricks.sliding_window_view(returns, LAGS)
    return result


@dataclass(frozen=True, kw_only=True)
class RidgeModel:
    """Weights (LAGS,) of the features, and the size of a usual forecast."""

    weights: np.ndarray
    size: np.ndarray

    def signals(self, panel):
        """Return every symbol's signal, (T,) in [-1, 1]: its forecast over the usual one."""
        return {symbol: np.tanh(features(bars) @ self.weights / self.size) for symbol, bars in panel.items()}

    def to_arrays(self):
        """Return all that the model consists of."""
        return {"weights": self.weights, "size": self.size}


@dataclass(frozen=True, kw_only=True)
class Ridge:
    """Ridge regression over all symbols together; a larger `penalty` gives smaller weights."""

    penalty: float = 1.0
    history_bars: int = LAGS + 1

    @property
    def prior(self):
        """Return what a model must beat: holding every symbol at the target volatility."""
        return Strategy(name="always-long", signal=always_long, history_bars=1, sizing="volatility")

    def fit(self, past, seed):
        """Return the model of these bars; it needs no random numbers, so the seed does nothing."""
        rows, targets = [], []
        for bars in past.values():
            close = bars.adjusted_close
            rows.append(features(bars)[LAGS:-1])
            targets.append(np.log(close[LAGS + 1 :] / close[LAGS:-1]))
        x, y = np.concatenate(rows), np.concatenate(targets)
        # One sum a pair of lags: a product of matrices may add in another order on another machine.
        gram = np.array([[np.sum(a * b) for b in x.T] for a in x.T])
        ridge = gram + self.penalty * np.trace(gram) / LAGS * np.eye(LAGS)
        weights = np.linalg.solve(ridge, np.array([np.sum(a * y) for a in x.T]))
        return RidgeModel(weights=weights, size=np.array(np.std(x @ weights)))

    def from_arrays(self, arrays):
        """Return the model of these arrays."""
        return RidgeModel(weights=arrays["weights"], size=arrays["size"])


def always_long(bars):
    """Return 1 at every row, (T,)."""
    return np.ones(len(bars))


strategy = Strategy(name="ridge", signal=always_long, history_bars=1, sizing="volatility", learner=Ridge())
