"""What texts look like: numbers, flags, times in a known form."""

from __future__ import annotations

import datetime as dt
import itertools
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
    ("MM/dd/yy hh:mm a", "%m/%d/%y %I:%M %p"),
    ("MM/dd/yy", "%m/%d/%y"),
    ("dd/MM/yyyy hh:mm:ss a", "%d/%m/%Y %I:%M:%S %p"),
    ("dd/MM/yyyy hh:mm a", "%d/%m/%Y %I:%M %p"),
    ("dd/MM/yyyy, HH:mm:ss", "%d/%m/%Y, %H:%M:%S"),
    ("MM/dd/yyyy, hh:mm:ss a", "%m/%d/%Y, %I:%M:%S %p"),
    ("dd.MM.yyyy, HH:mm:ss", "%d.%m.%Y, %H:%M:%S"),
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
    ("yyyy-MM-dd hh:mm:ss a", "%Y-%m-%d %I:%M:%S %p"),
    ("yyyy-MM-dd hh:mm a", "%Y-%m-%d %I:%M %p"),
    ("yyyy.MM.dd HH:mm:ss", "%Y.%m.%d %H:%M:%S"),
    ("yyyy.MM.dd HH:mm", "%Y.%m.%d %H:%M"),
    ("yyyy.MM.dd", "%Y.%m.%d"),
    ("yyyy年MM月dd日 HH:mm:ss", "%Y年%m月%d日 %H:%M:%S"),
    ("yyyy年MM月dd日 HH:mm", "%Y年%m月%d日 %H:%M"),
    ("yyyy年MM月dd日", "%Y年%m月%d日"),
    ("yyyyMMdd'T'HHmmssX", "%Y%m%dT%H%M%S%z"),
    ("yyyyMMdd'T'HHmmss", "%Y%m%dT%H%M%S"),
    ("yyyyMMddHHmmss", "%Y%m%d%H%M%S"),
    ("yyyyMMddHHmm", "%Y%m%d%H%M"),
    ("yyyyMMddHH", "%Y%m%d%H"),
    ("yyyyMMdd", "%Y%m%d"),
    ("yyMMddHH", "%y%m%d%H"),
    ("dd-MMM-yyyy HH:mm:ss", "%d-%b-%Y %H:%M:%S"),
    ("dd-MMM-yyyy HH:mm", "%d-%b-%Y %H:%M"),
    ("dd-MMM-yyyy", "%d-%b-%Y"),
    ("dd-MMM-yy hh.mm.ss.SSSSSS a", "%d-%b-%y %I.%M.%S.%f %p"),
    ("dd-MMM-yy", "%d-%b-%y"),
    ("dd MMM yyyy HH:mm:ss", "%d %b %Y %H:%M:%S"),
    ("dd MMM yyyy HH:mm", "%d %b %Y %H:%M"),
    ("dd MMM yyyy", "%d %b %Y"),
    ("ddMMMyyyy:HH:mm:ss", "%d%b%Y:%H:%M:%S"),
    ("ddMMMyyyy", "%d%b%Y"),
    ("MMM dd, yyyy hh:mm:ss a", "%b %d, %Y %I:%M:%S %p"),
    ("MMM dd, yyyy hh:mm a", "%b %d, %Y %I:%M %p"),
    ("MMM dd, yyyy", "%b %d, %Y"),
    ("MMMM dd, yyyy", "%B %d, %Y"),
    ("dd/MMM/yyyy:HH:mm:ss Z", "%d/%b/%Y:%H:%M:%S %z"),
    ("EEE MMM dd yyyy HH:mm:ss 'GMT'xx", "%a %b %d %Y %H:%M:%S GMT%z"),
    ("EEE MMM dd HH:mm:ss Z yyyy", "%a %b %d %H:%M:%S %z %Y"),
    ("EEE, dd MMM yyyy HH:mm:ss Z", "%a, %d %b %Y %H:%M:%S %z"),
)
# Of the names of zones, those that mean one; AM and PM are none.
_ISO = re.compile(
    r"\s*\d{4}-\d{1,2}-\d{1,2}([T ]\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?)?"
    r"\s*(Z|UTC|GMT|UT|[A-Za-z]+/[A-Za-z_/]+|[+-]\d{2}(:?\d{2})?)?\s*"
)
_CLOCK = re.compile(r"([01]?\d|2[0-3]):[0-5]\d(:[0-5]\d([.,]\d{1,9})?)?( ?[AaPp]\.?[Mm]\.?)?")
# .NET counts ten-millionths of a second from the year 1: as nanoseconds, 1966 to 2090 would be months of 1989 and 1990.
_TICKS = 6.2e17, 6.6e17
# Values, spread over all, that rule most patterns out.
_TRIED = 20
_TWO = ("dd", "MM", "HH", "hh")
# Excel counts days from the end of 1899; in these it is 1982 to 2064.
EXCEL = "days of Excel"
EXCEL_DAYS = 30_000, 60_000
_AFTER, _BEFORE = dt.datetime(1990, 1, 1, tzinfo=dt.UTC).timestamp(), dt.datetime(2100, 1, 1, tzinfo=dt.UTC).timestamp()


