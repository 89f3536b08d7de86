"""Whether the compiled account and its gradient are those of finite differences and of a plain loop in torch."""

import numpy as np
import torch
from torch import Tensor

from strategy.kernel.autograd import account
from strategy.kernel.simulate import AccountMarket
from strategy.portfolio.sizing import SizingParams
from testing.accounts.torch_scan import scanned


def assert_finite_differences(target: Tensor, market: AccountMarket, params: SizingParams) -> None:
    """The account of few days has the gradient of finite differences."""
    follow = (lambda wanted: account(wanted, market, params), (target.requires_grad_(),))
    assert torch.autograd.gradcheck(*follow, eps=1e-7, atol=1e-6)


def assert_plain_loop(target: Tensor, market: AccountMarket, params: SizingParams) -> Tensor:
    """Equity and gradient are those of the plain loop, relatively to 1e-10; return the gradient.

    Relative to what is compared: accounts that were ruined have equities and gradients in the hundreds.
    """
    compiled, plain = target.clone().requires_grad_(), target.clone().requires_grad_()
    equity, expected = account(compiled, market, params, threads=2), scanned(plain, market, params)
    weight = torch.from_numpy(np.random.default_rng(4).normal(size=tuple(equity.shape)))
    (found,) = torch.autograd.grad((equity * weight).sum(), compiled)
    (gradient,) = torch.autograd.grad((expected * weight).sum(), plain)
    assert ((equity - expected).abs() / (1 + expected.abs())).max() < 1e-10
    assert ((found - gradient).abs() / (1 + gradient.abs())).max() < 1e-10
    return gradient
