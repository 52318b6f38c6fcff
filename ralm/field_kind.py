"""What a kind of user field is: how its column is made from raw values, and how models and features read it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

Vocabularies = Mapping[str, Sequence[str]]


class Lookup(Protocol):
    """What turns raw values into indices and deviations; `ralm.features.user_fields.FieldIndexer` is one."""

    def ranked(self, name: str) -> int:
        """How many features of the field have an index of their own."""

    def indices(self, name: str, values: pa.Array, buckets: int) -> NDArray[Any]:
        """Index of each value, 0 for null; unknown values share `buckets` indices after the last rank."""

    def deviations(self, name: str, values: pa.Array) -> NDArray[Any]:
        """Each number as deviations from the mean, 0 where it is missing."""


class FieldSpec(BaseModel, ABC):
    """A kind of user field."""

    model_config = ConfigDict(frozen=True)

    dtype: ClassVar[type[np.generic]] = np.int64  # as a model takes it
    ddl: ClassVar[str]  # Spark SQL type of the column

    @property
    @abstractmethod
    def title(self) -> str:
        """Name of the field vector."""

    @property
    @abstractmethod
    def column(self) -> str:
        """The column of `user_fields`."""

    @property
    def width(self) -> int:
        """Length of the column's array; 1 for a scalar."""
        return 1

    @property
    def vocabulary(self) -> str | None:
        """The field of `vocabularies` that its indices come from."""
        return self.title

    @property
    @abstractmethod
    def feature_widths(self) -> list[int]:
        """How many features each part of the field has; most fields are one part."""

    @abstractmethod
    def index(self, raw: pa.RecordBatch, lookup: Lookup) -> pa.Array:
        """The column, made from a batch of `join_profiles`."""

    @abstractmethod
    def read(self, batch: pa.RecordBatch | pa.Table) -> NDArray[Any]:
        """The column as a model takes it, (n,) or (n, width)."""

    @abstractmethod
    def features(self, batch: pa.RecordBatch | pa.Table) -> list[NDArray[Any]]:
        """For each part, the features of each user, (n, any), counted from 1; 0 means no feature."""

    @abstractmethod
    def feature_names(self, vocabularies: Vocabularies) -> list[str]:
        """A readable name of every feature, part by part."""

    @abstractmethod
    def feature_condition(self, part: int, number: int) -> str:
        """Whether a user has a feature (counted from 1 within its part): a SQL condition over `user_fields`."""


class IndexedSpec(FieldSpec):
    """A kind whose values are indices into a table of `size` rows, of which row 0 stands for none."""

    size: int

    @property
    def feature_widths(self) -> list[int]:
        """All of its vocabulary."""
        return [self.size - 1]

    def feature_names(self, vocabularies: Vocabularies) -> list[str]:
        """title = value; indices after the last rank are shared by rare values."""
        known = list(vocabularies.get(self.title, ()))[: self.size - 1]
        rare = [f"{self.title} = (rare {number})" for number in range(self.size - 1 - len(known))]
        return [f"{self.title} = {value}" for value in known] + rare
