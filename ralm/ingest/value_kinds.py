"""What texts look like: numbers, flags, times in a known form."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence

from ralm.config.time_formats import EPOCHS, ISO

_NUMBER = re.compile(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*")
_TRUE = {"1", "true", "t", "yes", "y", "1.0"}
_FALSE = {"0", "false", "f", "no", "n", "0.0"}
# Spark's pattern, Python's for the same form. Of two that fit, the first is taken.
PATTERNS = (
    ("dd/MM/yyyy HH:mm:ss", "%d/%m/%Y %H:%M:%S"),
    ("dd/MM/yyyy HH:mm", "%d/%m/%Y %H:%M"),
    ("dd/MM/yyyy", "%d/%m/%Y"),
    ("dd/MM/yy HH:mm", "%d/%m/%y %H:%M"),
    ("dd/MM/yy", "%d/%m/%y"),
    ("MM/dd/yyyy HH:mm:ss", "%m/%d/%Y %H:%M:%S"),
    ("MM/dd/yyyy HH:mm", "%m/%d/%Y %H:%M"),
    ("MM/dd/yyyy hh:mm:ss a", "%m/%d/%Y %I:%M:%S %p"),
    ("MM/dd/yyyy hh:mm a", "%m/%d/%Y %I:%M %p"),
    ("MM/dd/yyyy", "%m/%d/%Y"),
    ("MM/dd/yy HH:mm", "%m/%d/%y %H:%M"),
    ("MM/dd/yy", "%m/%d/%y"),
    ("dd.MM.yyyy HH:mm:ss", "%d.%m.%Y %H:%M:%S"),
    ("dd.MM.yyyy HH:mm", "%d.%m.%Y %H:%M"),
    ("dd.MM.yyyy", "%d.%m.%Y"),
    ("dd.MM.yy HH:mm:ss", "%d.%m.%y %H:%M:%S"),
    ("dd.MM.yy HH:mm", "%d.%m.%y %H:%M"),
    ("dd.MM.yy", "%d.%m.%y"),
    ("dd-MM-yyyy HH:mm:ss", "%d-%m-%Y %H:%M:%S"),
    ("dd-MM-yyyy HH:mm", "%d-%m-%Y %H:%M"),
    ("dd-MM-yyyy", "%d-%m-%Y"),
    ("yyyy/MM/dd HH:mm:ss", "%Y/%m/%d %H:%M:%S"),
    ("yyyy/MM/dd HH:mm", "%Y/%m/%d %H:%M"),
    ("yyyy/MM/dd", "%Y/%m/%d"),
    ("yyyyMMddHHmmss", "%Y%m%d%H%M%S"),
    ("yyyyMMdd", "%Y%m%d"),
    ("dd/MMM/yyyy:HH:mm:ss Z", "%d/%b/%Y:%H:%M:%S %z"),
    ("EEE MMM dd HH:mm:ss Z yyyy", "%a %b %d %H:%M:%S %z %Y"),
    ("EEE, dd MMM yyyy HH:mm:ss Z", "%a, %d %b %Y %H:%M:%S %z"),
)
_ISO = re.compile(r"\s*\d{4}-\d{1,2}-\d{1,2}([T ]\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?)?\s*([A-Za-z]+|[+-]\d{2}:?\d{2})?\s*")
_CLOCK = re.compile(r"([01]?\d|2[0-3]):[0-5]\d(:[0-5]\d)?")
_AFTER, _BEFORE = dt.datetime(1990, 1, 1, tzinfo=dt.UTC).timestamp(), dt.datetime(2100, 1, 1, tzinfo=dt.UTC).timestamp()


def is_number(text: str) -> bool:
    """Whether the text is a number."""
    return _NUMBER.fullmatch(text) is not None


def is_flag(values: Sequence[str]) -> bool:
    """Whether the values are yes and no, in whatever words."""
    kinds = {value.strip().lower() for value in values}
    return 0 < len(kinds) <= 4 and kinds <= _TRUE | _FALSE


def is_clock(values: Sequence[str]) -> bool:
    """Whether the values are times of a day, such as 12:30 or 12:30:05."""
    return bool(values) and all(_CLOCK.fullmatch(value.strip()) for value in values)


def list_cut(values: Sequence[str]) -> str | None:
    """The pattern at which cells that hold several ids are cut; None: they hold one each."""
    values = [value.strip() for value in values[:500] if value and value.strip()]
    if values and sum(value.startswith("[") and value.endswith("]") for value in values) >= 0.9 * len(values):
        return '[\\[\\]"\\x27, ]+'
    for separator in "|;, ":
        cells = [value.split(separator) for value in values]
        parts = [part for cell in cells for part in cell]
        several = sum(len(cell) > 1 for cell in cells)
        # Parts that come again and have digits are ids, and not the words of a title.
        if (
            several >= max(2, 0.2 * len(values))
            and all(re.search(r"\d", part) and not re.search(r"\s.|[|;,/:]", part.strip()) for part in parts)
            and len(set(parts)) < 0.8 * len(parts)
        ):
            return "[|]" if separator == "|" else separator + ("+" if separator == " " else "\\s*")
    return None


def time_format_of(values: Sequence[str]) -> str | None:
    """The form in which nearly all of the values are times: `iso`, a unit of epochs, a pattern; None: none are."""
    values = [value.strip() for value in values[:500] if value and value.strip()]
    if not values:
        return None
    enough = 0.95 * len(values)
    if sum(_ISO.fullmatch(value) is not None for value in values) >= enough:
        return ISO
    if sum(is_number(value) for value in values) >= enough:
        numbers = [float(value) for value in values if is_number(value)]
        for pattern, form in PATTERNS:
            if "/" not in pattern and "." not in pattern and sum(_parses(value, form) for value in values) >= enough:
                return pattern
        for unit, per_second in EPOCHS.items():
            if sum(_AFTER <= number / per_second <= _BEFORE for number in numbers) >= enough:
                return unit
        return None
    return next((p for p, form in PATTERNS if sum(_parses(value, form) for value in values) >= enough), None)


def _parses(text: str, form: str) -> bool:
    try:
        found = dt.datetime.strptime(text, form)
    except ValueError:
        return False
    return 1990 <= found.year < 2100
