"""What one user looks like to a model: which columns of `user_fields` hold what, and their sizes.

Each kind of field is a class (`ralm.field_kind`). Shared by the Spark code that builds the columns and the torch code
that reads them; imports neither.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from ralm.arrow.arrays import list_array, matrix, padded, scalars
from ralm.field_kind import FieldSpec, IndexedSpec, Lookup, Vocabularies

if TYPE_CHECKING:
    from ralm.config import Fields

# Inner edges of the bins of numerics, which arrive as deviations from their mean (0 where missing).
NUMERIC_EDGES = (-1.5, -1.0, -0.5, -0.1, 0.1, 0.5, 1.0, 1.5)


class HistorySpec(IndexedSpec):
    """A history field: `length` indices into a table of `size` rows (0 is padding), newest first."""

    ddl: ClassVar[str] = "array<int>"

    domain: str
    length: int

    @property
    def title(self) -> str:
        """The behaviour domain."""
        return self.domain

    @property
    def column(self) -> str:
        """array<int> of `length`, 0-padded, newest first."""
        return f"history_{self.domain}"

    @property
    def width(self) -> int:
        """The number of entries kept."""
        return self.length

    def feature_condition(self, part: int, number: int) -> str:
        """It is among the entries."""
        return f"array_contains({self.column}, {number})"

    def index(self, raw: pa.RecordBatch, lookup: Lookup) -> pa.Array:
        """The newest entries by their ranks."""
        lists = raw.column(self.column)
        flat = lookup.indices(self.domain, lists.flatten(), self.size - 1 - lookup.ranked(self.domain))
        return list_array(padded(flat, np.diff(lists.offsets.to_numpy()), self.length))

    def read(self, batch: pa.RecordBatch | pa.Table) -> NDArray[Any]:
        """(n, length)."""
        return matrix(batch, self.column, self.length)

    def features(self, batch: pa.RecordBatch | pa.Table) -> list[NDArray[Any]]:
        """The entries."""
        return [self.read(batch)]


class CategorySpec(IndexedSpec):
    """A categorical profile field: one index into a table of `size` rows (0 is missing)."""

    ddl: ClassVar[str] = "int"

    name: str

    @property
    def title(self) -> str:
        """The profile column."""
        return self.name

    @property
    def column(self) -> str:
        """int."""
        return f"category_{self.name}"

    def feature_condition(self, part: int, number: int) -> str:
        """It is the value."""
        return f"{self.column} = {number}"

    def index(self, raw: pa.RecordBatch, lookup: Lookup) -> pa.Array:
        """The value's rank; all unknown values share one index."""
        return pa.array(lookup.indices(self.name, raw.column(self.name), 1))

    def read(self, batch: pa.RecordBatch | pa.Table) -> NDArray[Any]:
        """(n,)."""
        return scalars(batch, self.column)

    def features(self, batch: pa.RecordBatch | pa.Table) -> list[NDArray[Any]]:
        """The value."""
        return [self.read(batch).reshape(-1, 1)]


class NumericSpec(FieldSpec):
    """All numeric profile fields together, as deviations from their means."""

    dtype: ClassVar[type[np.generic]] = np.float32
    ddl: ClassVar[str] = "array<float>"

    names: tuple[str, ...]

    @property
    def title(self) -> str:
        """One vector stands for all numerics."""
        return "numeric"

    @property
    def column(self) -> str:
        """array<float>, normalised, 0 where missing."""
        return "numeric"

    @property
    def width(self) -> int:
        """The number of numerics."""
        return len(self.names)

    @property
    def vocabulary(self) -> str | None:
        """Numerics have no vocabulary."""
        return None

    @property
    def feature_widths(self) -> list[int]:
        """The bins of each numeric."""
        return [len(NUMERIC_EDGES) + 1] * len(self.names)

    def feature_condition(self, part: int, number: int) -> str:
        """The numeric is known and lies in the bin."""
        value, edges = f"{self.column}[{part}]", (-1e9, *NUMERIC_EDGES, 1e9)
        return f"{value} >= {edges[number - 1]} AND {value} < {edges[number]} AND {value} <> 0"

    def index(self, raw: pa.RecordBatch, lookup: Lookup) -> pa.Array:
        """The deviations."""
        columns = [lookup.deviations(name, raw.column(name)) for name in self.names]
        return list_array(np.stack(columns, axis=1).astype(np.float32))

    def read(self, batch: pa.RecordBatch | pa.Table) -> NDArray[Any]:
        """(n, numerics)."""
        return matrix(batch, self.column, self.width)

    def features(self, batch: pa.RecordBatch | pa.Table) -> list[NDArray[Any]]:
        """The bin of each numeric."""
        values = self.read(batch)
        bins = np.searchsorted(NUMERIC_EDGES, values, side="right") + 1  # (n, numerics)
        bins[values == 0] = 0  # missing
        return list(np.hsplit(bins, self.width))

    def feature_names(self, vocabularies: Vocabularies) -> list[str]:
        """name at least this and below that."""
        found = []
        edges = ["", *(f"{edge:g}" for edge in NUMERIC_EDGES), ""]
        for name in self.names:
            for low, high in itertools.pairwise(edges):
                text = " and ".join([*([f"at least {low}"] if low else []), *([f"below {high}"] if high else [])])
                found.append(f"{name} {text} deviations from the mean")
        return found


class UserFields(BaseModel):
    """All fields of a user in their recorded order: histories, categories, then the numerics as one field."""

    model_config = ConfigDict(frozen=True)

    histories: list[HistorySpec]
    categories: list[CategorySpec] = []
    numerics: list[str] = []

    @classmethod
    def of(cls, fields: Fields, counts: Mapping[str, int]) -> UserFields:
        """The fields of a configuration; `counts`: field -> features in its vocabulary."""
        return cls(
            histories=[
                HistorySpec(
                    domain=field.domain,
                    length=field.length,
                    size=1 + counts.get(field.domain, 0) + field.out_of_vocabulary,
                )
                for field in fields.history
            ],
            categories=[
                CategorySpec(name=field.name, size=2 + counts.get(field.name, 0)) for field in fields.categorical
            ],
            numerics=list(fields.numeric),
        )

    @property
    def specs(self) -> list[FieldSpec]:
        """The fields, one vector each, in order."""
        numeric = [NumericSpec(names=tuple(self.numerics))] if self.numerics else []
        return [*self.histories, *self.categories, *numeric]

    @property
    def names(self) -> list[str]:
        """One name per field vector, in order."""
        return [spec.title for spec in self.specs]

    @property
    def columns(self) -> list[str]:
        """The columns of `user_fields` that a model reads."""
        return [spec.column for spec in self.specs]

    @property
    def widths(self) -> dict[str, int]:
        """Column -> length of its array (1 for a scalar)."""
        return {spec.column: spec.width for spec in self.specs}
