"""JSON files of which Spark would read only a part, told by their lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

SEVERAL = (
    "several JSON values follow each other, of which multiLine reads the first: write each in one line (jq -c .) and "
    "leave multiLine out"
)
_PARTS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')


def hidden_values(text: str, several: bool) -> str | None:
    """Why values would be left out: Spark reads the first of a line and, with multiLine, the first of a file.

    Args:
        text: the beginning of the file.
        several: values may go on over several lines (multiLine).
    """
    text = text.lstrip("\ufeff")
    if several:
        if second_value(text.splitlines()) is not None:
            return SEVERAL
        return None
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("{") and _more(line):
            return f"line {number} holds several JSON values, of which the first is read: write each in one (jq -c .)"
    return None


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
        _, end = json.JSONDecoder().raw_decode(text)
    except ValueError:
        return False
    return text[end:].strip() not in ("", ",")
