"""User fields -> one vector per field (Liu et al., KDD 2019, section 3.2.1)."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn

from ralm.field_specs import CategorySpec, HistorySpec, UserFields
from ralm.models.row_products import MeanOfRows

# Above this many rows, a dense gradient (all rows, each step, over all ranks) costs more than a sparse one.
SPARSE_ROWS = 100_000


def start_table(weight: Tensor) -> None:
    """Random start of an embedding table, rows of expected length 1; row 0 (padding) is zero."""
    with torch.no_grad():
        weight.normal_(std=weight.shape[1] ** -0.5)
        weight[0] = 0.0


class FieldReader(Protocol):
    """Reads one column of `user_fields`."""

    def read(self, column: Tensor) -> tuple[Tensor, Tensor]:
        """The field vectors (batch, m), zero where the field is absent, and whether it is present (batch,)."""

    def table(self) -> Tensor:
        """Its parameters, without padding."""


class History(nn.EmbeddingBag):
    """The mean of the entries' embeddings."""

    def __init__(self, spec: HistorySpec, dim: int, sparse: bool) -> None:
        super().__init__(spec.size, dim, mode="mean", padding_idx=0, sparse=sparse and spec.size > SPARSE_ROWS)

    def read(self, column: Tensor) -> tuple[Tensor, Tensor]:
        """Takes indices (batch, length); 0 is padding."""
        indices = column.flatten(1)
        on_cpu = indices.device.type == "cpu"
        means = MeanOfRows.apply(self.weight, indices, self.sparse) if on_cpu else self(indices)
        return means, (indices != 0).any(dim=1)

    def table(self) -> Tensor:
        """The embeddings without the padding."""
        return self.weight[1:]


class Category(nn.Embedding):
    """The embedding of the value."""

    def __init__(self, spec: CategorySpec, dim: int, sparse: bool) -> None:
        super().__init__(spec.size, dim, padding_idx=0, sparse=sparse and spec.size > SPARSE_ROWS)

    def read(self, column: Tensor) -> tuple[Tensor, Tensor]:
        """Takes indices (batch,); 0 is missing."""
        index = column.flatten()
        return self(index), index != 0

    def table(self) -> Tensor:
        """The embeddings without the padding."""
        return self.weight[1:]


class Numeric(nn.Linear):
    """One linear layer for all numbers; they are always present."""

    def read(self, column: Tensor) -> tuple[Tensor, Tensor]:
        """Takes deviations (batch, numerics)."""
        values = column.reshape(-1, self.in_features).to(self.weight.dtype)
        return self(values), torch.ones(values.shape[0], dtype=torch.bool, device=values.device)

    def table(self) -> Tensor:
        """The weights."""
        return self.weight


class FieldEncoder(nn.Module):
    """Looks up, averages and projects the columns of `user_fields`.

    Histories are averaged over their non-padding entries, categories are looked up, and all numerics together pass
    one linear layer.

    Args:
        fields: the columns and their sizes.
        dim: m, the width of a field vector.
        dropout: share of the field vectors' entries dropped in training.
        sparse: sparse gradients for tables above `SPARSE_ROWS` (for an optimizer of rows; nccl does not reduce them).

    Example:
        >>> from ralm.field_specs import HistorySpec
        >>> encoder = FieldEncoder(UserFields(histories=[HistorySpec(domain="search", length=3, size=10)]), dim=4)
        >>> vectors, present = encoder({"history_search": torch.tensor([[4, 2, 0], [0, 0, 0]])})
        >>> vectors.shape, present.tolist()
        (torch.Size([2, 1, 4]), [[True], [False]])
    """

    def __init__(self, fields: UserFields, dim: int, dropout: float = 0.0, sparse: bool = False) -> None:
        super().__init__()
        self.fields = fields
        self.dim = dim
        self.histories = nn.ModuleDict({spec.column: History(spec, dim, sparse) for spec in fields.histories})
        self.categories = nn.ModuleDict({spec.column: Category(spec, dim, sparse) for spec in fields.categories})
        self.numeric = Numeric(len(fields.numerics), dim) if fields.numerics else None
        self.dropout = nn.Dropout(dropout)
        for table in [*self.histories.values(), *self.categories.values()]:
            start_table(table.weight)  # type: ignore[arg-type]

    def readers(self) -> list[FieldReader]:
        """The reader of each field, in the order of the fields."""
        numeric = [] if self.numeric is None else [self.numeric]
        return [*self.histories.values(), *self.categories.values(), *numeric]  # type: ignore[list-item]

    def tables(self) -> dict[str, Tensor]:
        """The parameters of each field: its embedding table without the padding, or the weights of the numerics."""
        return {name: reader.table() for name, reader in zip(self.fields.names, self.readers(), strict=True)}

    def forward(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """The field vectors and which fields a user has.

        Args:
            batch: for each column of `fields.columns`: histories (batch, length) and categories (batch,) of indices,
                `numeric` (batch, numerics).

        Returns:
            Vectors (batch, fields, m), zero where a field is absent, and present (batch, fields), boolean; the
            numerics are always present.
        """
        columns = [batch[spec.column] for spec in self.fields.specs]
        read = [reader.read(column) for reader, column in zip(self.readers(), columns, strict=True)]
        vectors, present = zip(*read, strict=True)
        return self.dropout(torch.stack(vectors, dim=1)), torch.stack(present, dim=1)
