"""Which column of a list holds the user ids."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ralm.errors import ConfigError
from ralm.ingest.ids import trimmed


def plain_name(name: str) -> str:
    """A column's name without what people write differently: case, blanks, and _ - . between its words."""
    return re.sub(r"[\s_\-.]", "", trimmed(name)).casefold()


def id_column(names: Sequence[str], column: str | None, what: str, *, numbered: bool = False) -> int:
    """The place of the column of user ids.

    Args:
        names: of the columns, or the cells of the first line.
        column: as asked for with --column; None: `user_id`, or the only column.
        what: the list and what it was taken for, for the errors.
        numbered: whether a number stands for the place, from 1, as in a file without a header line.

    Raises:
        ConfigError: there is no such column, or there are several and none was named.
    """
    shown = ", ".join(trimmed(name) for name in names)
    number = "; in a file without a header line by its place, such as --column 1" if numbered else ""
    if column is not None:
        for same in (str, trimmed, lambda text: trimmed(text).casefold()):
            found = [place for place, name in enumerate(names) if same(name) == same(column)]
            if len(found) == 1:
                return found[0]
            if found:
                raise ConfigError(f"list {what}: two columns are named {column}; it has {shown}")
        if numbered and column.isdecimal() and 1 <= int(column) <= len(names):
            return int(column) - 1
        raise ConfigError(f"list {what}: no column {column}; it has {shown}{number}")
    found = [place for place, name in enumerate(names) if plain_name(name) == "userid"]
    if len(found) == 1:
        return found[0]
    if len(names) == 1:
        return 0
    raise ConfigError(f"list {what}: name its column of user ids with --column; it has {shown}{number}")
