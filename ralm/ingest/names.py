"""Names of columns as people write and see them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable


def clean_name(name: str) -> str:
    """A name as people see it: composed letters, plain blanks, none at the ends, no characters without a width."""
    seen = "".join(c for c in unicodedata.normalize("NFC", name) if unicodedata.category(c) != "Cf")
    return "".join(" " if unicodedata.category(c) in ("Zs", "Cc") else c for c in seen).strip()


def mentioned(name: str, texts: Iterable[str]) -> bool:
    """Whether expressions name a column: as a whole word, whatever its case."""
    word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", re.IGNORECASE)
    return any(word.search(text) for text in texts)
