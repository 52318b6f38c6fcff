"""How times are written in a source: `epoch_s` to `epoch_ns`, `iso`, or Spark's datetime patterns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from itertools import permutations
from zoneinfo import available_timezones

# Units of epochs -> how many of them make a second.
EPOCHS = {"epoch_s": 1, "epoch_ms": 1_000, "epoch_us": 1_000_000, "epoch_ns": 1_000_000_000}
ISO = "iso"
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


def without_weekday(pattern: str) -> tuple[str, bool]:
    """The pattern without a weekday at its start (`EEE, dd MMM yyyy`), and whether there was one.

    Spark does not parse weekdays, and the date says the same.
    """
    rest = _WEEKDAY.sub("", pattern, count=1)
    return rest, rest != pattern


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


def either_way(formats: Sequence[str]) -> tuple[str, str] | None:
    """Two patterns of a list that differ in the order of day and month only, so that most dates fit both."""
    plain = {text: _letters(text) for text in formats}
    for text, other in permutations(plain, 2):
        if any(re.search(r"d\W*M|M\W*d", own) and _swapped(own) in plain[other] for own in plain[text]):
            return text, other
    return None


def _letters(text: str) -> set[str]:
    """A pattern with each letter once, but for names of months; of ISO-8601 those that it reads."""
    read = ["yyyy-MM-dd", "yyyy-MM-dd HH:mm:ss", "yyyy-MM-dd'T'HH:mm:ss"] if text == ISO else [text]
    return {one if "MMM" in one else re.sub(r"([A-Za-z])\1*", r"\1", one) for one in read}


def _swapped(letters: str) -> str:
    return re.sub("[dM]", lambda one: {"d": "M", "M": "d"}[one[0]], letters)


def quoted_zone(text: str) -> str | None:
    """A zone that stands in quotes in a pattern ('Z'), and is therefore skipped, not read."""
    found = re.search(r"'(Z|UTC|GMT)'", text)
    return found[0] if found else None


def check_time_zone(text: str) -> str:
    """The zone, if it names one place or offset.

    Raises:
        ValueError: it is unknown, or a short name that several countries use (BST, IST, CST), of which Java takes one.
    """
    if re.fullmatch(r"UTC|GMT|Z|((UTC|GMT)?[+-]\d{1,2}(:?\d{2})?)", text) or (
        "/" in text and text in (_regions() or {text})  # a machine may have no list of regions
    ):
        return text
    like = next((one for one in sorted(_regions()) if "/" in one and one.lower() == text.lower()), "Europe/London")
    raise ValueError(
        f"time_zone '{text}': write a region ({like}) or an offset (+01:00); short names stand for several zones"
    )


@cache
def _regions() -> set[str]:
    return available_timezones()


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
