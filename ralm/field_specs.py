"""What one user looks like to a model: which columns of `user_fields` hold what, and their sizes.

Shared by the Spark side that builds the columns and the torch side that reads them; imports neither.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class HistorySpec(BaseModel):
    """A history field: `length` indices into a table of `size` rows (0 is padding)."""

    model_config = ConfigDict(frozen=True)

    domain: str
    length: int
    size: int

    @property
    def column(self) -> str:
        """The column of `user_fields`: array<int> of `length`, 0-padded, newest first."""
        return f"history_{self.domain}"


class CategorySpec(BaseModel):
    """A categorical profile field: one index into a table of `size` rows (0 is missing)."""

    model_config = ConfigDict(frozen=True)

    name: str
    size: int

    @property
    def column(self) -> str:
        """The column of `user_fields`: int."""
        return f"category_{self.name}"


class UserFields(BaseModel):
    """All fields of a user in their recorded order: histories, categories, then the numerics as one field."""

    model_config = ConfigDict(frozen=True)

    histories: list[HistorySpec]
    categories: list[CategorySpec] = []
    numerics: list[str] = []

    @property
    def names(self) -> list[str]:
        """One name a field vector, in order."""
        names = [spec.domain for spec in self.histories] + [spec.name for spec in self.categories]
        return [*names, "numeric"] if self.numerics else names

    @property
    def columns(self) -> list[str]:
        """The columns of `user_fields` that a model reads; `numeric` is array<float>, normalised, 0 where missing."""
        columns = [spec.column for spec in self.histories] + [spec.column for spec in self.categories]
        return [*columns, "numeric"] if self.numerics else columns

    @property
    def widths(self) -> dict[str, int]:
        """Column -> length of its array (1 for a scalar)."""
        widths = {spec.column: spec.length for spec in self.histories}
        widths |= {spec.column: 1 for spec in self.categories}
        return widths | ({"numeric": len(self.numerics)} if self.numerics else {})
