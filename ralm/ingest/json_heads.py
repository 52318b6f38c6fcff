"""JSON files of which Spark would read only a part, told by their lines."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ralm.ingest.json_text import Decoder, lines_of

SEVERAL = (
    "several JSON values follow each other, of which multiLine reads the first: write each in one line (jq -c .) and "
    "leave multiLine out"
)
BY_COLUMNS = "is a table by columns (pandas' to_json): write it by to_json(…, orient='records', lines=True)"
_BY_COLUMNS = re.compile(r'\{\s*"(?:[^"\\]|\\.)*"\s*:\s*\{\s*"0"\s*:')
_PARTS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')


def hidden_values(text: str, several: bool) -> str | None:
    """Why values would be left out: Spark reads the first of a line and, with multiLine, the first of a file.

    Args:
        text: the beginning of the file.
        several: values may go on over several lines (multiLine).
    """
    text = text.lstrip("\ufeff")
    if several:
        if second_value(lines_of(text)) is not None:
            return SEVERAL
        return None
    for number, line in enumerate(lines_of(text), 1):
        if line.lstrip().startswith(("{", "[")) and _more(line):
            return f"line {number} holds several JSON values, of which the first is read: write each in one (jq -c .)"
    return None


def over_lines(text: str) -> str | None:
    """'array' or 'object' if the file begins with one that goes on over several lines; None: its first line is whole.

    Args:
        text: the beginning of the file.
    """
    text = text.lstrip("\ufeff").lstrip()
    first, end, _ = text.partition("\n")
    if text[:1] not in ("[", "{") or not end or _opened(first) <= 0:
        return None
    return "array" if text.startswith("[") else "object"


def by_columns(text: str) -> bool:
    """Whether the file is a table by columns, as pandas' `to_json` writes one: {"user_id":{"0":"u1","1":"u2"},…."""
    text = text.lstrip("\ufeff").strip()
    if not _BY_COLUMNS.match(text):
        return False
    try:
        columns, _ = Decoder().raw_decode(text)
    except ValueError:  # the beginning of one long line
        return "\n" not in text
    return all(isinstance(column, dict) and "0" in column for column in columns.values())


def _opened(line: str) -> int:
    """How many more brackets and braces a line opens than it closes; quotes left open: 0."""
    depth = 0
    for part in _PARTS.findall(line):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(part, 0)
    return depth if _PARTS.sub("", line).count('"') == 0 else 0


def no_json(text: str) -> str:
    """Why a file has no columns, by its first line; empty: it has none."""
    line = next((line.strip() for line in lines_of(text.lstrip("\ufeff")) if line.strip()), "")
    if re.search(r"[:\[,]\s*(None|True|False)\s*[,}\]]|\{\s*u?'", line):
        return f"'{line[:60]}' is written by Python and no JSON: write json.dumps(row)"
    return f"'{line[:60]}' is no JSON object" if line else ""


def second_value(lines: Iterable[str]) -> str | None:
    """The line that follows the first object or array of a file; None: nothing but commas and blanks does."""
    depth, ended = 0, False
    for line in lines:
        rest = line if ended else ""
        for part in () if ended else _PARTS.finditer(line):
            depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(part.group(), 0)
            if depth == 0 and part.group() in ("]", "}"):
                rest, ended = line[part.end() :], True
                break
        if rest := rest.strip(" \t\r\n,"):
            return rest
    return None


def _more(text: str) -> bool:
    """Whether something but a comma follows the first value; false if that is not complete or no JSON."""
    text = text.lstrip()
    try:
        _, end = Decoder().raw_decode(text)
    except ValueError:
        return False
    return text[end:].strip() not in ("", ",")
