"""Merge layers: the field vectors of a user -> one vector, by attention (RALM) or concatenation (YouTube DNN)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

Merge = Literal["attention", "concat"]


class AttentionMerge(nn.Module):
    """u = tanh(W1 H^T), a = softmax(W2 u + c), M = a H (Liu et al., KDD 2019, section 3.2.2, W1 as in the errata).

    Absent fields take no part in the softmax: a user without a reading history is described by the fields that
    there are, where concatenation feeds the next layer zeros.

    The paper has no c. It is a learned number a field, zero at the start: field vectors of many averaged entries are
    short, tanh of them is near zero, and without c the softmax stays near 1/n, so that many uninformative fields
    dilute an informative one until W1 has learned to tell the fields apart by their content.

    Args:
        fields: n, number of fields.
        dim: m, width of a field vector.
        attention_dim: t, the attention unit.
    """

    def __init__(self, fields: int, dim: int, attention_dim: int) -> None:
        super().__init__()
        self.output_dim = dim
        self.w1 = nn.Linear(dim, attention_dim, bias=False)  # W1 (t, m)
        self.w2 = nn.Linear(attention_dim, 1, bias=False)  # W2 (1, t)
        self.field_logit = nn.Parameter(torch.zeros(fields))  # c (n,)

    def logits(self, field_vectors: Tensor) -> Tensor:
        """The attention logits before the mask: (batch, fields, m) -> (batch, fields)."""
        content: Tensor = self.w2(torch.tanh(self.w1(field_vectors)))
        return content.squeeze(-1) + self.field_logit

    def forward(self, field_vectors: Tensor, present: Tensor) -> tuple[Tensor, Tensor | None]:
        """Merged vectors and attention weights.

        Args:
            field_vectors: (batch, fields, m).
            present: (batch, fields), boolean.

        Returns:
            Merged (batch, m), zeros for a user without any field, and weights (batch, fields).
        """
        logits = self.logits(field_vectors)
        # The lowest number in place of -inf: a row of -inf alone is NaN, and so is its gradient.
        weights = logits.masked_fill(~present, torch.finfo(logits.dtype).min).softmax(dim=1) * present
        return torch.einsum("bf,bfm->bm", weights, field_vectors), weights


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
        """Merged (batch, fields · m) and no weights; arguments as of `AttentionMerge`."""
        return (field_vectors * present.unsqueeze(-1)).flatten(1), None
