"""Bars without ranges of their own are told of where volatility should come from ranges."""

from datetime import date

import numpy as np

from strategy.builtin.registry import VOL_TARGET
from strategy.market.instruments import Calendar
from strategy.signals.har import VolatilityEstimator
from strategy.signals.outlook import SymbolSignals, symbol_signals
from tasks.notices.ranges import without_ranges
from testing.markets.panels import market, walk, with_ranges

BARS = market(with_ranges(walk("A", 1, 500), 1), walk("B", 2, 500), walk("C", 3, 300))


def outlooks() -> list[SymbolSignals]:
    return list(symbol_signals(BARS, dict.fromkeys(BARS, Calendar.ALWAYS), VOL_TARGET).values())


def test_a_symbol_without_ranges_is_named_with_its_days_and_a_short_history_is_not() -> None:
    last = BARS["B"].open_time[-1].astype("M8[D]").item()
    assert without_ranges(outlooks(), VolatilityEstimator.HAR, last) == [
        "B is sized by the volatility of its closes on 1 of 1 days, since less than 50% of its bars before have a high "
        "or low beyond open and close; give bars with real ranges, or set volatility_estimator to ewma"
    ]
    (told,) = without_ranges(outlooks(), VolatilityEstimator.HAR, date(2011, 1, 1))
    share = symbol_signals(BARS, dict.fromkeys(BARS, Calendar.ALWAYS), VOL_TARGET)["B"].ranges
    assert share is not None
    known = int(np.isfinite(share.har.ranged[BARS["B"].open_time >= np.datetime64("2011-01-01")]).sum())
    assert f"on {known} of 135 days" in told


def test_nothing_is_told_where_the_closes_are_meant() -> None:
    assert without_ranges(outlooks(), VolatilityEstimator.EWMA, date(2010, 1, 1)) == []
