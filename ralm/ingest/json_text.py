"""JSON of files that may hold anything: what is nested too deeply for the parser is no JSON, as other mistakes are."""

from __future__ import annotations

import json
import re
from typing import Any


class Decoder(json.JSONDecoder):
    """The standard decoder, which raises a ValueError also where Python's stack ends, at some hundreds of levels."""

    def raw_decode(self, s: str, idx: int = 0) -> tuple[Any, int]:
        """The value that begins at a place, and the place after it."""
        try:
            return super().raw_decode(s, idx)
        except RecursionError as error:
            raise ValueError("lists or objects are nested too deeply") from error


def parsed(text: str, **options: Any) -> Any:
    """The value of a JSON text.

    Args:
        text: all of it.
        options: those of `json.loads`.

    Raises:
        ValueError: it is no JSON, or nested too deeply.
    """
    return json.loads(text, cls=Decoder, **options)


def lines_of(text: str) -> list[str]:
    """The lines of a text as files have them: U+2028 and the like, which `splitlines` heeds, may stand in strings."""
    return re.split(r"\r\n|\n|\r", text)


def with_numbers_as_texts(line: str) -> str:
    """The line with its numbers as texts, as they are written in it; the line itself if it is no JSON."""
    try:
        value = parsed(line, parse_int=str, parse_float=str, parse_constant=str)
    except ValueError:
        return line
    return json.dumps(value, ensure_ascii=False)
