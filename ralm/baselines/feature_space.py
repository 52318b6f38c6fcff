"""A user's fields as a set of features: what Jaccard similarity, MinHash, Information Value and regressions see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from scipy import sparse

from ralm.field_specs import UserFields


class FeatureSpace(BaseModel):
    """Numbers every feature of `user_fields`: history entries, categories, binned numerics, in this order.

    Padding and missing values are not features.
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
        return [width for spec in self.fields.specs for width in spec.feature_widths]

    @property
    def size(self) -> int:
        """All features."""
        return sum(self.widths)

    def matrix(self, users: pa.RecordBatch | pa.Table) -> sparse.csr_matrix:
        """Rows of `user_fields` as a binary matrix (n, size), float32."""
        starts = np.cumsum([0, *self.widths])
        parts = [values for spec in self.fields.specs for values in spec.features(users)]  # each (n, any), 0 is nothing
        rows: list[NDArray[Any]] = []
        places: list[NDArray[Any]] = []
        for start, values in zip(starts[:-1], parts, strict=True):
            row, at = np.nonzero(values)
            rows.append(row)
            places.append(values[row, at] - 1 + start)
        row, place = np.concatenate([[], *rows]).astype(np.int64), np.concatenate([[], *places]).astype(np.int64)
        found = sparse.csr_matrix((np.ones(len(row), np.float32), (row, place)), shape=(users.num_rows, self.size))
        found.data[:] = 1.0  # what a user did twice is one feature
        return found

    def names(self, vocabularies: Mapping[str, Sequence[str]]) -> list[str]:
        """A readable name of every feature.

        Args:
            vocabularies: field -> its features by rank (`lookup_tables`); indices after the last rank are shared.
        """
        return [name for spec in self.fields.specs for name in spec.feature_names(vocabularies)]

    def condition(self, feature: int) -> str:
        """Whether a user has a feature: a SQL condition over the columns of `user_fields`."""
        start = 0
        for spec in self.fields.specs:
            for part, width in enumerate(spec.feature_widths):
                if feature < start + width:
                    return spec.feature_condition(part, feature - start + 1)
                start += width
        raise IndexError(f"feature {feature}: there are {start}")

    def as_array(self) -> NDArray[np.str_]:
        """The space as an array that is stored with a scorer's state."""
        return np.array(self.model_dump_json())

    @staticmethod
    def of_array(array: NDArray[Any]) -> FeatureSpace:
        """The space of `as_array`."""
        return FeatureSpace.model_validate_json(str(array))
