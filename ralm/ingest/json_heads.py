"""JSON files of which Spark would read only a part, told by their first bytes."""

from __future__ import annotations

import json


def hidden_values(text: str, several: bool) -> str | None:
    """Why values would be left out: Spark reads the first of a line and, with multiLine, the first of a file.

    Args:
        text: the beginning of the file.
        several: values may go on over several lines (multiLine).
    """
    text = text.lstrip("\ufeff")
    if several:
        if _more(text):
            return (
                "several JSON values follow each other, of which multiLine reads the first: write each in one line "
                "(jq -c .) and leave multiLine out"
            )
        return None
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("{") and _more(line):
            return f"line {number} holds several JSON values, of which the first is read: write each in one (jq -c .)"
    return None


def _more(text: str) -> bool:
    """Whether something but a comma follows the first value; false if that is not complete or no JSON."""
    text = text.lstrip()
    try:
        _, end = json.JSONDecoder().raw_decode(text)
    except ValueError:
        return False
    return text[end:].strip() not in ("", ",")
