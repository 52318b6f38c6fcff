"""The header of a delimited file: which line it is, what its columns are called, and which rows only repeat it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import Column
from pyspark.sql import functions as F

from ralm.ingest.expressions import CORRUPT, column_of
from ralm.ingest.names import clean_name, mentioned
from ralm.ingest.text_records import Broken, Style, cells_of
from ralm.ingest.value_kinds import is_number

# Lines among which the header is looked for, and lines that tell how many cells a row has.
_TITLES, _LINES = 20, 200
# Cells that are compared with the header's: enough to tell a row from a header.
_COMPARED = 16
# Different lines above rows that are looked for, over all files.
_DIFFERENT = 100
_MARK = '\ufeff"'


@dataclass(frozen=True)
class Header:
    """The names of a file's columns.

    Attributes:
        names: in the file's order; empty: the file has no lines.
        filled: rows follow, as far as the head of the file shows.
        lines: the titles above the header line, and that line; empty: there is none.
        cells: of these lines, as they are written.
    """

    names: tuple[str, ...]
    filled: bool
    lines: tuple[str, ...] = ()
    cells: tuple[tuple[str, ...], ...] = ()

    @property
    def titles(self) -> tuple[str, ...]:
        """The lines above the header line."""
        return self.lines[:-1]


def find_header(text: str, whole: bool, style: Style, headed: bool, texts: Sequence[str]) -> Header:
    """The header in the first lines of a file.

    It is the first line, or a later one that names at least two columns that the mapping reads and more of them than
    the lines above, which are titles then. Separators at the ends of all rows, or of the header alone, make no column.

    Args:
        text: the beginning of the file.
        whole: this is all of it.
        headed: there is a header line.
        texts: the expressions over the columns.
    """
    lines = [line for line in re.split(r"\r\n|\n|\r", text.lstrip("\ufeff")) if line.strip()]
    lines = [line for line in lines if not (style.comment and line.startswith(style.comment))]
    if not lines:
        return Header((), not whole)
    lines = _with_breaks(lines, style)
    cells = [_cells(line, style) for line in lines[:_LINES]]
    if not headed:
        width = _usual_width(cells)
        return Header(tuple(f"_c{place}" for place in range(width)), True)
    place = _place(cells, texts)
    below = cells[place + 1 : -1 if not whole and len(lines) <= _LINES else None]
    names = _evened([clean_name(cell) for cell in cells[place]], below)
    lower = [name.lower() for name in names]
    # As Spark does it: a name that comes twice is no name.
    safe = [
        f"_c{at}" if not name else f"{name}{at}" if lower.count(name.lower()) > 1 else name
        for at, name in enumerate(names)
    ]
    heading = tuple(map(tuple, cells[: place + 1]))
    return Header(tuple(safe), len(lines) > place + 1 or not whole, tuple(lines[: place + 1]), heading)


def _with_breaks(lines: list[str], style: Style) -> list[str]:
    """The lines, the first one with those on which its names in quotes go on."""
    joined = lines[0]
    for place, line in enumerate(lines[1:_TITLES], 1):
        if cells_of(joined, style) is not Broken.OPEN:
            return [joined, *lines[place:]]
        joined += "\n" + line
    return lines


def _cells(line: str, style: Style) -> list[str]:
    found = cells_of(line, style)
    return line.split(style.separator) if isinstance(found, Broken) else found


def _usual_width(cells: Sequence[Sequence[str]]) -> int:
    """The number of cells of nearly all rows, else of the first one."""
    width, times = Counter(map(len, cells)).most_common(1)[0]
    return width if times >= 0.8 * len(cells) else len(cells[0])


def _place(cells: Sequence[Sequence[str]], texts: Sequence[str]) -> int:
    start = 1 if len(cells) > 1 and _says_separator(cells[0]) else 0
    columns = [re.sub(r"'(?:[^'\\]|\\.)*'", "", clean_name(text)) for text in texts]
    named = [
        len({name for name in map(clean_name, row) if name and not is_number(name) and mentioned(name, columns)})
        for row in cells[start : start + _TITLES]
    ]
    best = max(named)
    return start if best < 2 else start + named.index(best)


def _says_separator(cells: Sequence[str]) -> bool:
    """Whether this is the line by which Excel is told the separator."""
    return cells[0].strip().lower().startswith("sep=") and not any(cells[1:])


def _evened(names: list[str], below: Sequence[Sequence[str]]) -> list[str]:
    """The names for rows that end in a separator where the header does not, or the other way round."""
    if not below:
        return names
    enough, more = 0.9 * len(below), len(names) + 1
    if sum(len(row) == more and not row[-1].strip() for row in below) >= enough:
        return [*names, ""]
    if not names[-1] and sum(len(row) == len(names) - 1 for row in below) >= enough:
        return names[:-1]
    return names


def no_headings(columns: Sequence[str], headers: Sequence[Header], where: str) -> Column:
    """The condition of rows that are neither a header again nor a title: files are often put together from others.

    A row that names the same columns in another order stops the job, since what follows it would be bound wrongly.
    """
    cells = sorted({line for header in headers for line in header.cells if len(line) <= len(columns)})[:_DIFFERENT]
    lines = sorted({line for header in headers for line in header.lines})[:_DIFFERENT]
    heading = reduce(lambda a, b: a | b, [_is(columns, line) for line in cells], F.lit(False))
    heading = heading | F.coalesce(column_of(CORRUPT).isin(lines), F.lit(False))
    named = [name for name in columns if len(name) > 1 and not re.fullmatch(r"_c\d+", name)][:_COMPARED]
    if len(named) < max(2, min(len(columns), _COMPARED)):
        return ~heading
    words = sorted({name.lower() for name in columns})
    first, *others = [F.lower(_bare(name)).isin(words) for name in columns[:_COMPARED]]
    again = F.coalesce(reduce(lambda a, b: a & b, others, first), F.lit(False))
    said = f"{where}: a second header line, in another order, is in the middle of a file: make it a file of its own"
    return ~heading & F.when(~heading & again, F.raise_error(F.lit(said)).cast("boolean")).otherwise(F.lit(True))


def _is(columns: Sequence[str], line: Sequence[str]) -> Column:
    """Whether a row has the cells of a line."""
    padded = [*line, *[""] * (len(columns) - len(line))]
    alike = [
        F.coalesce(_bare(name), F.lit("")) == cell.translate(dict.fromkeys(map(ord, _MARK))).strip(" ")
        for name, cell in list(zip(columns, padded, strict=True))[:_COMPARED]
    ]
    return reduce(lambda a, b: a & b, alike)


def _bare(name: str) -> Column:
    """A cell without a byte-order mark and quotes, which the first cell of a file that was appended may have."""
    return F.trim(F.translate(column_of(name), _MARK, ""))
