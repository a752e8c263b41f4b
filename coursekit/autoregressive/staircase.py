"""Masked linear maps without the products that the mask would throw away."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

BLOCKS = 8

Reach = list[tuple[int, int]]
"""For each block of rows, between which columns its mask matters."""


def reach_of(mask: Tensor) -> Reach:
    """For each block of the rows of ``mask`` (outputs, inputs): how many inputs all, and any, of its outputs may see.

    Both are counted from the first input on, so that the mask matters between the two numbers only.
    """
    return [(_first(~block.all(dim=0)), block.shape[1] - _first(block.any(dim=0).flip(0))) for block in _blocks(mask)]


def _first(flags: Tensor) -> int:
    """The place of the first True, or the length."""
    return int(flags.int().argmax()) if flags.any() else len(flags)


def masked_linear(x: Tensor, weight: Tensor, bias: Tensor, mask: Tensor, reach: Reach) -> Tensor:
    """``linear(x, weight * mask, bias)``, (B, inputs) to (B, outputs), in a few blocks of rows.

    The outputs of autoregressive networks are sorted by what they may see, so that a mask is a staircase. Each block
    multiplies the inputs within its ``reach`` (`reach_of`), which saves more than a third of the work, and masks only
    those weights that need it; with a mask that is no staircase, the result is as right and nothing is saved.
    """
    return _MaskedLinear.apply(x, weight, bias, mask, reach)


def _blocks(rows: Tensor) -> tuple[Tensor, ...]:
    return rows.split(-(-len(rows) // BLOCKS))


class _MaskedLinear(torch.autograd.Function):
    """With its own backward pass, which writes the blocks' gradients into one matrix; autograd would make many."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, mask: Tensor, reach: Reach) -> Tensor:
        device = x.device.type
        lower = torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)
        x = x.to(torch.get_autocast_dtype(device) if lower else x.dtype)
        weights, outputs = [], []
        for w, b, m, (sure, end) in zip(_blocks(weight), _blocks(bias), _blocks(mask), reach, strict=True):
            seen = w[:, :sure].to(x.dtype)  # (block, sure)
            masked = (w[:, sure:end] * m[:, sure:end]).to(x.dtype)  # (block, end - sure)
            weights += [seen, masked]
            start = torch.addmm(b.to(x.dtype), x[:, :sure], seen.T)  # (B, block)
            outputs.append(torch.addmm(start, x[:, sure:end], masked.T))
        ctx.save_for_backward(x, mask, *weights)
        ctx.reach = reach
        return torch.cat(outputs, dim=1)  # (B, outputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, mask, *weights = ctx.saved_tensors
        of_x = torch.zeros_like(x) if ctx.needs_input_grad[0] else None  # (B, inputs)
        of_weight = torch.empty_like(mask, dtype=x.dtype)  # (outputs, inputs)
        blocks = zip(_blocks(gradient.T), _blocks(mask), _blocks(of_weight), ctx.reach, strict=True)
        for (g, m, total, (sure, end)), seen, masked in zip(blocks, weights[::2], weights[1::2], strict=True):
            if of_x is not None:
                of_x[:, :sure].addmm_(g.T, seen)
                of_x[:, sure:end].addmm_(g.T, masked)
            torch.mm(g, x[:, :sure], out=total[:, :sure])
            torch.mm(g, x[:, sure:end], out=total[:, sure:end]).mul_(m[:, sure:end])
            total[:, end:].zero_()
        return of_x, of_weight.to(mask.dtype), gradient.sum(dim=0).to(mask.dtype), None, None
