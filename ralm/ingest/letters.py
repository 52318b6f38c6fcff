"""Texts that look the same and are not: letters in two parts, blanks of another kind, characters without a width."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from pyspark.sql import Column
from pyspark.sql import functions as F

# Marks (the ¨ of a + ¨), blanks beside the plain one, and characters that no one sees: a soft hyphen, zero-width
# spaces, directions of writing, byte order marks. Joiners (U+200C, U+200D) are part of words in Persian and of emoji.
_MARKS = r"\p{M}"
_UNSEEN = r"[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\ufeff]"
_BLANKS = r"[\p{Zs}&&[^ ]]"
ODD = rf"{_MARKS}|{_UNSEEN}|{_BLANKS}"
# A Latin letter beside one of an alphabet with letters of the same look; digits and letters in double width.
ALPHABETS = r"[A-Za-z][\u0370-\u03ff\u0400-\u04ff]|[\u0370-\u03ff\u0400-\u04ff][A-Za-z]"
WIDE = r"[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a]"
_UNIT = r"(\P{M}\p{M}*|\p{M}+)"
# Where letters lie that have one form in two parts and another in one; Hangul has its own rule, and is left out.
_RANGES = ((0x00C0, 0x3100), (0xF900, 0xFB50))
_PAIRS, _EQUALS = "\x1e", "\x1f"


def composed(text: Column) -> Column:
    """ä of a + ¨ (Unicode's NFC but for Hangul and Indic vowel signs); macOS writes names of files so."""
    whole = F.str_to_map(F.lit(_compositions()), F.lit(_PAIRS), F.lit(_EQUALS))
    units = F.regexp_extract_all(text, F.lit(_UNIT), F.lit(1))
    return F.array_join(F.transform(units, lambda unit: F.coalesce(F.try_element_at(whole, unit), unit)), "")


def as_seen(text: Column) -> Column:
    """A text with letters in one part, plain blanks, and without characters that have no width; most stay as they are.

    The text stands in the plan several times: a large expression belongs into a column or a lambda first.
    """
    return F.when(text.rlike(ODD), _mended(text)).otherwise(text)


def _mended(text: Column) -> Column:
    bare = F.regexp_replace(F.regexp_replace(text, _UNSEEN, ""), _BLANKS, " ")
    return F.when(text.rlike(_MARKS), composed(bare)).otherwise(bare)


def seen(text: str) -> str:
    """`as_seen` without Spark."""
    found = "".join(_seen(letter) for letter in text)
    return unicodedata.normalize("NFC", found)


def _seen(letter: str) -> str:
    if letter in "\u00ad\u200b\u200e\u200f\u2060\ufeff" or "\u202a" <= letter <= "\u202e":
        return ""
    return " " if unicodedata.category(letter) == "Zs" else letter


@lru_cache
def _compositions() -> str:
    letters = (chr(code) for first, end in _RANGES for code in range(first, end))
    pairs = {unicodedata.normalize("NFD", letter): letter for letter in letters if _has_two_forms(letter)}
    return _PAIRS.join(f"{parts}{_EQUALS}{letter}" for parts, letter in pairs.items())


def _has_two_forms(letter: str) -> bool:
    parts = unicodedata.normalize("NFD", letter)
    return len(parts) > 1 and unicodedata.normalize("NFC", parts) == letter
