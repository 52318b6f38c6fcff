"""User fields -> one vector a field (Liu et al., KDD 2019, section 3.2.1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ralm.field_specs import UserFields

# Above this many rows a dense gradient (every row, every step, over all ranks) costs more than a sparse one.
SPARSE_ROWS = 100_000


def start_table(weight: Tensor) -> None:
    """Random start of an embedding table, rows of expected length 1; row 0 (padding) is zero."""
    with torch.no_grad():
        weight.normal_(std=weight.shape[1] ** -0.5)
        weight[0] = 0.0


class FieldEncoder(nn.Module):
    """Looks up, averages and projects the columns of `user_fields`.

    Histories are averaged over their non-padding entries, categories are looked up, and all numerics together pass
    one linear layer.

    Args:
        fields: the columns and their sizes.
        dim: m, the width of a field vector.
        dropout: share of the field vectors' entries dropped in training.
        sparse: sparse gradients for tables above `SPARSE_ROWS` (needs SparseAdam; gloo reduces them, nccl does not).

    Example:
        >>> from ralm.fields import HistorySpec
        >>> encoder = FieldEncoder(UserFields(histories=[HistorySpec(domain="search", length=3, size=10)]), dim=4)
        >>> vectors, present = encoder({"history_search": torch.tensor([[4, 2, 0], [0, 0, 0]])})
        >>> vectors.shape, present.tolist()
        (torch.Size([2, 1, 4]), [[True], [False]])
    """

    def __init__(self, fields: UserFields, dim: int, dropout: float = 0.0, sparse: bool = False) -> None:
        super().__init__()
        self.fields = fields
        self.dim = dim
        self.histories = nn.ModuleDict(
            {
                spec.column: nn.EmbeddingBag(
                    spec.size, dim, mode="mean", padding_idx=0, sparse=sparse and spec.size > SPARSE_ROWS
                )
                for spec in fields.histories
            }
        )
        self.categories = nn.ModuleDict(
            {
                spec.column: nn.Embedding(spec.size, dim, padding_idx=0, sparse=sparse and spec.size > SPARSE_ROWS)
                for spec in fields.categories
            }
        )
        self.numeric = nn.Linear(len(fields.numerics), dim) if fields.numerics else None
        self.dropout = nn.Dropout(dropout)
        for table in [*self.histories.values(), *self.categories.values()]:
            start_table(table.weight)  # type: ignore[arg-type]

    def tables(self) -> dict[str, Tensor]:
        """What reads each field, by name: its embedding table without the padding, or the weights of the numerics."""
        named: dict[str, Tensor] = {}
        for history in self.fields.histories:
            named[history.domain] = self.histories[history.column].weight[1:]  # type: ignore[index]
        for category in self.fields.categories:
            named[category.name] = self.categories[category.column].weight[1:]  # type: ignore[index]
        if self.numeric is not None:
            named["numeric"] = self.numeric.weight
        return named

    def forward(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """The field vectors and which fields a user has.

        Args:
            batch: per column of `fields.columns`: histories (batch, length) and categories (batch,) of indices,
                `numeric` (batch, numerics).

        Returns:
            Vectors (batch, fields, m), zero where a field is absent, and present (batch, fields), boolean; the
            numerics are always present.
        """
        vectors = []
        present = []
        for history in self.fields.histories:
            indices = batch[history.column].flatten(1)  # (batch, length)
            vectors.append(self.histories[history.column](indices))
            present.append((indices != 0).any(dim=1))
        for category in self.fields.categories:
            index = batch[category.column].flatten()  # (batch,)
            vectors.append(self.categories[category.column](index))
            present.append(index != 0)
        if self.numeric is not None:
            values = batch["numeric"].reshape(-1, len(self.fields.numerics)).to(self.numeric.weight.dtype)
            vectors.append(self.numeric(values))
            present.append(torch.ones(values.shape[0], dtype=torch.bool, device=values.device))
        return self.dropout(torch.stack(vectors, dim=1)), torch.stack(present, dim=1)
