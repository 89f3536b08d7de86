"""Inputs of the network: each symbol's own features, and the market's, which are their mean over all symbols."""

from collections.abc import Mapping

import numpy as np

from strategy.market.bars import Bars, FloatArray, TimeArray
from strategy.market.panel import CURRENT_DAYS, Panel, side_by_side
from strategy.signals.features import FEATURE_BARS, FEATURES, features

#: Names of the columns, in order. Weights are tied to this list: a network trained on another one is refused.
INPUTS: tuple[str, ...] = (*FEATURES, *(f"market_{name}" for name in FEATURES))


def inputs(bars: Mapping[str, Bars]) -> dict[str, FloatArray]:
    """Return the network's inputs at every own row of each symbol, (T, 30) in the order of INPUTS, from raw bars.

    The market's features of a date are the mean over the symbols that have a current row with features; a single
    symbol is its own market. Row t uses rows dated t or earlier. NaN in a symbol's first FEATURE_BARS - 1 rows.
    """
    panel = side_by_side({symbol: series.open_time for symbol, series in bars.items()})
    own = {symbol: features(bars[symbol].close * bars[symbol].factor) for symbol in panel.symbols}
    market = _market(panel, own)
    return {
        symbol: np.concatenate([own[symbol], market[panel.session[:, column]]], axis=-1)
        for column, symbol in enumerate(panel.symbols)
    }


def _market(panel: Panel, own: Mapping[str, FloatArray]) -> FloatArray:
    """Return the mean over the current symbols, (U, F); NaN where there is none.

    It is summed symbol by symbol: a sum over an axis may group its terms by the number of dates, and a bare window must
    give the same bits as the whole history.
    """
    total = np.zeros((len(panel), len(FEATURES)))
    count = np.zeros((len(panel), 1))
    for column, symbol in enumerate(panel.symbols):
        spread = panel.spread(column, own[symbol])
        counts = panel.current[:, column] & np.isfinite(spread[:, 0])
        total[counts] += spread[counts]
        count[counts] += 1.0
    result = np.full(total.shape, np.nan)
    np.divide(total, count, out=result, where=count > 0)
    return result


def bars_behind(open_times: Mapping[str, TimeArray], context_bars: int) -> int:
    """Return how many of each symbol's newest bars determine the inputs of the last `context_bars` rows of all symbols.

    A row includes the market of its date, and so other symbols' features on it; there is at most one bar a day.
    """
    known = [times for times in open_times.values() if len(times)]
    if not known:
        return 0
    oldest = min(times[max(0, len(times) - context_bars)] for times in known) - np.timedelta64(CURRENT_DAYS, "D")
    newest = max(times[-1] for times in known)
    return int((newest - oldest) / np.timedelta64(1, "D")) + FEATURE_BARS
