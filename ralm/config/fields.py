"""The four dates, and the fields that describe a user."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any, Literal

from pydantic import Field, model_validator

from ralm.config.section import Identifier, Section, Share, sized

# What a0, a1 and a2 aim at: so much of the impression log lies before them.
SHARES = (0.4, 0.6, 0.8)
Cut = dt.date | Share | Literal["auto"]


class Dates(Section):
    """A0 < A1 < A2 < A3: dates (UTC midnights), shares of the impression log rounded to midnights, or chosen (auto).

    `dates: auto`, the default, chooses a0, a1 and a2 from the log (docs/dates.md).
    """

    a0: Cut = Field(default="auto", description="the user model's fields are as of A0, its labels come after it")
    a1: Cut = Field(default="auto", description="the look-alike model's users are as of A1, its labels come after it")
    a2: Cut = Field(default="auto", description="what is judged comes after A2")
    a3: dt.date | Literal["end"] = Field(
        default="end", description="production is as of A3; end: the midnight after the last impression"
    )

    @model_validator(mode="before")
    @classmethod
    def _in_one_word(cls, content: Any) -> Any:
        return {} if content == "auto" else content

    @model_validator(mode="after")
    def _ordered(self) -> Dates:
        named = self.given or ()
        shares = [d for d in named if isinstance(d, float)]
        if 0 < len(shares) < len(named):
            raise ValueError("a0, a1 and a2 are either all dates or all shares")
        given = [d for d in (*named, self.a3) if isinstance(d, dt.date)]
        for kind in (given, shares):
            if any(x >= y for x, y in itertools.pairwise(kind)):  # type: ignore[operator]
                raise ValueError(f"a0 < a1 < a2 < a3 is required, found {', '.join(map(str, kind))}")
        return self

    @property
    def given(self) -> tuple[dt.date | float, ...] | None:
        """a0, a1 and a2 as set (`auto` beside shares: 0.4, 0.6 or 0.8); None if all are chosen from the log."""
        named = (self.a0, self.a1, self.a2)
        if all(value == "auto" for value in named):
            return None
        return tuple(share if value == "auto" else value for value, share in zip(named, SHARES, strict=True))


def _named(value: Any, key: str) -> Any:
    """A name alone stands for a field without further settings."""
    return {key: value} if isinstance(value, str) else value


class HistoryField(Section):
    """A behaviour domain as a user field: the newest `length` things acted on."""

    domain: Identifier = Field(description="the behaviour domain")
    length: int = sized(30, ge=1, le=1_000, description="newest entries kept per user")
    vocabulary: int = Field(default=200_000, ge=1, le=10_000_000, description="most frequent features with an index")
    out_of_vocabulary: int = Field(default=1, ge=1, le=1_000_000, description="hash buckets that the rest share")

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, value: Any) -> Any:
        return _named(value, "domain")


class CategoricalField(Section):
    """A profile column looked up in an embedding table."""

    name: Identifier = Field(description="the column")
    vocabulary: int = Field(default=10_000, ge=1, le=1_000_000, description="most frequent values with an index")

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, value: Any) -> Any:
        return _named(value, "name")


class Fields(Section):
    """The fields that describe a user. What is left out follows from the mapped sources (ralm/config/described.py)."""

    history: list[HistoryField] = Field(min_length=1, description="behaviour domains, or only their names")
    categorical: list[CategoricalField] = Field(
        default_factory=list, description="profile columns, or only their names"
    )
    numeric: list[Identifier] = Field(default_factory=list, description="profile columns read as numbers")
    item_domains: list[Identifier] = Field(
        description="domains whose feature ids are item ids; new items are removed from them. []: items are in none"
    )
    strong_domain: Identifier = Field(description="the domain whose absence makes a user 'weak' in the evaluation")

    @property
    def profiles(self) -> dict[str, str]:
        """Profile column -> Spark SQL type, in the table's order."""
        return {field.name: "string" for field in self.categorical} | dict.fromkeys(self.numeric, "double")

    @model_validator(mode="after")
    def _known_domains(self) -> Fields:
        domains = [field.domain for field in self.history]
        names = domains + [field.name for field in self.categorical] + self.numeric
        if len(names) != len(set(names)):
            raise ValueError(f"field names must differ, found {sorted(names)}")
        if self.strong_domain not in domains:
            raise ValueError(f"strong_domain '{self.strong_domain}' is not a history field; known: {domains}")
        return self
