"""Merge layers: the field vectors of a user -> one vector, by attention (RALM) or concatenation (YouTube DNN)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

Merge = Literal["attention", "concat"]


class AttentionMerge(nn.Module):
    """u = tanh(W1 H^T), a = softmax(W2 u + c), M = n a H (Liu et al., KDD 2019, section 3.2.2, W1 as in the errata).

    Absent fields take no part in the softmax: a user without a reading history is described by the fields that are
    present, whereas concatenation feeds zeros to the next layer.

    Three things are not in the paper. They keep an informative field from being diluted among n - 1 others while the
    softmax is still near 1/n: the factor n, which gives a field's vector in the next layer, and its gradient, the size
    that they have under concatenation; a learned number c per field on the logits; and a learned scale per field on
    its vector. c starts at 0, the scale at 1.

    In training, `field_dropout` of a user's fields leave the softmax, so that the others must replace them: the
    fields that a strong field outshines are then learnt too, for users who have only those.

    With `residual`, the field vectors are also passed on side by side, past the attention: what it leaves out is
    then not lost to the next layer.

    Args:
        fields: n, number of fields.
        dim: m, width of a field vector.
        attention_dim: t, the attention unit.
        field_dropout: chance that a field is left out, in training.
        residual: whether the field vectors are also passed on past the attention.
    """

    def __init__(
        self, fields: int, dim: int, attention_dim: int, field_dropout: float = 0.0, residual: bool = False
    ) -> None:
        super().__init__()
        self.output_dim = dim * (1 + fields) if residual else dim
        self.residual = residual
        self.field_dropout = field_dropout
        self.w1 = nn.Linear(dim, attention_dim, bias=False)  # W1 (t, m)
        self.w2 = nn.Linear(attention_dim, 1, bias=False)  # W2 (1, t)
        self.field_logit = nn.Parameter(torch.zeros(fields))  # c (n,)
        self.field_scale = nn.Parameter(torch.ones(fields))

    def logits(self, field_vectors: Tensor) -> Tensor:
        """The attention logits before the mask: (batch, fields, m) -> (batch, fields)."""
        return self._logits(field_vectors * self.field_scale.unsqueeze(1))

    def _logits(self, scaled: Tensor) -> Tensor:
        content: Tensor = self.w2(torch.tanh(self.w1(scaled)))
        return content.squeeze(-1) + self.field_logit

    def forward(self, field_vectors: Tensor, present: Tensor) -> tuple[Tensor, Tensor | None]:
        """Merged vectors and attention weights.

        Args:
            field_vectors: (batch, fields, m).
            present: (batch, fields), boolean.

        Returns:
            Merged (batch, m), with `residual` (batch, m + fields · m), zeros for a user without any field; and weights
            (batch, fields).
        """
        scaled = field_vectors * self.field_scale.unsqueeze(1)
        logits = self._logits(scaled)
        if self.training and self.field_dropout:
            present = present & (torch.rand_like(logits) >= self.field_dropout)
        # Use the lowest number instead of -inf: a row of only -inf gives NaN, and so does its gradient.
        weights = logits.masked_fill(~present, torch.finfo(logits.dtype).min).softmax(dim=1) * present
        merged = torch.einsum("bf,bfm->bm", weights, scaled) * present.shape[1]
        if self.residual:
            merged = torch.cat([merged, (field_vectors * present.unsqueeze(-1)).flatten(1)], dim=1)
        return merged, weights


class ConcatMerge(nn.Module):
    """The field vectors side by side, absent ones zero (YouTube DNN, Covington et al., RecSys 2016).

    Args:
        fields: n, number of fields.
        dim: m, width of a field vector.
    """

    def __init__(self, fields: int, dim: int) -> None:
        super().__init__()
        self.output_dim = fields * dim

    def forward(self, field_vectors: Tensor, present: Tensor) -> tuple[Tensor, Tensor | None]:
        """Merged (batch, fields · m) and no weights; arguments as in `AttentionMerge`."""
        return (field_vectors * present.unsqueeze(-1)).flatten(1), None
