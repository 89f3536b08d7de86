"""Days on which the largest exposure or the bound of the volatility multiplier decided."""

import numpy as np
import pytest

from strategy.portfolio.estimates import PortfolioSizing
from strategy.portfolio.limited_days import LimitedDays, limited_days
from strategy.portfolio.sizing import ExposureCaps, SizingParams
from strategy.signals.strategies import Sizing

#: Volatilities of four days at a target of 0.4, and one that is unknown.
VOLATILITY = np.array([0.5, 0.25, 0.1, 0.1, np.nan])


def of(sizing: Sizing, signal: list[float], params: SizingParams) -> LimitedDays:
    column = np.array(signal)[:, None]
    rule = PortfolioSizing(
        symbols=("A",),
        sizing=sizing,
        signal=column,
        multiplier=np.ones_like(column),
        budgets=np.ones_like(column),
        volatility=VOLATILITY,
    )
    return limited_days(rule, rule.directions(params.neutral_zone) * rule.weights(params.target_annual_vol), params)


@pytest.mark.parametrize(
    ("most", "cap", "multiplier", "reached"),
    [
        # k is 0.8, 1.6, 2 (not 4) and 2; the last signal is a third.
        (4.0, [], [2, 3], [0.4, 0.4, 0.2, 0.2]),
        (2.0, [], [2, 3], [0.4, 0.4, 0.2, 0.2]),
        (1.0, [1, 2], [3], [0.4, 0.25, 0.1, 0.2]),
        (0.5, [0, 1, 2, 3], [], [0.25, 0.125, 0.05, 0.15]),
    ],
)
def test_the_limit_that_asks_for_least_decides(
    most: float, cap: list[int], multiplier: list[int], reached: list[float]
) -> None:
    params = SizingParams(target_annual_vol=0.4, max_position_size=most)
    found = of(Sizing.VOLATILITY, [1.0, 1.0, 1.0, 1 / 3, 1.0], params)
    assert np.flatnonzero(found.cap).tolist() == cap
    assert np.flatnonzero(found.multiplier).tolist() == multiplier
    assert np.flatnonzero(found.any).tolist() == sorted(cap + multiplier)
    assert found.reached[:4] == pytest.approx(reached)
    assert found.uncapped[:4] == pytest.approx([0.4, 0.4, 0.2, 0.2])


def test_a_day_counts_only_where_an_exposure_is_wanted_and_after_the_caps_of_symbols() -> None:
    params = SizingParams(target_annual_vol=0.4, max_position_size=0.5)
    assert not of(Sizing.FULL, [0.0, 0.03, -0.03, 0.01, 1.0], params).any.any()
    held = SizingParams(target_annual_vol=0.4, max_position_size=0.5, caps=ExposureCaps(symbol=0.5))
    assert not of(Sizing.VOLATILITY, [1.0] * 5, held).cap.any()


def test_a_signal_that_is_an_exposure_is_capped_where_it_asks_for_more() -> None:
    found = of(Sizing.DIRECT, [1.0, -1.0, 0.5, 0.25, 0.75], SizingParams(max_position_size=0.5))
    assert np.flatnonzero(found.any).tolist() == np.flatnonzero(found.cap).tolist() == [0, 1, 4]


def test_the_cap_of_a_symbol_decides_where_it_cuts_what_is_within_the_cap_of_all() -> None:
    params = SizingParams(target_annual_vol=0.4, max_position_size=1.0, caps=ExposureCaps(symbol=0.9))
    found = of(Sizing.VOLATILITY, [1.0, 1.0, 1.0, 1 / 3, 1.0], params)
    assert np.flatnonzero(found.cap).tolist() == []
    assert np.flatnonzero(found.book).tolist() == [1, 2]
    assert np.flatnonzero(found.multiplier).tolist() == [3]
    # The exposure 0.9 is that of the target 0.9 σ; uncapped, k is 1.6 and 2.
    assert found.reached[:4] == pytest.approx([0.4, 0.225, 0.09, 0.2])
    assert found.uncapped[:4] == pytest.approx([0.4, 0.4, 0.2, 0.2])
