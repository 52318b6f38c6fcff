"""JSON of files that may hold anything: what is nested too deeply for the parser is no JSON, as other mistakes are."""

from __future__ import annotations

import json
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
