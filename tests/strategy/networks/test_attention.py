"""The compiled attention is the textbook's, in value and gradient, and a row's future does not reach it."""

import math

import pytest
import torch
from torch import Tensor

from strategy.networks.attention import attention


def drawn(paths: int, bars: int, dimensions: int, seed: int = 0) -> Tensor:
    return torch.randn(paths, bars, 3 * dimensions, generator=torch.Generator().manual_seed(seed))


def textbook(mixed: Tensor, heads: int) -> Tensor:
    """softmax(QKᵀ / √d, masked)·V, head by head."""
    parts = []
    for query, key, value in zip(*(one.chunk(heads, dim=-1) for one in mixed.chunk(3, dim=-1)), strict=True):
        scores = query @ key.transpose(1, 2) / math.sqrt(query.shape[-1])
        future = torch.ones(mixed.shape[1], mixed.shape[1], dtype=torch.bool).triu(1)
        parts.append(scores.masked_fill(future, -math.inf).softmax(-1) @ value)
    return torch.cat(parts, dim=-1)


@pytest.mark.parametrize(
    ("paths", "bars", "heads", "size"), [(2, 252, 6, 16), (3, 31, 3, 5), (2, 17, 2, 8), (1, 64, 1, 24), (2, 1, 1, 1)]
)
@pytest.mark.parametrize("scale", [1.0, 6.0])
def test_value_and_gradient_are_the_textbooks(paths: int, bars: int, heads: int, size: int, scale: float) -> None:
    mixed = (scale * drawn(paths, bars, heads * size)).requires_grad_()
    exact = mixed.detach().double().requires_grad_()
    given = torch.randn(paths, bars, heads * size, generator=torch.Generator().manual_seed(1))
    attended, expected = attention(mixed, heads), textbook(exact, heads)
    attended.backward(given)
    expected.backward(given.double())
    assert mixed.grad is not None
    assert exact.grad is not None
    assert torch.allclose(attended.double(), expected, atol=1e-6 * scale**3)
    assert torch.allclose(mixed.grad.double(), exact.grad, atol=1e-5 * scale**3)


def test_without_a_gradient_it_is_the_same_to_rounding() -> None:
    mixed = drawn(4, 100, 24)
    with torch.no_grad():
        plain = attention(mixed, 3)
    assert torch.allclose(attention(mixed, 3), plain, atol=1e-6)


def test_what_comes_later_changes_nothing_before_to_the_last_bit() -> None:
    mixed = drawn(2, 60, 16).requires_grad_()
    changed = mixed.detach().clone()
    changed[:, 37:] = 1e4
    attended, other = attention(mixed, 2), attention(changed.requires_grad_(), 2)
    assert torch.equal(attended[:, :37], other[:, :37])
    attended[:, :37].sum().backward()
    assert mixed.grad is not None
    assert (mixed.grad[:, 37:] == 0).all()
    assert (mixed.grad[:, :37] != 0).any()


def test_scores_far_apart_and_far_from_zero_stay_finite() -> None:
    mixed = drawn(1, 40, 8)
    mixed[..., :8] = torch.where(torch.arange(40)[:, None] % 2 == 0, 300.0, -300.0)
    mixed[..., 8:16] = torch.linspace(-3.0, 3.0, 40)[:, None]
    mixed.requires_grad_()
    attended = attention(mixed, 1)
    attended.sum().backward()
    assert mixed.grad is not None
    assert torch.isfinite(mixed.grad).all()
    # Even rows see nothing but the newest key, odd rows nothing but the first.
    assert torch.allclose(attended[0, 2::2], mixed[0, 2::2, 16:], atol=1e-5)
    assert torch.allclose(attended[0, 1::2], mixed[0, 0, 16:], atol=1e-5)
