"""Ids as people have them: blanks round them, markers of missing ones, decimals; one rule for logs and lists."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, DecimalType, DoubleType, FloatType, IntegralType, NullType, StringType

from ralm.config.sources import NULL_MARKERS
from ralm.ingest import letters

# Blanks of any kind: white space, control and format characters (zero-width space, byte order mark), Unicode's spaces.
# U+0080 to U+009F are none: they are letters of windows-1252 (Š, ž) that were read as ISO-8859-1.
_BLANK = r"[\s\p{Z}\x00-\x1f\x7f\p{Cf}]"
WINDOWS = r"[\x80-\x9f]"
_ROUND = rf"^{_BLANK}+|{_BLANK}+$"
# 12345.0 and 1.2345E+04, with a point or a comma; hexadecimal digits such as 12e45 have neither these nor a sign. 1,000
# is a thousand.
_ZEROS = r"^([+-]?\d+)(?:\.0+|,0{1,2})$"
SCIENTIFIC = r"^[+-]?\d+([.,]\d+)?[eE]\+\d+$|^[+-]?\d+[.,]\d+[eE]\d+$"
# Excel's ways to keep an id a text, and numbers as it shows them.
_FORMULA = r'^="(.*)"$'
_APOSTROPHE = r"^'(\d+)$"
# Lists and objects of JSON; an id may stand in braces.
_OF_OTHERS = r'^\[|^\{\s*"'
_GROUPED = r"^\d{1,3}(,\d{3})+$|^\d{1,3}(\.\d{3})+$"
_DIGITS = r"^[+-]?(\d+)(?:[.,](\d+))?[eE]\+?(\d+)$"
# Of larger numbers, a double (a float) does not hold every one: neighbours would be one id.
EXACT: dict[type[DataType], float] = {DoubleType: 2.0**53, FloatType: 2.0**24}

# What was done to an id, or why it is invalid, with the remedy: by the name that rows carry.
BLANKS = "blanks round"
DECIMALS = "decimals of"
FORMULAS = "formulas round"
APOSTROPHE = "an apostrophe before"
UNSEEN = "letters in parts, or unseen ones, in"
ALPHABETS = "letters of two alphabets in"
WIDE = "wide letters in"
GROUPED = "thousands separators in"
LISTS = "lists or objects in"
UNMATCHED = "no row in"
APOSTROPHES = "apostrophes round"
LOST_DIGITS = "lost digits of"
LEADING = "zeros or a sign before"
NOT_UTF8 = "unreadable characters in"
SAID = {
    BLANKS: "blanks round the id were dropped",
    DECIMALS: "whole numbers written as decimals (12345.0) were read as 12345",
    FORMULAS: 'Excel\'s ="…" round the id was dropped',
    APOSTROPHE: "Excel's ' before a number was dropped",
    UNSEEN: "parts (a + ¨), no-break spaces or characters without a width: ids that look the same may be several",
    ALPHABETS: "Latin letters beside Cyrillic or Greek ones of the same look: ids that look the same may be several",
    WIDE: "１２ is another id than 12: write translate(column, '０１２３４５６７８９', '0123456789') if both are meant",
    GROUPED: "1,234 stays as it is, and 1234 is another id: write replace(column, ',', '') if it is a number",
    UNMATCHED: "their columns of it are null: are the keys written alike?",
    LISTS: "each is one id as it stands: name the array of a list under `explode`, the field of an object as a.b",
    APOSTROPHES: 'they are taken for a part of the id: options: {quote: "\'"} if they are quotes',
    LOST_DIGITS: "the number was rounded (1.23457E+11, or a floating number beyond 2^53): write ids as text",
    LEADING: "007 is another id than 7: user_id_type: string, or write cast(column AS bigint) if they are numbers",
    NOT_UTF8: "the text is of another encoding than it was read by: options: {encoding: windows-1252}, say",
}


@dataclass(frozen=True)
class Id:
    """An id.

    `value` is null unless it is there and valid, `present` says whether it is there, `done` what was done to it or is
    wrong with it (a key of `SAID`; null: nothing).
    """

    value: Column
    present: Column
    done: Column


def whole(kind: DataType) -> bool:
    """Whether the type holds ids as they are, or as decimals that can be mended."""
    return isinstance(kind, (IntegralType, DecimalType, DoubleType, FloatType, StringType, NullType))


def stripped(text: Column) -> Column:
    """The text without blanks of any kind at its ends."""
    return F.regexp_replace(text, _ROUND, "")


def trimmed(text: str) -> str:
    """`stripped` without Spark."""
    first, last = 0, len(text)
    while first < last and _is_blank(text[first]):
        first += 1
    while first < last and _is_blank(text[last - 1]):
        last -= 1
    return text[first:last]


def without_formula(text: str) -> str:
    """00123 of `="00123"` and of `'00123`; another text as it is."""
    found = re.match(_FORMULA, text) or re.match(_APOSTROPHE, text)
    return found[1] if found else text


def _is_blank(character: str) -> bool:
    control = unicodedata.category(character) == "Cc" and character < "\x80"
    return control or unicodedata.category(character) in ("Zs", "Zl", "Zp", "Cf")


def is_missing(text: Column, markers: Sequence[str] = NULL_MARKERS) -> Column:
    """Whether a stripped text stands for a missing value: empty, or a marker in whatever case; null stays null."""
    return (text == "") | F.lower(text).isin([marker.strip().lower() for marker in markers])


def read_id(raw: Column, kind: DataType, markers: Sequence[str] = NULL_MARKERS) -> Id:
    """An id as a string, from a string or number.

    Args:
        raw: the column.
        kind: its type; `whole(kind)`.
        markers: texts of missing ids.
    """
    if isinstance(kind, (DoubleType, FloatType)):
        number = raw.cast("double")
        present = raw.isNotNull() & ~F.isnan(raw)
        sound = (F.abs(number) <= F.lit(EXACT[type(kind)])) & (F.floor(number) == number)
        value = F.when(present & sound, number.try_cast("bigint").cast("string"))
        done = F.when(value.isNotNull(), DECIMALS).when(present, LOST_DIGITS)
        return Id(value, present, done)
    if isinstance(kind, DecimalType) and kind.scale > 0:
        present = raw.isNotNull()
        value = F.when(F.floor(raw) == raw, raw.try_cast(f"decimal({kind.precision},0)").cast("string"))
        return Id(value, present, F.when(value.isNotNull(), DECIMALS))
    if not isinstance(kind, StringType):
        return Id(raw.cast("string"), raw.isNotNull(), F.lit(None).cast("string"))
    # Nearly all ids have nothing to mend, which is seen without a regular expression.
    plain = _plain(raw)
    # Bytes that are no letters, which a file of text or Parquet may hold, become the sign that is looked for.
    letters_only = stripped(F.make_valid_utf8(raw))
    bare = stripped(F.regexp_replace(F.regexp_replace(letters_only, _FORMULA, "$1"), _APOSTROPHE, "$1"))
    odd = F.transform(F.array(bare), lambda text: _mended(text, raw, markers))[0]
    there = F.when(plain, ~is_missing(raw, markers)).otherwise(odd["present"])
    value = F.when(plain, F.when(~is_missing(raw, markers), raw)).otherwise(odd["value"])
    return Id(value, raw.isNotNull() & there, F.when(~plain, odd["done"]))


def _mended(text: Column, raw: Column, markers: Sequence[str]) -> Column:
    """A struct of `Id`'s fields, of the stripped text.

    It is the body of a lambda, so that `text` is one variable: as a plain expression it would stand fifty times in the
    plan, more code than a Java method may have. Ids that look the same stay apart: whoever reads the audiences knows
    each by its own letters.
    """
    present = ~is_missing(text, markers)
    mended, lost = without_decimals(text)
    broken = text.contains("\ufffd") | text.rlike(WINDOWS)
    done = F.when(broken, NOT_UTF8).when(lost, LOST_DIGITS).when(mended != text, DECIMALS)
    done = done.when(text.rlike(letters.ODD), UNSEEN).when(text.rlike(letters.ALPHABETS), ALPHABETS)
    done = done.when(text.rlike(letters.WIDE), WIDE)
    done = done.when(text.rlike(_GROUPED), GROUPED).when(text.rlike(_OF_OTHERS), LISTS)
    done = done.when(text.startswith("'") & text.endswith("'"), APOSTROPHES)
    done = done.when(stripped(raw).rlike(_FORMULA), FORMULAS).when(stripped(raw).rlike(_APOSTROPHE), APOSTROPHE)
    done = done.when(text != raw, BLANKS)
    return F.struct(
        F.when(present & ~broken & ~lost, mended).alias("value"),
        F.coalesce(present, F.lit(False)).alias("present"),
        F.when(present, done).alias("done"),
    )


def _plain(text: Column) -> Column:
    """Whether a text begins and ends with a visible ASCII character and has nothing to look at; null for null.

    What is not ASCII within is looked at by one regular expression.
    """
    ends = [F.ascii(text), F.ascii(F.right(text, F.lit(1)))]
    visible = ends[0].between(33, 126) & ends[1].between(33, 126) & ~ends[0].isin(*map(ord, "'=[{"))
    ascii_only = F.octet_length(text) == F.length(text)
    odd = text.rlike(f"{letters.ODD}|{letters.ALPHABETS}|{letters.WIDE}")
    inside = ascii_only | (F.is_valid_utf8(text) & ~odd)
    return reduce(lambda plain, sign: plain & ~text.contains(sign), (".", "+", ",", "\ufffd"), visible) & inside


def typed_id(text: Column, target: str) -> Column:
    """An id as text in the type of user ids (string, bigint); null where it is none: 007 is no user 7."""
    if target == "string":
        return text
    number = text.try_cast(target)
    return F.when(number.cast("string") == text, number)


def keeps_digits(text: Column) -> Column:
    """Whether a number such as 1.2345E+04 has as many decimals as its power says: rounded ones end before."""
    before, after, power = (F.regexp_extract(text, _DIGITS, group) for group in (1, 2, 3))
    return F.coalesce((F.length(after) >= power.try_cast("int")) & (before != ""), F.lit(False))


def without_decimals(text: Column) -> tuple[Column, Column]:
    """(12345 of 12345.0 and of 1.2345E+04, other texts as they are; whether digits were lost, as in 1.23457E+11)."""
    scientific = text.rlike(SCIENTIFIC)
    exact = F.replace(text, F.lit(","), F.lit(".")).try_cast("decimal(38,6)")
    kept = keeps_digits(text) & F.coalesce(F.floor(exact) == exact, F.lit(False))
    number = F.when(scientific & kept, exact.try_cast("decimal(38,0)").cast("string"))
    return (
        F.coalesce(number, F.when(text.rlike(_ZEROS), F.regexp_extract(text, _ZEROS, 1)), text),
        scientific & ~kept,
    )
