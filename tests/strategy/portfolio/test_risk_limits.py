from decimal import Decimal

import numpy as np
import pytest

from strategy.portfolio.risk_limits import RiskLimits, clip_to_limits

D = Decimal
LIMITS = RiskLimits()


def test_the_order_cap_comes_before_the_turnover_bound() -> None:
    limits = RiskLimits(max_turnover=0.5, max_order_notional=D(40))
    moved = clip_to_limits(np.array([0.0, 0.0]), np.array([1.0, -0.2]), D(100), limits)
    # Cut to 0.4 and −0.2 by the cap, 0.6 in all, then scaled to 0.5.
    np.testing.assert_allclose(moved, [0.4 * 0.5 / 0.6, -0.2 * 0.5 / 0.6])


def test_the_order_cap_cuts_what_changes_and_nothing_else() -> None:
    limits = RiskLimits(max_order_notional=D(40))
    moved = clip_to_limits(np.array([0.5, -0.5, 0.3]), np.array([1.5, -1.5, 0.2]), D(100), limits)
    np.testing.assert_allclose(moved, [0.9, -0.9, 0.2], rtol=1e-15)


def test_the_turnover_bound_counts_changes_from_what_is_held() -> None:
    bound = RiskLimits(max_turnover=0.5)
    moved = clip_to_limits(np.array([0.5, -0.5]), np.array([1.0, 0.0]), D(100), bound)
    np.testing.assert_allclose(moved, [0.75, -0.25], rtol=1e-15)
    target = np.array([1.0, -0.5])
    assert clip_to_limits(np.array([0.5, -0.5]), target, D(100), bound) is target


def test_limits_that_do_not_bind_change_nothing() -> None:
    target = np.array([0.1, 0.3])
    assert clip_to_limits(np.array([0.3, 0.1]), target, D(100), LIMITS) is target


@pytest.mark.parametrize(
    ("field", "value"),
    [("max_turnover", 0.5), ("max_order_notional", D("0.5")), ("stale_days", 1), ("max_drawdown_halt", 1.0)],
)
def test_limits_at_the_ends_of_their_range_are_taken(field: str, value: object) -> None:
    assert getattr(RiskLimits(**{field: value}), field) == value  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_turnover", 0.0),
        ("max_order_notional", D(0)),
        ("stale_days", 0),
        ("max_drawdown_halt", 0.0),
        ("max_drawdown_halt", 1.5),
    ],
)
def test_limits_out_of_range_are_refused(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"{field} is"):
        RiskLimits(**{field: value})  # type: ignore[arg-type]
