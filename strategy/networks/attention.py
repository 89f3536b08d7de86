"""Causal attention: compiled passes for training on a CPU, torch's own kernel everywhere else."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import scaled_dot_product_attention

from strategy.networks.attention_kernels import backward, forward


def attention(mixed: Tensor, heads: int) -> Tensor:
    """Return causal attention (N, T, D) of query, key and value, concatenated as `mixed` (N, T, 3D).

    The compiled passes run if a gradient is needed on a CPU, otherwise torch's kernel; the two differ by rounding.
    """
    if mixed.is_cpu and mixed.dtype == torch.float32 and torch.is_grad_enabled():
        # torch leaves its own apply without annotations.
        attended: Tensor = _Attention.apply(mixed, heads)  # type: ignore[no-untyped-call]
        return attended
    query, key, value = mixed.view(*mixed.shape[:2], 3, heads, -1).permute(2, 0, 3, 1, 4)
    return scaled_dot_product_attention(query, key, value, is_causal=True).transpose(1, 2).flatten(2)


class _Attention(torch.autograd.Function):
    """Torch function of both passes; only the log of each row's sum of exponentials is saved, not the weights."""

    @staticmethod
    def forward(ctx: Any, mixed: Tensor, heads: int) -> Tensor:
        paths, bars, width = mixed.shape
        mixed = mixed.detach().contiguous()
        attended, logs = mixed.new_empty(paths, bars, width // 3), mixed.new_empty(paths, heads, bars)
        forward(mixed.numpy(), attended.numpy(), logs.numpy())
        ctx.save_for_backward(mixed, attended, logs)
        return attended

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        mixed, attended, logs = (saved.detach().numpy() for saved in ctx.saved_tensors)
        result = np.empty_like(mixed)
        backward(mixed, attended, logs, gradient.contiguous().numpy(), result)
        return torch.from_numpy(result), None
