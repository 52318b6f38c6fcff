"""What the user model computes from rows of its embedding tables, with gradients as sparse products (on the CPU)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from ralm.models.row_reads import RowReads

# Gathered item vectors of so many users stay in the processor's cache: 64 · 110 · 32 floats are 900 kB.
USERS = 64


class MeanOfRows(torch.autograd.Function):
    """The mean of the rows that a user has, as `nn.EmbeddingBag` gives it; a user without any has zeros."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, indices: Tensor, as_rows: bool) -> Tensor:
        """The means (batch, dim).

        Args:
            ctx: of autograd.
            table: (size, dim); row 0 is padding.
            indices: (batch, length).
            as_rows: give the gradient of the table as a sparse tensor of the rows read, coalesced.
        """
        given = indices.numpy()
        present = given != 0
        counts = present.sum(axis=1)
        weights = np.repeat((1.0 / np.maximum(counts, 1)).astype(np.float32), counts)
        ctx.reads = RowReads(weights, given[present], np.concatenate([[0], counts.cumsum()]), len(table))
        ctx.as_rows = as_rows
        means: Tensor = ctx.reads.times(table)
        return means

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        """The gradient of the table (size, dim)."""
        return ctx.reads.gradients(gradient, as_rows=ctx.as_rows)[0], None, None


class SampledLogits(torch.autograd.Function):
    """x_bn = u_b · v_i + c_i with i = indices[b, n].

    The gradients x' of the logits are the entries of a sparse matrix X' (batch, size): u' = X' V, V' = X'ᵀ U, and c'
    are the sums of its columns.
    """

    @staticmethod
    def forward(ctx: Any, user: Tensor, items: Tensor, bias: Tensor, indices: Tensor, as_rows: bool) -> Tensor:
        """The logits (batch, n).

        Args:
            ctx: of autograd.
            user: u (batch, dim).
            items: V (size, dim); row 0 is padding and gets no gradient.
            bias: c (size, 1), likewise.
            indices: (batch, n).
            as_rows: give the gradients of `items` and `bias` as sparse tensors of the rows read, coalesced.
        """
        ctx.save_for_backward(user, items, indices)
        ctx.as_rows = as_rows
        products = [
            (F.embedding(some, items) * vectors.unsqueeze(1)).sum(dim=2)
            for some, vectors in zip(torch.split(indices, USERS), torch.split(user, USERS), strict=True)
        ]
        return torch.cat(products) + F.embedding(indices, bias).squeeze(-1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        """The gradients of user (batch, dim), items (size, dim) and bias (size, 1)."""
        user, items, indices = ctx.saved_tensors
        of_logits = gradient.masked_fill(indices == 0, 0.0)
        starts = np.arange(len(user) + 1) * indices.shape[1]
        reads = RowReads(of_logits.flatten().numpy(), indices.flatten().numpy(), starts, len(items))
        of_items, of_bias = reads.gradients(user, user.new_ones(len(user), 1), as_rows=ctx.as_rows)
        return reads.times(items), of_items, of_bias, None, None
