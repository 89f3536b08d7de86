"""The differentiable account is the account of the design: against cash and shares, and against finite differences."""

import numpy as np
import pytest
import torch
from torch import Tensor

from strategy.account_scan import AccountMarket, account_scan, sharpe
from strategy.sizing import SizingParams, drawdown_multiplier

PARAMS = SizingParams()


def market(opening: Tensor, closing: Tensor, days: Tensor, cost: Tensor, rate: float = 0.05) -> AccountMarket:
    return AccountMarket(open_ratio=opening, close_ratio=closing, days=days, cost=cost, financing_rate=rate)


def drawn(seed: int, paths: int = 3, bars: int = 60) -> tuple[Tensor, AccountMarket]:
    """Exposures of both signs and beyond 1, gaps over the open, week-ends, and falls that reach both knees."""
    rng = np.random.default_rng(seed)
    opening = np.exp(0.01 * rng.standard_normal((paths, bars)))
    closing = opening * np.exp(0.03 * rng.standard_normal((paths, bars)))
    return torch.from_numpy(rng.uniform(-2, 2, (paths, bars))), market(
        torch.from_numpy(opening),
        torch.from_numpy(closing),
        torch.from_numpy(rng.choice([1.0, 3.0], (paths, bars))),
        torch.from_numpy(rng.uniform(0, 0.003, paths)),
    )


def in_cash_and_shares(target: Tensor, met: AccountMarket, path: int) -> list[float]:
    """Equity of one path at every close, written as the design writes it: q = e·E/C, traded at the next open."""
    close, cash, quantity, equity, peak = 100.0, 1.0, 0.0, 1.0, 1.0
    equities = []
    for bar in range(target.shape[1]):
        peak = max(peak, equity)
        wanted = float(target[path, bar]) * drawdown_multiplier(1 - equity / peak, PARAMS) * equity / close
        held = quantity * close
        borrowed = max(0.0, max(held, 0.0) - equity) + max(-held, 0.0)
        financing = met.financing_rate * float(met.days[path, bar]) / 365 * borrowed
        opening = close * float(met.open_ratio[path, bar])
        traded = (wanted - quantity) * opening
        cash -= traded + float(met.cost[path]) * abs(traded) + financing
        quantity, close = wanted, close * float(met.close_ratio[path, bar])
        equity = cash + quantity * close
        equities.append(equity)
    return equities


@pytest.mark.parametrize("seed", range(5))
def test_the_scan_is_the_account_in_cash_and_shares(seed: int) -> None:
    target, met = drawn(seed)
    equity = account_scan(target, met, PARAMS).equity
    for path in range(3):
        assert equity[path].numpy() == pytest.approx(in_cash_and_shares(target, met, path), rel=1e-12)


def test_the_drawn_paths_pass_both_knees() -> None:
    target, met = drawn(0)
    equity = account_scan(target, met, PARAMS).equity
    drawdown = 1 - equity / torch.cummax(equity, dim=1).values
    assert (drawdown > 0.25).any()
    assert ((drawdown > 0.10) & (drawdown < 0.25)).any()


def test_equity_compounds_the_returns() -> None:
    target, met = drawn(1)
    path = account_scan(target, met, PARAMS)
    assert torch.allclose((1 + path.returns).cumprod(dim=1), path.equity)


def test_two_bars_by_hand() -> None:
    target = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    met = market(
        torch.tensor([[1.1, 1.0]], dtype=torch.float64),
        torch.tensor([[1.2, 1.0]], dtype=torch.float64),
        torch.ones(1, 2, dtype=torch.float64),
        torch.tensor([0.01], dtype=torch.float64),
    )
    # Bought one unit at 1.1 for 0.011, marked at 1.2; then sold at 1.2 for 0.012. It was held with 0.111 borrowed.
    first = 1 + 0.1 - 0.011
    borrowed = 1.2 - first
    path = account_scan(target, met, PARAMS)
    assert path.equity[0].tolist() == pytest.approx([first, first - 0.012 - 0.05 / 365 * borrowed])


def test_holding_nothing_changes_nothing() -> None:
    _, met = drawn(2)
    assert (account_scan(torch.zeros(3, 60, dtype=torch.float64), met, PARAMS).equity == 1.0).all()


@pytest.mark.parametrize("seed", range(3))
def test_the_gradient_is_that_of_finite_differences(seed: int) -> None:
    target, met = drawn(seed, paths=2, bars=25)

    def path(exposure: Tensor) -> Tensor:
        return account_scan(exposure, met, PARAMS).equity

    assert torch.autograd.gradcheck(path, (target.requires_grad_(),), eps=1e-7, atol=1e-5)


def test_a_path_longer_than_the_look_back_is_refused() -> None:
    target, met = drawn(0)
    with pytest.raises(ValueError, match="60 bars exceeds the look-back of 50"):
        account_scan(target, met, SizingParams(lookback_period=50))


def test_sharpe_is_annualised_by_the_days_that_returns_took() -> None:
    returns = torch.tensor([0.01, 0.03], dtype=torch.float64)
    days = torch.tensor([1.0, 1.0], dtype=torch.float64)
    assert sharpe(returns, days).item() == pytest.approx(2**0.5 * 365.25**0.5, rel=1e-6)
    assert sharpe(returns, 4 * days).item() == pytest.approx(2**0.5 * (365.25 / 4) ** 0.5, rel=1e-6)


def test_sharpe_of_an_account_that_never_trades_is_zero_with_a_gradient() -> None:
    returns = torch.zeros(10, requires_grad=True)
    ratio = sharpe(returns, torch.ones(10))
    ratio.backward()
    assert ratio.item() == 0.0
    assert returns.grad is not None
    assert torch.isfinite(returns.grad).all()
