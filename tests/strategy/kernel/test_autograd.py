"""The gradient of the account: against finite differences, against autograd through a plain loop, and at every kink."""

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from torch import Tensor

from strategy.kernel.autograd import account
from strategy.kernel.sharpe_loss import returns_of, sharpe
from strategy.kernel.simulate import AccountMarket, flat_rates, simulate
from strategy.portfolio.sizing import SizingParams
from testing.accounts.gradients import assert_plain_loop
from testing.accounts.torch_scan import scanned

FREE = SizingParams(drawdown_start=0.9, drawdown_full=0.95)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """Parameters of a drawn market."""

    T: int = 12
    S: int = 1
    N: int = 2
    missing: float = 0.0
    vol: float = 0.03
    deepest: float = 0.0
    scale: float = 1.0


def drawn(seed: int, draw: Draw) -> tuple[Tensor, AccountMarket]:
    """Targets of both signs and beyond 1, and a market with gaps over the open and week-ends."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, draw.vol, (draw.T, draw.S, draw.N)), axis=0))
    opens = close * np.exp(rng.normal(0, draw.vol / 3, close.shape))
    gone = rng.random(close.shape) < draw.missing
    close[gone] = opens[gone] = np.nan
    market = AccountMarket(
        open=opens,
        close=close,
        tradable=rng.random(close.shape) < 0.9,
        days=rng.choice([1.0, 3.0], (draw.T, draw.N)),
        cost=rng.uniform(0, 0.003, (draw.S, draw.N)),
        rates=flat_rates(0.2, draw.T),
        drawdown=rng.uniform(0, draw.deepest, draw.N),
    )
    return torch.from_numpy(draw.scale * rng.uniform(-1.5, 2.0, close.shape)), market


DRAWS = {
    "one symbol": (Draw(), 252),
    "three symbols with missing sessions": (Draw(S=3, missing=0.3), 252),
    "longer than the look-back": (Draw(T=25, vol=0.06), 4),
    "starting in a drawdown": (Draw(S=2, deepest=0.3), 8),
}


@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize("seed", range(2))
def test_the_gradient_is_that_of_finite_differences(name: str, seed: int) -> None:
    draw, lookback = DRAWS[name]
    target, market = drawn(seed, draw)
    params = SizingParams(lookback_period=lookback)
    follow = (lambda x: account(x, market, params), (target.requires_grad_(),))
    assert torch.autograd.gradcheck(*follow, eps=1e-7, atol=1e-6)


@pytest.mark.parametrize(
    ("draw", "lookback"),
    [
        *DRAWS.values(),
        (Draw(T=200, S=3, N=7, missing=0.4, vol=0.04, deepest=0.3), 30),
        (Draw(T=60, S=2, N=600, missing=0.1, deepest=0.3), 2),
        (Draw(T=40, N=20, vol=0.2, scale=4.0), 10),
    ],
)
def test_value_and_gradient_are_those_of_a_plain_loop(draw: Draw, lookback: int) -> None:
    target, market = drawn(3, draw)
    params = SizingParams(lookback_period=lookback)
    assert assert_plain_loop(target, market, params).abs().max() > 0.01


def test_the_equity_is_that_of_the_simulation() -> None:
    target, market = drawn(5, Draw(T=50, S=2, N=4, missing=0.2))
    params = SizingParams(lookback_period=20)
    assert (account(target, market, params).numpy() == simulate(target.numpy(), market, params).equity).all()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kink:
    """One path in one symbol whose last equity has a kink at the target of `row`; `side` is the derivative stated."""

    target: list[float]
    close: list[float]
    side: int
    row: int = 0
    opens: list[float] | None = None
    cost: float = 0.0
    rate: float = 0.0
    params: SizingParams = field(default_factory=lambda: FREE)

    def last_equity(self, shift: float = 0.0) -> float:
        target = torch.tensor(self.target, dtype=torch.float64).reshape(-1, 1, 1)
        target[self.row] += shift
        return account(target, self.market, self.params)[-1, 0].item()

    def gradient(self) -> float:
        target = torch.tensor(self.target, dtype=torch.float64).reshape(-1, 1, 1).requires_grad_()
        account(target, self.market, self.params)[-1, 0].backward()
        assert target.grad is not None
        return target.grad[self.row, 0, 0].item()

    @property
    def market(self) -> AccountMarket:
        close = np.array(self.close).reshape(-1, 1, 1)
        return AccountMarket(
            open=np.array(self.opens or [1.0, *self.close[:-1]]).reshape(-1, 1, 1),
            close=close,
            tradable=close > 0,
            days=np.full((len(close), 1), 365.0),
            cost=np.full((1, 1), self.cost),
            rates=flat_rates(self.rate, len(close)),
            drawdown=np.zeros(1),
        )


KINKS = {
    "no trade counts as a buy": Kink(target=[0, 0], close=[1, 1], cost=0.01, side=1),
    "no position counts as long": Kink(target=[0, 0, 0], close=[1, 1, 1], rate=0.1, side=1),
    "long of exactly the equity is not borrowed": Kink(target=[1, 0, 0], close=[1, 1, 1], rate=0.1, side=-1),
    # The equity halves: a drawdown of exactly 0.5, deeper with a larger first target.
    "the first knee is flat": Kink(
        target=[1, 1, 1],
        close=[1, 0.5, 1],
        side=-1,
        params=SizingParams(drawdown_start=0.5, drawdown_full=0.75),
    ),
    "the second knee is flat": Kink(
        target=[1, 1, 1],
        close=[1, 0.5, 1],
        side=1,
        params=SizingParams(drawdown_start=0.25, drawdown_full=0.5),
    ),
    # The second equity equals the first, and rises with the first target; the third is below both, between the knees.
    "an equity that equals the peak is the new peak": Kink(
        target=[0, 1, 1, 0],
        close=[1, 1.25, 1, 1.25],
        side=1,
        params=SizingParams(drawdown_start=0.1, drawdown_full=0.5),
    ),
}


@pytest.mark.parametrize("name", KINKS)
def test_at_a_kink_the_gradient_is_that_of_the_stated_side(name: str) -> None:
    kink, step = KINKS[name], 1e-7
    sides = {side: (kink.last_equity(side * step) - kink.last_equity()) / (side * step) for side in (-1, 1)}
    assert abs(sides[1] - sides[-1]) > 1e-3, "there is no kink"
    assert kink.gradient() == pytest.approx(sides[kink.side], abs=1e-5)


@pytest.mark.parametrize("lookback", [2, 3, 5, 30])
def test_of_equal_peaks_the_latest_counts_wherever_the_look_back_is_cut(lookback: int) -> None:
    # The account stands still for three rows at a time, at equities that depend on the targets.
    draw = Draw(T=24, N=3, vol=0.08)
    target, market = drawn(6, draw)
    target[torch.arange(24) % 5 > 1] = 0.0
    market = AccountMarket(
        open=market.open,
        close=market.close,
        tradable=np.ones_like(market.tradable),
        days=market.days,
        cost=0 * market.cost,
        rates=flat_rates(0.0, draw.T),
        drawdown=market.drawdown,
    )
    params = SizingParams(lookback_period=lookback, drawdown_start=0.01, drawdown_full=0.5)
    compiled, plain = target.clone().requires_grad_(), target.clone().requires_grad_()
    equity = account(compiled, market, params)
    assert (equity[1:] == equity[:-1]).any()
    (equity**2).sum().backward()
    (scanned(plain, market, params) ** 2).sum().backward()
    assert torch.allclose(compiled.grad, plain.grad, rtol=0, atol=1e-10)


def test_a_ruined_account_stands_still_and_nothing_becomes_nan() -> None:
    kink = Kink(target=[3, 2, 2, 2], close=[1, 0.5, 2, 3], side=1)
    target = torch.tensor(kink.target, dtype=torch.float64).reshape(-1, 1, 1).requires_grad_()
    equity = account(target, kink.market, SizingParams())
    assert equity[:, 0].tolist() == [1, -0.5, -0.5, -0.5]
    returns = returns_of(equity)
    assert returns[:, 0].tolist() == [-1.5, 0, 0]
    sharpe(returns, torch.ones(3, 1)).backward()
    assert target.grad is not None
    assert torch.isfinite(target.grad).all()
    assert target.grad[0].item() != 0
    assert target.grad[1:].flatten().tolist() == [0, 0, 0]


def test_a_target_that_is_not_followed_may_be_nan_and_has_no_gradient() -> None:
    target, market = drawn(7, Draw(S=2, missing=0.3))
    ignored = torch.from_numpy(~market.followed)
    target[ignored] = torch.nan
    equity = account(target.requires_grad_(), market, SizingParams())
    equity.sum().backward()
    assert torch.isfinite(equity).all()
    assert target.grad is not None
    assert (target.grad[ignored] == 0).all()
    assert (target.grad[~ignored][:4] != 0).any()


def test_a_target_of_another_type_and_layout_gets_its_own_gradient_back() -> None:
    target, market = drawn(8, Draw(S=2))
    exact = target.clone().requires_grad_()
    account(exact, market, SizingParams()).sum().backward()
    turned = target.permute(2, 0, 1).contiguous().float().requires_grad_()
    account(turned.permute(1, 2, 0), market, SizingParams()).sum().backward()
    assert turned.grad is not None
    assert exact.grad is not None
    assert turned.grad.dtype is torch.float32
    assert torch.allclose(turned.grad.permute(1, 2, 0).double(), exact.grad, atol=1e-4)


@pytest.mark.parametrize("changed", ["target", "equity"])
def test_a_target_or_equity_written_to_before_the_backward_pass_is_noticed(changed: str) -> None:
    target, market = drawn(9, Draw())
    followed = target.requires_grad_() * 1.0
    equity = account(followed, market, SizingParams())
    result = equity.sum()
    with torch.no_grad():
        (followed if changed == "target" else equity).add_(1.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        result.backward()


def test_sharpe_is_annualised_by_the_days_that_returns_took() -> None:
    returns = torch.tensor([0.01, 0.03], dtype=torch.float64)
    days = torch.tensor([1.0, 1.0], dtype=torch.float64)
    assert sharpe(returns, days).item() == pytest.approx(2**0.5 * 365**0.5, rel=1e-6)
    assert sharpe(returns, 4 * days).item() == pytest.approx(2**0.5 * (365 / 4) ** 0.5, rel=1e-6)


def test_sharpe_of_an_account_that_never_trades_is_zero_with_a_gradient() -> None:
    returns = torch.zeros(10, requires_grad=True)
    ratio = sharpe(returns, torch.ones(10))
    ratio.backward()
    assert ratio.item() == 0.0
    assert returns.grad is not None
    assert torch.isfinite(returns.grad).all()
