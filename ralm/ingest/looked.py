"""A file as a first look took it: its form, its columns with some of their values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

# A name that an expression may use as it is.
PLAIN = re.compile(r"[A-Za-z_]\w*", re.ASCII)
Cells = list[str | None]


@dataclass(frozen=True)
class Guess:
    """A column and why it was taken."""

    column: str
    why: str


@dataclass(frozen=True)
class Looked:
    """A file (or the first of a folder's) as it was taken for.

    Attributes:
        path: as it was given.
        format: of `Source.format`.
        options: of Spark's reader.
        columns: name -> the values of some rows, as text; None: missing.
        typed: columns that hold timestamps or dates already.
        inner: columns that are fields of objects, such as `content.id`; an expression names them as they stand here.
        lists: columns that hold lists -> the columns that their elements give as rows of their own.
        why: what was looked at, in a phrase.
        explode: the list whose elements are rows here; None: rows are the file's.
        element: what the elements of that list are, if its name says so.
    """

    path: str
    format: str
    options: dict[str, str]
    columns: dict[str, Cells]
    typed: set[str] = field(default_factory=set)
    inner: set[str] = field(default_factory=set)
    lists: Mapping[str, dict[str, Cells]] = field(default_factory=dict)
    why: str = ""
    explode: str | None = None
    element: Guess | None = None


def exploded(looked: Looked, name: str, element: Guess | None) -> Looked:
    """The file with the elements of a list as rows."""
    cells = looked.lists[name]
    return replace(
        looked,
        columns=looked.columns | cells,
        inner=looked.inner | set(cells),
        lists={},
        explode=name,
        element=element,
    )


def quoted(name: str) -> str:
    """A name in backticks, as an expression has it."""
    return "`" + name.replace("`", "``") + "`"
