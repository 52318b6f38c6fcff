"""A user's fields as a set of features: what Jaccard similarity, MinHash, Information Value and regressions see."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from scipy import sparse

from ralm.arrow.arrays import column, matrix
from ralm.field_specs import UserFields

# Numerics arrive as deviations from their mean (0 where missing): the bins' inner edges.
NUMERIC_EDGES = (-1.5, -1.0, -0.5, -0.1, 0.1, 0.5, 1.0, 1.5)


class FeatureSpace(BaseModel):
    """Numbers every feature of `user_fields`: history entries, categories, binned numerics, in this order.

    Padding and missing values are no features.
    """

    model_config = ConfigDict(frozen=True)

    fields: UserFields

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of `user_fields` that are read."""
        return tuple(self.fields.columns)

    @property
    def widths(self) -> list[int]:
        """Features of each field."""
        sizes = [spec.size - 1 for spec in self.fields.histories] + [spec.size - 1 for spec in self.fields.categories]
        return sizes + [len(NUMERIC_EDGES) + 1] * len(self.fields.numerics)

    @property
    def size(self) -> int:
        """All features."""
        return sum(self.widths)

    def matrix(self, users: pa.RecordBatch | pa.Table) -> sparse.csr_matrix:
        """Rows of `user_fields` as a binary matrix (n, size), float32."""
        count = users.num_rows
        starts = np.cumsum([0, *self.widths])
        rows: list[NDArray[Any]] = []
        places: list[NDArray[Any]] = []

        def add(values: NDArray[Any], start: int) -> None:  # values (n, any), 0 is nothing
            row, at = np.nonzero(values)
            rows.append(row)
            places.append(values[row, at] - 1 + start)

        position = 0
        for history in self.fields.histories:
            add(matrix(users, history.column, history.length), starts[position])
            position += 1
        for category in self.fields.categories:
            add(column(users, category.column).to_numpy(zero_copy_only=False).reshape(-1, 1), starts[position])
            position += 1
        if self.fields.numerics:
            values = matrix(users, "numeric", len(self.fields.numerics))
            bins = np.searchsorted(NUMERIC_EDGES, values, side="right") + 1  # (n, numerics)
            bins[values == 0] = 0  # missing
            for number in range(len(self.fields.numerics)):
                add(bins[:, number : number + 1], starts[position])
                position += 1
        row, place = np.concatenate([[], *rows]).astype(np.int64), np.concatenate([[], *places]).astype(np.int64)
        found = sparse.csr_matrix((np.ones(len(row), np.float32), (row, place)), shape=(count, self.size))
        found.data[:] = 1.0  # what a user did twice is one feature
        return found

    def names(self, vocabularies: Mapping[str, Sequence[str]]) -> list[str]:
        """A readable name of every feature.

        Args:
            vocabularies: field -> its features by rank (`lookup_tables`); indices after the last rank are shared.
        """
        found: list[str] = []
        named = [(spec.domain, spec.size - 1) for spec in self.fields.histories]
        named += [(spec.name, spec.size - 1) for spec in self.fields.categories]
        for name, width in named:
            known = list(vocabularies.get(name, ()))[:width]
            found += [f"{name} = {value}" for value in known]
            found += [f"{name} = (rare {number})" for number in range(width - len(known))]
        edges = ["", *(f"{edge:g}" for edge in NUMERIC_EDGES), ""]
        for name in self.fields.numerics:
            for low, high in itertools.pairwise(edges):
                text = " and ".join([*([f"at least {low}"] if low else []), *([f"below {high}"] if high else [])])
                found.append(f"{name} {text} deviations from the mean")
        return found

    def as_array(self) -> NDArray[np.str_]:
        """The space as an array that travels with a scorer's state."""
        return np.array(self.model_dump_json())

    @staticmethod
    def of_array(array: NDArray[Any]) -> FeatureSpace:
        """The space of `as_array`."""
        return FeatureSpace.model_validate_json(str(array))
