"""Lines of delimited text -> records, where a quote that is never closed costs its own line and no other.

A quoted cell may go on over several lines. Such lines are put together as far as the result is one record of the
header's width; if one of them is a whole record by itself, a quote was left open, and none of them is read.
"""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

MOST_LINES = 1_000
MOST_CHARACTERS = 1_000_000
_UNIT = "\x1f"  # stands for a separator of several characters
csv.field_size_limit(1 << 27)


@dataclass(frozen=True)
class Style:
    """How cells are written.

    Attributes:
        separator: between cells, one or more characters.
        quote: round cells; empty: none.
        escape: before a quote inside quotes; the quote itself: it is doubled.
        comment: lines that begin with it are left out; empty: none.
        trim: white space round cells is dropped.
    """

    separator: str = ","
    quote: str = '"'
    escape: str = '"'
    comment: str = ""
    trim: bool = False

    @property
    def doubled(self) -> bool:
        """Whether a quote inside quotes is written twice."""
        return self.escape in (self.quote, "")


class Broken(Enum):
    """Why a line is no record by itself."""

    OPEN = "a quote is open at its end"
    MALFORMED = "quotes that do not fit"


Cells = list[str | None]


def cells_of(text: str, style: Style) -> list[str] | Broken:
    """The cells of a record."""
    if not style.quote or style.quote not in text:
        cells = text.split(style.separator)
    elif not style.doubled:
        if Broken.OPEN in (found := _quoted_cells(text, style)):
            return Broken.OPEN
        cells = [cell for cell in found if isinstance(cell, str)]
        if len(cells) < len(found):
            return Broken.MALFORMED
    else:
        separator = style.separator
        if len(separator) > 1:
            text, separator = text.replace(separator, _UNIT), _UNIT
        reader = csv.reader(
            [text],
            delimiter=separator,
            quotechar=style.quote,
            skipinitialspace=style.trim,
            strict=True,
        )
        try:
            cells = [cell.replace(_UNIT, style.separator) for cell in next(reader)]
        except csv.Error as error:
            return Broken.OPEN if "unexpected end of data" in str(error) else Broken.MALFORMED
    return [cell.strip() for cell in cells] if style.trim else cells


def without_misquoted(line: str, style: Style) -> Cells:
    """The cells of a line; one with text after its closing quote is nothing (Spark's SKIP_VALUE)."""
    return [cell if isinstance(cell, str) else None for cell in _quoted_cells(line, style)]


def _quoted_cells(line: str, style: Style) -> list[str | Broken]:
    """Every cell, or what is wrong with it; blanks may follow a closing quote."""
    cells: list[str | Broken] = []
    cell, escaped = _forms(style.quote, style.quote if style.doubled else style.escape)
    rest: str | None = line
    while rest is not None:
        rest = rest.lstrip() if style.trim else rest
        if not rest.startswith(style.quote):
            text, more, after = rest.partition(style.separator)
            cells.append(text)
        elif found := cell.match(rest):
            behind, more, after = rest[found.end() :].partition(style.separator)
            cells.append(Broken.MALFORMED if behind.strip() else escaped.sub(r"\1", found[1]))
        else:
            return [*cells, Broken.OPEN]
        rest = after if more else None
    return cells


@lru_cache
def _forms(quote: str, escape: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """A cell in quotes, and what is escaped in it."""
    mark, before = re.escape(quote), re.escape(escape)
    if escape == quote:
        return re.compile(f"{mark}((?:[^{mark}]|{mark}{mark})*+){mark}"), re.compile(f"{mark}({mark})")
    inside = rf"(?:[^{mark}{before}]|{before}.)*+"
    return re.compile(f"{mark}({inside}){mark}", re.DOTALL), re.compile(f"{before}([{mark}{before}])")


def unescaped(separator: str) -> str:
    r"""A separator of which characters are written as \t, \\, \x01 or \u0001."""
    names = {r"\t": "\t", r"\\": "\\"}
    return re.sub(
        r"\\(?:[t\\]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4})",
        lambda found: names.get(found[0]) or chr(int(found[0][2:], 16)),
        separator,
    )


def blanks_before_quotes(texts: Iterable[str], separator: str, quote: str) -> bool:
    """Whether most cells in quotes have a blank between the separator and the quote."""
    if not quote or not separator.strip():
        return False
    between = re.compile(rf"{re.escape(separator)}([ \t]*){re.escape(quote)}")
    found = [bool(blanks) for text in texts for blanks in between.findall(text)]
    return 2 * sum(found) > len(found)


def records(lines: Iterable[str], style: Style, width: int) -> Iterator[tuple[Cells | None, str]]:
    """(cells, text) of every record; cells None: it cannot be read. Blank lines are no records.

    Args:
        lines: without their ends.
        width: how many cells a record has.
    """
    source, ahead = iter(lines), deque[str]()
    while True:
        line = ahead.popleft() if ahead else next(source, None)
        if line is None:
            return
        if not line.strip() or (style.comment and line.startswith(style.comment)):
            continue
        cells = cells_of(line, style)
        if cells is not Broken.OPEN:
            found: Cells = [*cells] if isinstance(cells, list) else without_misquoted(line, style)
            yield found if len(found) == width else None, line
            continue
        taken, joined = 0, line
        together: list[str] | Broken = cells
        while taken < MOST_LINES and len(joined) < MOST_CHARACTERS and together is Broken.OPEN:
            if taken == len(ahead):
                following = next(source, None)
                if following is None:
                    break
                ahead.append(following)
            joined += "\n" + ahead[taken]
            if style.quote in ahead[taken]:
                together = cells_of(joined, style)
            taken += 1
        if not isinstance(together, list) or len(together) != width:
            yield None, line
            continue
        parts = [ahead.popleft() for _ in range(taken)]
        doubtful = width > 1 and any(_whole(part, style, width) for part in parts[:-1])
        yield None if doubtful else [*together], joined


def _whole(line: str, style: Style, width: int) -> bool:
    cells = cells_of(line, style)
    return isinstance(cells, list) and len(cells) == width


def leaves_open(lines: Iterable[str], style: Style) -> bool:
    """Whether a quote is open at the end of a line: such a file cannot be read line by line."""
    return bool(style.quote) and any(style.quote in line and cells_of(line, style) is Broken.OPEN for line in lines)
