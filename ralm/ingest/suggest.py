"""A first configuration from looking at files: what was guessed and why stands in its comments."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ralm.config.time_formats import ISO
from ralm.errors import DataError
from ralm.ingest.column_guesses import DONE, SHOWN, Guess, Roles, guess_roles
from ralm.ingest.item_columns import item_columns, separator_of
from ralm.ingest.sniff import Looked, look, quoted


@dataclass(frozen=True)
class _File:
    looked: Looked
    roles: Roles
    path: str
    described: dict[str, Guess]

    @property
    def is_log(self) -> bool:
        return self.roles.user is not None and self.roles.item is not None and not self.described


def suggestion(paths: Sequence[str]) -> str:
    """The YAML text.

    Args:
        paths: logs, and tables of users or of items, in any order.

    Raises:
        MissingInputError: a file that is not there.
        DataError: a file that is no table, or no file in which a user and an item were found.
    """
    root = _root(paths)
    files = [
        _File(found, guess_roles(found), os.path.relpath(os.path.abspath(found.path), root), item_columns(found))
        for found in map(look, paths)
    ]
    logs = [file for file in files if file.is_log]
    if not logs:
        raise DataError(
            f"no file in which a column of users and one of items could be told: {'; '.join(map(_seen, files))}"
        )
    timed = all(file.roles.time for file in logs)
    shown = next((file for file in logs if _clicked(file)), logs[0])
    domain = _identifier(Path(shown.path).name.partition(".")[0], "reading")
    if domain in ("user_id", "as_of", "numeric", "embedding"):
        domain = "reading"
    lines = [
        "# Written by `ingest --suggest`: a guess, to be corrected. Look at it with",
        "#     ./spark-submit.sh ingest --config THIS_FILE --dry-run",
        f"name: {_identifier(Path(shown.path).name.partition('.')[0], 'mine')}",
        f"data_root: {_text(root)}",
        "ingest:",
    ]
    if not timed:
        lines.append("  untimed: true  # not every log has a column of times that could be told")
    lines.append("  events:  # what users did before: it describes them")
    domains = []
    for number, file in enumerate(logs):
        name = domain if file is shown else _identifier(Path(file.path).name.partition(".")[0], f"domain{number}")
        name = name if name not in domains else f"{name}_{number}"
        domains.append(name)
        lines += _source(
            file, {"user_id": file.roles.user, "feature_id": file.roles.item}, "event_time", timed, name, True
        )
    lines.append("  impressions:  # what users were shown, and whether they clicked it")
    lines += _source(
        shown, {"user_id": shown.roles.user, "item_id": shown.roles.item}, "shown_at", timed, domain, False
    )
    catalogue = next((file for file in files if file.described), None)
    if catalogue is not None:
        lines += _items(catalogue)
    for file in files:
        if not file.is_log and file is not catalogue:
            lines.append(f"# {file.path} was left out: a table of {_rest(file)}; see `ingest.users`, `ingest.items`")
    return "\n".join(lines) + "\n"


def _seen(file: _File) -> str:
    looked = file.looked
    lists = f"; lists, which `explode` makes rows of: {', '.join(looked.lists)}" if looked.lists else ""
    return f"{looked.path}: {', '.join(looked.columns)}{lists}"


def _rest(file: _File) -> str:
    what = "users" if file.roles.user else "items" if file.roles.item else "neither users nor items"
    return f"{what} with the columns {', '.join(file.looked.columns)}"


def _items(file: _File) -> list[str]:
    """The source of the items: their ids are those of the logs."""
    looked = file.looked
    lines = ["  items:  # what people know the items by", f"    path: {_text(file.path)}  # {looked.why}"]
    lines += [f"    {line}" for line in _form(looked)]
    about = file.described.get("categories")
    separator = separator_of(looked.columns[about.column]) if about and about.column not in looked.lists else None
    if separator is not None:
        lines.append(f"    category_separator: {_text(separator)}")
    columns = [(name, _text(_column(looked, guess.column)), guess.why) for name, guess in file.described.items()]
    return [*lines, "    columns:", *(f"      {name}: {text}  # {why}" for name, text, why in columns)]


def _form(looked: Looked) -> list[str]:
    """How the file is read, where it is not Parquet."""
    lines = [f"format: {looked.format}"] if looked.format != "parquet" else []
    if looked.options:
        lines.append("options: {" + ", ".join(f"{key}: {_text(value)}" for key, value in looked.options.items()) + "}")
    return lines


def _source(file: _File, ids: dict[str, Guess | None], time: str, timed: bool, domain: str, events: bool) -> list[str]:
    looked, roles = file.looked, file.roles
    lines = [f"path: {_text(file.path)}  # {looked.why}", f"domain: {domain}", *_form(looked)]
    clicked = _clicked(file)
    if events and clicked:
        lines.append(f"where: {_text(clicked[0])}  # only what was clicked says something about a user")
    columns = [
        (name, _text(_column(looked, guess.column)), guess.why) for name, guess in ids.items() if guess is not None
    ]
    if timed and roles.time is not None:
        columns.append((time, _text(_column(looked, roles.time.column)), roles.time.why))
    if not events:
        if clicked:
            columns.append(("clicked", _text(clicked[0]), clicked[1]))
        else:
            lines.append("# no column of clicks was found: every row is taken for a click, and non-clicks are sampled")
            if roles.flags:
                lines.append(f"# if one of these says what was clicked, map it as `clicked`: {', '.join(roles.flags)}")
            if roles.deed is not None:
                lines.append(
                    f"# {roles.deed.column} has the values {', '.join(roles.kinds)}: `where` keeps some of them"
                )
    lines.append("columns:")
    lines += [f"  {name}: {text}  # {why}" for name, text, why in columns]
    if timed and roles.time is not None and roles.time_format not in (None, ISO):
        lines.append(f"time_format: {_text(roles.time_format or '')}  # {_day_first(roles)}")
    if timed and roles.time is not None and not (roles.time_format or "").startswith("epoch"):
        lines.append("# time_zone: Europe/Berlin  # if times without a zone are not UTC")
    first, indent = ("    - ", "      ") if events else ("    ", "    ")
    return [(first if number == 0 else indent) + line for number, line in enumerate(lines)]


def _day_first(roles: Roles) -> str:
    if (roles.time_format or "").startswith("dd/"):
        return "by its values; if months come first: MM/dd/yyyy"
    return "by its values"


def _clicked(file: _File) -> tuple[str, str] | None:
    """The condition of a click and why, if the file tells clicks from other rows."""
    roles = file.roles
    if roles.clicked is not None:
        column = _column(file.looked, roles.clicked.column, within=True)
        decimals = any("." in value for value in file.looked.columns[roles.clicked.column] if value)
        text = f"try_cast({column} AS double) > 0" if decimals else f"try_cast({column} AS boolean)"
        return text, roles.clicked.why
    if roles.rating is not None:
        least = _liked(roles.best)
        column = _column(file.looked, roles.rating.column, within=True)
        return (
            f"try_cast({column} AS double) >= {least:g}",
            f"{roles.rating.why}: the upper part of what goes up to {roles.best:g}",
        )
    if roles.deed is not None:
        shown = [kind for kind in roles.kinds if kind.lower() in SHOWN]
        done = [kind for kind in roles.kinds if kind.lower() in DONE]
        if shown and done:
            named = ", ".join("'" + kind.replace("'", "\\'") + "'" for kind in done)
            why = f"{roles.deed.why}; its values: {', '.join(roles.kinds)}"
            return f"{_column(file.looked, roles.deed.column, within=True)} IN ({named})", why
    return None


def _liked(best: float) -> float:
    return 4 if best <= 5 else 7 if best <= 10 else 0.7 * best


def _column(looked: Looked, name: str, *, within: bool = False) -> str:
    """A column's name as a mapping has it; within an expression, names with other characters stand in backticks."""
    if name in looked.inner:
        return name
    plain = re.fullmatch(r"[A-Za-z_]\w*", name) is not None
    return quoted(name) if within or (not plain and "`" in name) else name


def _identifier(text: str, otherwise: str) -> str:
    name = re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_")
    return name if re.match(r"[A-Za-z]", name) else otherwise


def _text(text: str) -> str:
    """A YAML scalar: bare where it can be nothing else."""
    bare = re.fullmatch(r"[A-Za-z_./][\w./-]*", text) is not None
    return (
        text
        if bare and text.lower() not in ("true", "false", "yes", "no", "on", "off", "null", "y", "n")
        else json.dumps(text, ensure_ascii=False)
    )


def _root(paths: Sequence[str]) -> str:
    return os.path.commonpath([os.path.dirname(os.path.abspath(path)) for path in paths])
