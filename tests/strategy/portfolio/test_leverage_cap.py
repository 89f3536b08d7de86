import numpy as np
import pytest
import torch

from strategy.portfolio.leverage_cap import BookCaps, book_caps, capped_beside_kept, portfolio_exposures
from strategy.portfolio.sizing import ExposureCaps, SizingParams, risk_budgets, soft_signal, volatility_multiplier

PARAMS = SizingParams()


def test_each_day_of_a_portfolio_is_scaled_on_its_own() -> None:
    wanted = portfolio_exposures(np.array([[1.0, -1.0], [0.5, 0.25]]), np.array([[3.0, 1.0], [2.0, 2.0]]), 2.0)
    np.testing.assert_allclose(wanted, [[1.5, -0.5], [1.0, 0.5]], rtol=1e-15)


def test_one_symbol_of_a_portfolio_is_the_single_rule() -> None:
    for direction, volatility in ((0.7, 0.2), (-1.25, 0.05), (0.3, 0.9)):
        weight = risk_budgets(np.array([volatility])) * volatility_multiplier(np.array([volatility]), 0.35)
        alone = portfolio_exposures(np.array([direction]), weight, PARAMS.max_position_size)
        rule = np.clip(direction * min(0.35 / volatility, 2.0), -2.0, 2.0)
        assert alone[0] == pytest.approx(rule, rel=1e-12)


def test_a_portfolio_by_hand() -> None:
    budgets = risk_budgets(np.array([0.1, 0.2, np.nan]))
    assert budgets == pytest.approx([2 / 3, 1 / 3, 0.0])
    # k = 2 (capped at 0.35 / 0.1 = 3.5); gross 1.25·2·(2/3) + 2·(1/3) = 2.333 is scaled to 2.
    scale = volatility_multiplier(np.array(0.1), PARAMS.target_annual_vol)
    exposures = portfolio_exposures(np.array([1.25, -1.0, 0.5]), budgets * scale, PARAMS.max_position_size)
    assert exposures == pytest.approx([1.666667 * 2 / 2.333333, -0.666667 * 2 / 2.333333, 0.0], rel=1e-6)


def test_a_portfolio_without_volatility_holds_nothing() -> None:
    scale = volatility_multiplier(np.array(float("nan")), PARAMS.target_annual_vol)
    weights = risk_budgets(np.array([0.1, 0.1])) * scale
    exposures = portfolio_exposures(np.ones(2), weights, PARAMS.max_position_size)
    np.testing.assert_array_equal(exposures, [0.0, 0.0])


def test_tensors_are_sized_as_arrays_are() -> None:
    """What trains is what trades: the same lines serve numpy and torch, to the last bit."""
    draw = np.random.default_rng(0)
    signal, weight = draw.uniform(-1, 1, (50, 4)), draw.uniform(0, 2, (50, 4))
    numbers = portfolio_exposures(soft_signal(signal, 0.03), weight, 2.0)
    tensors = portfolio_exposures(soft_signal(torch.from_numpy(signal), 0.03), torch.from_numpy(weight), 2.0)
    np.testing.assert_allclose(tensors.numpy(), numbers, rtol=1e-15)


@pytest.mark.parametrize(
    ("gross", "kept", "expected"),
    [
        (1.5, 0.0, [1.0, -0.5]),
        (1.5, 0.5, [1.0, -0.5]),
        (1.5, 1.25, [0.5, -0.25]),
        (1.5, 2.0, [0.0, 0.0]),
        (1.5, 2.5, [0.0, 0.0]),
        # The exposures of symbols that get no order are no part of the gross.
        (1.0, 1.5, [0.5, -0.25]),
    ],
)
def test_kept_positions_leave_the_rest_what_they_do_not_use(gross: float, kept: float, expected: list[float]) -> None:
    assert capped_beside_kept(np.array([1.0, -0.5]), gross, kept, 2.0).tolist() == expected


def test_exposures_that_fit_beside_what_is_kept_are_returned_as_they_are() -> None:
    wanted = np.array([0.1, 0.3])
    assert capped_beside_kept(wanted, 0.4, 1.0, 2.0) is wanted
    nothing = np.zeros(2)
    assert capped_beside_kept(nothing, 0.0, 2.0, 2.0) is nothing


def test_caps_of_symbols_and_groups_come_before_the_gross_cap_in_arrays_and_tensors_alike() -> None:
    params = SizingParams(caps=ExposureCaps(symbol=0.5, group=0.6, groups=(("A", "B", "Z"), ("C", "D"))))
    caps = book_caps(params, ("A", "B", "C", "D", "E"))
    assert caps == BookCaps(symbol=0.5, group=0.6, groups=((0, 1), (2, 3)))
    directions, weights = np.array([[1.0, -1.0, 0.5, 0.1, 1.0], [0.1] * 5]), np.full((2, 5), 0.7)
    # 0.5 and 0.5 share 0.6; 0.35 and 0.07 are below both caps; the last is in no group.
    capped = portfolio_exposures(directions, weights, 2.0, caps)
    assert capped == pytest.approx(np.array([[0.3, -0.3, 0.35, 0.07, 0.5], [0.07] * 5]), rel=1e-12)
    assert portfolio_exposures(directions, weights, 0.76, caps)[0] == pytest.approx(capped[0] / 2, rel=1e-12)
    signal = torch.from_numpy(directions).requires_grad_()
    tensor = portfolio_exposures(signal, torch.from_numpy(weights), 2.0, caps)
    np.testing.assert_allclose(tensor.detach().numpy(), capped, rtol=1e-15)
    tensor[0].sum().backward()
    # At a cap the exposure does not follow the signal.
    assert signal.grad is not None
    assert signal.grad[0].numpy() == pytest.approx([0.0, 0.0, 0.7, 0.7, 0.0], abs=1e-12)


def test_caps_that_do_not_bind_change_no_bit() -> None:
    directions, weights = np.random.default_rng(1).normal(size=(2, 20, 3))
    caps = BookCaps(symbol=100.0, group=100.0, groups=((0, 2),))
    plain = portfolio_exposures(directions, weights, 2.0)
    assert np.array_equal(portfolio_exposures(directions, weights, 2.0, caps), plain)


@pytest.mark.parametrize("name", ["symbol", "group"])
def test_a_cap_must_be_above_0(name: str) -> None:
    with pytest.raises(ValueError, match=f"the cap of a {name} is 0; it must be above 0"):
        ExposureCaps(**{name: 0})
