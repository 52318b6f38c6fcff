"""What says that something was clicked, in the words that people write it with."""

from __future__ import annotations

from collections.abc import Sequence

from ralm.ingest.value_kinds import is_flag, is_number, time_format_of

# Words that say so whatever their column is called.
_DONE = {"clicked", "click", "liked", "like", "thumbs up", "converted", "conversion", "purchased", "bought", "opened"}
_LEFT = {
    "not clicked", "no click", "disliked", "dislike", "not liked", "thumbs down", "not converted", "no conversion",
    "not purchased", "not bought", "not opened", "ignored", "skipped",
}  # fmt: skip
_YES = {
    "ja",
    "j",
    "oui",
    "si",
    "sí",
    "sim",
    "evet",
    "tak",
    "да",
    "是",
    "はい",
    "yes",
    "y",
    "true",
    "t",
    "x",
    "1",
    "1.0",
} | _DONE
_NO = {"nein", "non", "no", "n", "nao", "não", "hayır", "nie", "нет", "否", "いいえ", "false", "f", "0", "0.0"} | _LEFT


def says_clicks(cells: Sequence[str]) -> bool:
    """Whether the values themselves say what was clicked and what was not: `clicked` and `not clicked`."""
    kinds = {cell.strip().lower().replace("_", " ").replace("-", " ") for cell in cells}
    return len(kinds) > 1 and kinds <= _DONE | _LEFT and bool(kinds & _DONE)


def condition(column: str, cells: Sequence[str | None]) -> str | None:
    """The SQL condition of a click, without nulls where empty cells mean that there was none.

    Args:
        column: as an expression names it.
        cells: values of some rows; None or blank: empty.

    Returns:
        None: the values do not say yes or no.
    """
    values = [cell.strip() for cell in cells if cell and cell.strip()]
    kinds, gaps = {value.lower() for value in values}, len(values) < len(cells)
    said = {kind.replace("_", " ").replace("-", " "): kind for kind in kinds}
    if not kinds:
        return None
    decimals = any("." in value for value in values)
    cast = f"try_cast({column} AS double) > 0" if decimals else f"try_cast({column} AS boolean)"
    there = f"coalesce(trim({column}), '') <> ''"  # a quoted empty cell is no null
    if is_flag(values) and len(kinds) > 1:
        return cast
    if gaps and kinds <= _YES:
        return there
    if is_flag(values):
        return cast
    if said.keys() <= _YES | _NO and said.keys() & _YES:
        named = ", ".join(f"'{said[kind]}'" for kind in sorted(said.keys() & _YES))
        return _filled(f"lower(trim({column})) IN ({named})", gaps)
    if gaps and time_format_of(values) is not None:
        return there
    if all(map(is_number, values)) and (gaps or min(map(float, values)) <= 0):
        return _filled(f"try_cast({column} AS double) > 0", gaps)
    return None


def _filled(text: str, gaps: bool) -> str:
    return f"coalesce({text}, false)" if gaps else text
