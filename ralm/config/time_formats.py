"""How times are written in a source: `epoch_s` to `epoch_ns`, `iso`, or Spark's datetime patterns."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Sequence
from itertools import combinations
from typing import Annotated

from pydantic import AfterValidator

# Units of epochs -> how many of them make a second.
EPOCHS = {"epoch_s": 1, "epoch_ms": 1_000, "epoch_us": 1_000_000, "epoch_ns": 1_000_000_000}
ISO = "iso"
# Formats of a source; each is tried on every row.
MOST = 20
KNOWN = (
    "known are epoch_s, epoch_ms, epoch_us, epoch_ns, iso, Spark patterns such as yyyy-MM-dd HH:mm:ss, and lists of "
    "these"
)
_STRFTIME = {
    "%Y": "yyyy", "%y": "yy", "%m": "MM", "%d": "dd", "%H": "HH", "%I": "hh", "%M": "mm", "%S": "ss", "%f": "SSSSSS",
    "%p": "a", "%b": "MMM", "%B": "MMMM", "%a": "EEE", "%A": "EEEE", "%z": "xx", "%Z": "z", "%j": "DDD",
    "%T": "HH:mm:ss", "%F": "yyyy-MM-dd", "%%": "%",
}  # fmt: skip
_WEEKDAY = re.compile(r"^E{1,4}[,.]?\s*")
_PARSED = "GyMLdDhHkKmsSaVzOXxZ"
_OFFSET = re.compile(r"(UTC|GMT|UT)?[+-]\d{1,2}(:?\d{2})?")
_QUOTED_ZONE = re.compile(r"'\s*(Z|UTC|GMT)\s*'")
# UTC itself, under its names.
_UTC = ("UTC", "GMT", "UT", "Z")


def check_time_zone(text: str) -> str:
    """The time zone, if it names one place or offset.

    Raises:
        ValueError: a short name, which several countries have, or no zone at all.
    """
    if text in _UTC or _OFFSET.fullmatch(text):
        return text
    regions = zoneinfo.available_timezones()
    if "/" in text and text in (regions or {text}):  # a machine may have no list of regions
        return text
    meant = next((f" (meant: {region})" for region in regions if "/" in text and region.lower() == text.lower()), "")
    raise ValueError(
        f"time_zone '{text}'{meant}: write a region (Europe/London) or an offset (+01:00); short names mean several"
    )


TimeZone = Annotated[str, AfterValidator(check_time_zone)]


def check_quoted_zone(formats: Sequence[str], zone: str) -> None:
    """Refuse patterns that skip a zone as text, where times without a zone are of another one.

    Raises:
        ValueError: such a pattern.
    """
    for text in formats:
        found = _QUOTED_ZONE.search(text)
        if found and zone not in _UTC:
            letter = "XXX" if found[1] == "Z" else "z"
            raise ValueError(f"time_format {text}: {found[0]} in quotes is no zone: write {letter}, or time_zone: UTC")


def without_weekday(pattern: str) -> tuple[str, bool]:
    """The pattern without a weekday at its start (`EEE, dd MMM yyyy`), and whether there was one.

    Spark does not parse weekdays, and the date says the same.
    """
    rest = _WEEKDAY.sub("", pattern, count=1)
    return rest, rest != pattern


def with_and_without(pattern: str) -> list[str]:
    """The patterns that one with optional parts stands for, the fullest first; text in quotes stays as it is."""
    quoted, opened, depth = False, None, 0
    for at, letter in enumerate(pattern):
        if letter == "'":
            quoted = not quoted
        elif letter == "[" and not quoted:
            opened, depth = at if opened is None else opened, depth + 1
        elif letter == "]" and not quoted and opened is not None:
            depth -= 1
            if depth == 0:
                before, inside, after = pattern[:opened], pattern[opened + 1 : at], pattern[at + 1 :]
                found = [*with_and_without(before + inside + after), *with_and_without(before + after)]
                return list(dict.fromkeys(found))
    return [pattern]


def check_time_format(text: str) -> str:
    """The format, if times can be read by it rightly.

    Raises:
        ValueError: an unknown unit, a pattern of another language, or one that reads times wrongly (minutes as months,
            afternoons as mornings).
    """
    if text in EPOCHS or text == ISO:
        return text
    if re.fullmatch(r"(?i)(epoch|unix|timestamp|iso)\w*", text):
        raise ValueError(f"time_format '{text}' is unknown; {KNOWN}")
    if "%" in text:
        said = re.sub(r"%.", lambda found: _STRFTIME.get(found[0], found[0]), text)
        hint = "" if "%" in said else f": write '{said}'"
        raise ValueError(f"time_format '{text}' is a strftime pattern, Spark has its own{hint}; {KNOWN}")
    problem = _problem(without_weekday(text)[0])
    if problem:
        raise ValueError(f"time_format '{text}': {problem}; {KNOWN}")
    return text


def check_time_formats(given: str | list[str] | None) -> None:
    """Refuse a format, or a list of them, by which times would be read wrongly.

    Raises:
        ValueError: as `check_time_format`; an empty list; two formats of which the first that fits may be wrong.
    """
    if given == []:
        raise ValueError("an empty list reads no times")
    if isinstance(given, list) and len(given) > MOST:
        raise ValueError(f"{len(given):,} time formats, at most {MOST} are tried; make several sources of it")
    for text in [given] if isinstance(given, str) else given or []:
        check_time_format(text)
    if isinstance(given, list) and (two := either_way(given)):
        raise ValueError(f"time_format: {' and '.join(two)} both read 02/03/2024 or the like: make two sources of it")


def either_way(formats: Sequence[str]) -> tuple[str, str] | None:
    """Two formats of a list that differ in the order of day and month only, so that most dates fit both."""
    for one, other in combinations(formats, 2):
        for first, second in ((one, other), (other, one)):
            swapped = {shape.translate(str.maketrans("dM", "Md")) for shape in _shapes(second)} - _shapes(second)
            # Dates of ISO 8601 may have a time of day or not.
            if swapped & _shapes(first) or (first == ISO and any(shape.startswith("y-M-d") for shape in swapped)):
                return one, other
    return None


def _shapes(text: str) -> set[str]:
    """A format with one letter per field, with and without its optional part; `yy` and names of months stay."""
    if text in EPOCHS:
        return set()
    if text == ISO:
        return {"y-M-d"}
    bare = re.sub(r"M{3,}", "N", without_weekday(text)[0].replace("L", "M"))
    found = (bare, re.sub(r"\[[^\]]*\]", "", bare))
    return {re.sub(r"[\[\]]", "", re.sub(r"y+|([A-Za-z])\1+", _one_letter, shape)) for shape in found}


def _one_letter(run: re.Match[str]) -> str:
    return run[0] if run[0] == "yy" else run[0][0]


def _problem(pattern: str) -> str | None:
    """Why a pattern without a weekday at its start cannot read times, or would read them wrongly."""
    bare = re.sub(r"'[^']*'", "", pattern)
    if bare.count("'"):
        return "a quote is not closed"
    runs = re.findall(r"([A-Za-z])\1*", bare)
    if not runs:
        return "it has no letters"
    has = set(runs)
    if has & set("YweWu"):
        return f"'{min(has & set('YweWu'))}' is of the week-based calendar; years are yyyy, days are dd"
    if "E" in has:
        return "a weekday (E) can only stand at the start"
    unknown = sorted(has - set(_PARSED))
    if unknown:
        return f"no times are read by '{unknown[0]}' (text stands in quotes: 'T')"
    if "y" not in has:
        return "it has no year (yyyy)"
    if "D" in has and has & set("MLd"):
        return "D is the day of the year; days of the month are dd"
    if "m" in has and not has & set("hHkK"):
        return "m is minutes; months are MM"
    if runs.count("M") > 1 or ("M" in has and has & set("H") and "m" not in has and "s" in has):
        return "M is months; minutes are mm"
    if has & set("hK") and "a" not in has:
        return "h counts to 12 and needs a (AM or PM); hours to 24 are HH"
    if "S" in has and "s" not in has:
        return "S is a fraction of a second; seconds are ss"
    return None
