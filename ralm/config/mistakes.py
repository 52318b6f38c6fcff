"""What is said of mistakes in a configuration: each with its place, the name that was meant, and the remedy."""

from __future__ import annotations

import datetime as dt
import difflib
import re
from collections.abc import Iterator, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from ralm.config.reader_options import KNOWN
from ralm.config.section import HIDDEN_INPUT, NAME
from ralm.errors import is_secret, masked_settings

# Mistakes that are said in one line, and the characters of each.
MOST = 12
LONGEST = 400
SHOWN = 80
# `fields` follows from the sources where they are right (ralm/config/described.py).
_UNSAID = {
    "history": "name the domains of ingest.events",
    "item_domains": "name the domain of ingest.events in which items are shown, or give it to ingest.impressions as "
    "`domain`",
    "strong_domain": "name one of fields.history",
}


def described_error(error: ValidationError, root: type[BaseModel] | None = None) -> str:
    """All mistakes that were found, in one line, each with its place.

    Args:
        error: of validating a section.
        root: the section's type, which tells what keys it knows.
    """
    problems = error.errors()
    # Fields that are missing, or wrong, only because the sources are wrong are no mistakes of their own.
    given = [problem.get("input") for problem in problems if problem["loc"][:1] == ("ingest",)]
    others = [
        problem
        for problem in problems
        if not _is_unsaid(problem) and not (problem["loc"][:1] == ("fields",) and problem.get("input") in given)
    ]
    return listed([_line(problem, root) for problem in others or problems])


def listed(problems: Sequence[str]) -> str:
    """Mistakes in one line that can be read: long values are cut, and of very many mistakes the first are said."""
    said = [text if len(text) <= LONGEST else f"{text[: LONGEST - 40]} … {text[-30:]}" for text in problems[:MOST]]
    further = [f"and {len(problems) - MOST:,} more"] if len(problems) > MOST else []
    return "; ".join([*said, *further])


def shortened(text: str) -> str:
    """A value or a name, cut where it is too long for a line."""
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def _is_unsaid(problem: Any) -> bool:
    return problem["type"] == "missing" and problem["loc"][:1] == ("fields",) and problem["loc"][-1] in _UNSAID


def _line(problem: Any, root: type[BaseModel] | None) -> str:
    where = ".".join(shortened(str(part)) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"{where}: unknown key{_meant(problem['loc'], root)}"
    if _is_unsaid(problem):
        return f"{where}: it does not follow from the sources: {_UNSAID[problem['loc'][-1]]}"
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "string_pattern_mismatch" and problem["ctx"]["pattern"] == NAME:
        message = "a name has letters a to z, digits and _, and begins with a letter"
    hidden = problem["type"] == HIDDEN_INPUT or is_secret(where)
    return f"{where + ': ' if where else ''}{message}{'' if hidden else _found(problem)}"


def _found(problem: Any) -> str:
    """What stands there, and what to write for it."""
    found = problem.get("input")
    shown = f" (found {shortened(masked_settings(repr(found)))})" if isinstance(found, str | int | float | bool) else ""
    return f"{shown}{_percent(found)}{_quotes(problem)}"


def _meant(loc: Sequence[int | str], root: type[BaseModel] | None) -> str:
    """The key that an unknown one is like, or where it belongs."""
    name = str(loc[-1])
    known = [key for section in _sections_at(loc, root) for key in section.model_fields]
    near = difflib.get_close_matches(name.lower(), [*known], 1, 0.7)
    if near:
        return f" (meant: '{near[0]}'?)"
    if "options" in known and any(name.lower() in options for options in KNOWN.values()):
        return f": it is one of the reader's: options: {{{name}: …}}"
    return "; see the keys in ralm/config/ or `--help`"


def _sections_at(loc: Sequence[int | str], root: type[BaseModel] | None) -> list[type[BaseModel]]:
    """The sections that may have the last part of a place as their key."""
    found = [root] if root is not None else []
    for part in loc[:-1]:
        inner = [section.model_fields[part] for section in found if part in section.model_fields]
        # The place of an element of a list and a name in a mapping are no keys of a section.
        found = [one for field in inner for one in _sections(field.annotation)] if inner else found
    return found


def _sections(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _sections(part)


def _percent(found: object) -> str:
    """The remedy where a share is written as 1%."""
    written = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%\s*", found) if isinstance(found, str) else None
    return f": write {float(written[1]) / 100:.10g}" if written else ""


def _quotes(problem: Any) -> str:
    """The remedy where YAML took a text for something else."""
    found = problem.get("input")
    if problem["type"] != "string_type":
        return ""
    if found is None:
        return " (found nothing; a text such as null needs quotes: 'null')"
    if isinstance(found, bool):
        return ": YAML reads a bare no, off, yes or on as that: write it in quotes"
    if isinstance(found, int | float | dt.date):
        return f": write it in quotes: '{shortened(str(found))}'"
    return ": one text; several files are a pattern, such as '{a,b}.csv'" if problem["loc"][-1] == "path" else ""