def is_number(text: str) -> bool:
    """Whether the text is a number."""
    return _NUMBER.fullmatch(text) is not None


def is_flag(values: Sequence[str]) -> bool:
    """Whether the values are yes and no, in whatever words."""
    kinds = {value.strip().lower() for value in values}
    return 0 < len(kinds) <= 4 and kinds <= _TRUE | _FALSE


def is_excel(values: Sequence[str]) -> bool:
    """Whether the values may be Excel's days since 1899, with a point or a comma: 45292.5 is noon of 2024-01-01."""
    texts = [value.strip().replace(",", ".") for value in values if value and value.strip()]
    low, high = EXCEL_DAYS
    return bool(texts) and all(is_number(text) and low <= float(text) <= high for text in texts)


def excel_time(column: str) -> str:
    """The expression of the time, without a zone, that Excel's days in a column of texts stand for."""
    days = f"try_cast(replace({column}, ',', '.') AS double)"
    return f"cast(timestamp_seconds(round(({days} - 25569) * 86400)) AS timestamp_ntz)"


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
    """The form in which nearly all of the values are times: `iso`, a unit of epochs, a pattern; None: none are.

    Where the day and the month may be either, the one by which the times rise, or lie closer together, is taken.
    """
    values = [value.strip() for value in values if value and value.strip()]
    if not values:
        return None
    enough = 0.95 * len(values)
    if sum(_ISO.fullmatch(value) is not None for value in values) >= enough:
        return ISO
    digits = sum(is_number(value) for value in values) >= enough
    fitting = []
    few = values[:: max(1, len(values) // _TRIED)]
    for pattern, form in PATTERNS:
        if digits and ("/" in pattern or "." in pattern):
            continue
        if sum(_parsed(value, pattern, form) is not None for value in few) < 0.8 * len(few):
            continue
        found = [time for value in values if (time := _parsed(value, pattern, form)) is not None]
        if len(found) >= enough:
            fitting.append((pattern, found))
            if not pattern.startswith(("dd/MM", "MM/dd")):
                break
    if fitting:
        return _as_written(_likeliest(fitting), values)
    if digits:
        numbers = [float(value) for value in values if is_number(value)]
        for unit, per_second in EPOCHS.items():
            if unit == "epoch_ns" and all(_TICKS[0] <= number <= _TICKS[1] for number in numbers):
                continue
            if sum(_AFTER <= number / per_second <= _BEFORE for number in numbers) >= enough:
                return unit
    return None


def other_order(pattern: str) -> str | None:
    """The pattern with day and month the other way round, where both can be; None: it has one order."""
    found = re.match(r"(dd?)/(MM?)/|(MM?)/(dd?)/", pattern)
    if found is None:
        return None
    first, second = [part for part in found.groups() if part]
    return f"{second}/{first}/{pattern[found.end() :]}"


def clock_pattern(values: Sequence[str]) -> str:
    """Spark's pattern of times of a day for which `is_clock` holds."""
    found = [match for value in values if value and (match := _CLOCK.fullmatch(value.strip()))]
    half = any(match[4] for match in found)
    longest = max((match[0] for match in found if match[3]), key=len, default="")
    fraction = re.search(r"[.,](\d+)", longest)
    seconds = ":ss" if any(match[2] for match in found) else ""
    return f"{'h' if half else 'H'}:mm{seconds}{fraction[0][0] + 'S' * len(fraction[1]) if fraction else ''}" + (
        " a" if half else ""
    )


def _likeliest(fitting: Sequence[tuple[str, list[dt.datetime]]]) -> str:
    """Of patterns that fit, the one by which the times rise, or span a third of the days; else the first."""
    first, times = fitting[0]
    for other, found in fitting[1:]:
        if other == other_order(first):
            rise = [all(a <= b for a, b in itertools.pairwise(each)) for each in (times, found)]
            spans = [(max(each) - min(each)).days for each in (times, found)]
            if (rise[1] and not rise[0]) or (rise[0] == rise[1] and 3 * spans[1] < spans[0]):
                return other
    return first


def _as_written(pattern: str, values: Sequence[str]) -> str:
    """The pattern with one letter for what some values write with one digit: Spark's `dd` needs two."""
    if pattern.startswith(("yyyyMM", "yyMM")):
        return pattern
    runs = [run[0] for run in re.finditer(r"([A-Za-z])\1*|[^A-Za-z]+", pattern)]
    two = "".join(r"\d\d" if run in _TWO else r".+" if run.isalpha() else re.escape(run) for run in runs)
    if all(re.fullmatch(two, value) for value in values):
        return pattern
    return "".join(run[0] if run in _TWO else run for run in runs)


def _parsed(text: str, pattern: str, form: str) -> dt.datetime | None:
    if pattern.isalpha() and "MMM" not in pattern and len(text) != len(pattern):
        return None
    try:
        found = dt.datetime.strptime(text, form)
    except ValueError:
        return None
    return found.replace(tzinfo=None) if 1990 <= found.year < 2100 else None
