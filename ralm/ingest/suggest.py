"""A first configuration from looking at files: what was guessed and why stands in its comments."""

from __future__ import annotations

import json
import os
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from ralm.config.time_formats import ISO
from ralm.ingest.click_columns import condition
from ralm.ingest.column_guesses import Roles
from ralm.ingest.column_words import CLICK, DONE, SHOWN, TIME, named, words_of
from ralm.ingest.item_columns import separator_of
from ralm.ingest.looked import Guess, Looked, quoted
from ralm.ingest.one_layout import together
from ralm.ingest.paired_rows import paired_rows
from ralm.ingest.sniff import look
from ralm.ingest.suggested_files import Joined, SuggestedFile, choose
from ralm.ingest.value_kinds import EXCEL, clock_pattern, excel_time, other_order


def suggestion(paths: Sequence[str]) -> str:
    """The YAML text.

    Args:
        paths: logs, and tables of users or of items, in any order.

    Raises:
        MissingInputError: a file that is not there.
        DataError: a file that is no table, or no file in which a user and an item were found.
    """
    root = _root(paths)
    choice = choose(together([look(path) for path in paths]), root)
    logs, timed = choice.logs, choice.logs[0].roles.time is not None
    shown = next((file for file in logs if _clicked(file)), logs[0])
    domain = _identifier(_stem(shown.path), "reading")
    if domain in ("user_id", "as_of", "numeric", "embedding"):
        domain = "reading"
    lines = [
        "# Written by `ingest --suggest`: a guess, to be corrected. Look at it with",
        "#     ./spark-submit.sh ingest --config THIS_FILE --dry-run",
        f"name: {_identifier(_stem(shown.path), 'mine')}",
        f"data_root: {_text(root)}",
        "ingest:",
    ]
    if not timed:
        lines.append("  untimed: true  # no column of times could be told")
        lines += [
            f"  # {name} has values such as {_text(next(filter(None, cells)))}: if they are times, see `time_format`"
            for name, cells in shown.looked.columns.items()
            if named(name, TIME) is not None and any(cells)
        ]
    lines.append("  events:  # what users did before: it describes them")
    domains = []
    for number, file in enumerate(logs):
        name = domain if file is shown else _identifier(_stem(file.path), f"domain{number}")
        name = name if name not in domains else f"{name}_{number}"
        domains.append(name)
        lines += _source(
            file, {"user_id": file.roles.user, "feature_id": file.roles.item}, "event_time", timed, name, True
        )
    lines.append("  impressions:  # what users were shown, and whether they clicked it")
    lines += _source(
        shown, {"user_id": shown.roles.user, "item_id": shown.roles.item}, "shown_at", timed, domain, False
    )
    if choice.catalogue is not None:
        lines += _items(choice.catalogue)
    for file, why in choice.left:
        lines.append(f"# {file.path} was left out: {why}; see `ingest.users`, `ingest.items`")
    return _printable("\n".join(lines) + "\n")


def _printable(text: str) -> str:
    """The text without signs that YAML refuses or takes for ends of lines: as its escapes, in quotes and comments."""
    return "".join(
        sign if sign.isprintable() or sign == "\n" else sign.encode("unicode_escape").decode() for sign in text
    )


def _items(file: SuggestedFile) -> list[str]:
    """The source of the items: their ids are those of the logs."""
    looked = file.looked
    lines = ["  items:  # what people know the items by", f"    path: {_text(file.path)}  # {looked.why}"]
    lines += [f"    {line}" for line in _form(looked)]
    about = file.described.get("categories")
    told = about is not None and about.column not in looked.lists
    separator = separator_of(about.column, looked.columns[about.column]) if about and told else None
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


def _source(
    file: SuggestedFile, ids: dict[str, Guess | None], time: str, timed: bool, domain: str, events: bool
) -> list[str]:
    looked, roles = file.looked, file.roles
    lines = [f"path: {_text(file.path)}  # {looked.why}", f"domain: {domain}", *_form(looked)]
    if looked.explode is not None:
        lines.append(f"explode: {_text(_column(looked, looked.explode))}  # each of its elements is a row")
    if file.join is not None:
        lines.append(_join(file.join))
    clicked = _clicked(file)
    if events and clicked:
        lines.append(f"where: {_text(clicked[0])}  # only what was clicked says something about a user")
    columns = [
        (name, _text(_column(looked, guess.column)), guess.why) for name, guess in ids.items() if guess is not None
    ]
    if roles.cut is not None and roles.item is not None:
        cells = _column(looked, roles.item.column, within=True)
        array = f"split({cells}, r'{roles.cut}')"  # empty parts make no rows
        lines.append(f"explode: {_text(array)}  # each cell seems to hold several")
        columns[1] = (columns[1][0], "element", columns[1][2])
    if timed and roles.time is not None:
        columns.append((time, _text(_moment(file)), (roles.clock or roles.time).why))
    if not events:
        if clicked:
            columns.append(("clicked", _text(clicked[0]), clicked[1]))
        else:
            lines.append("# no column of clicks was found: every row is taken for a click, and non-clicks are sampled")
            lines += [
                f"# {name} has the values {_few(cells)}, which are not understood as yes and no: map it as `clicked`"
                for name, cells in looked.columns.items()
                if (named(name, CLICK[:2]) is not None) and any(cells)
            ]
            if roles.flags:
                lines.append(f"# if one of these says what was clicked, map it as `clicked`: {', '.join(roles.flags)}")
            if roles.deed is not None:
                lines.append(
                    f"# {roles.deed.column} has the values {', '.join(roles.kinds)}: `where` keeps some of them"
                )
    lines.append("columns:")
    lines += [f"  {name}: {text}  # {why}" for name, text, why in columns]
    if not events and clicked:
        lines += _rows_twice(file)
    if timed and roles.time is not None and _pattern(file) not in ("", ISO):
        lines.append(f"time_format: {_text(_pattern(file))}  # {_day_first(roles)}")
    if timed and roles.time is not None and not (roles.time_format or "").startswith("epoch"):
        lines.append("# time_zone: Europe/Berlin  # if times without a zone are not UTC")
    first, indent = ("    - ", "      ") if events else ("    ", "    ")
    return [(first if number == 0 else indent) + line for number, line in enumerate(lines)]


def _join(join: Joined) -> str:
    parts = [f"path: {_text(join.file.path)}", *_form(join.file.looked), f"on: {_text(join.on)}"]
    parts.append(f"columns: [{', '.join(map(_text, join.columns))}]")
    return f"join: {{{', '.join(parts)}}}  # where the users are"


def _moment(file: SuggestedFile) -> str:
    """The column of times, or the expression that puts day and time of the day together."""
    roles, looked = file.roles, file.looked
    assert roles.time is not None
    if roles.time_format == EXCEL:
        return excel_time(_column(looked, roles.time.column, within=True))
    if roles.clock is None:
        return _column(looked, roles.time.column)
    day, clock = (_column(looked, guess.column, within=True) for guess in (roles.time, roles.clock))
    return f"concat({day}, ' ', {clock})"


def _pattern(file: SuggestedFile) -> str:
    """How the times are written, with the time of the day if it stands in a column of its own."""
    roles = file.roles
    if roles.clock is None:
        return "" if roles.time_format == EXCEL else roles.time_format or ""
    clock = clock_pattern([value for value in file.looked.columns[roles.clock.column] if value])
    day = roles.time_format or ISO
    if day == ISO:
        return f"yyyy-MM-dd {clock}" if clock.endswith("a") else ISO
    return f"{day} {clock}"


def _day_first(roles: Roles) -> str:
    other = other_order(roles.time_format or "")
    if other is None:
        return "by its values"
    return f"by its values; if {'months' if other.startswith('M') else 'days'} come first: {other}"


def _clicked(file: SuggestedFile) -> tuple[str, str] | None:
    """The condition of a click and why, if the file tells clicks from other rows."""
    roles = file.roles
    if roles.clicked is not None:
        column = _column(file.looked, roles.clicked.column, within=True)
        found = condition(column, file.looked.columns[roles.clicked.column])
        return found or f"try_cast({column} AS boolean)", roles.clicked.why
    if roles.rating is not None:
        least = _liked(roles.best)
        column = _column(file.looked, roles.rating.column, within=True)
        return (
            f"try_cast({column} AS double) >= {least:g}",
            f"{roles.rating.why}: the upper part of what goes up to {roles.best:g}",
        )
    if roles.deed is not None:
        done, shown = _done_and_shown(roles)
        if shown and done:
            named = ", ".join("'" + kind.replace("'", "\\'") + "'" for kind in done)
            why = f"{roles.deed.why}; its values: {', '.join(roles.kinds)}"
            return f"{_column(file.looked, roles.deed.column, within=True)} IN ({named})", why
    return None


def _done_and_shown(roles: Roles) -> tuple[list[str], list[str]]:
    """The values that say click, and those that say that something was shown."""
    done = [kind for kind in roles.kinds if DONE & set(words_of(kind))]
    return done, [kind for kind in roles.kinds if SHOWN & set(words_of(kind)) and kind not in done]


def _rows_twice(file: SuggestedFile) -> list[str]:
    """What is to be known of a log with a row for an impression and another for its click."""
    roles = file.roles
    if roles.clicked or roles.rating or roles.deed is None or roles.user is None or roles.item is None:
        return []
    columns = (roles.user.column, roles.item.column, roles.deed.column)
    both, clicks, rows = paired_rows(file.looked, columns, *_done_and_shown(roles))
    if 2 * both < clicks or not both:
        return []
    return [
        f"  # in {rows:,} rows, {both:,} of {clicks:,} clicks stand beside a row that says that the user was shown the",
        "  # item: in training, a pair counts once and a click wins; as impressions, both rows count",
    ]


def _liked(best: float) -> float:
    return 4 if best <= 5 else 7 if best <= 10 else 0.7 * best


def _column(looked: Looked, name: str, *, within: bool = False) -> str:
    """A column's name as a mapping has it; within an expression, names with other characters stand in backticks."""
    if name in looked.inner:
        return name
    plain = re.fullmatch(r"[A-Za-z_]\w*", name) is not None
    return quoted(name) if within or (not plain and "`" in name) else name


def _few(cells: Sequence[str | None]) -> str:
    return ", ".join(map(_text, list(dict.fromkeys(filter(None, cells)))[:4]))


def _stem(path: str) -> str:
    """The name of a file, or of files of one layout up to where they differ."""
    name = Path(path).name
    several = re.search(r"[*{]", name) is not None
    return re.split(r"\d|\*", name.lstrip("{"))[0] if several else name.partition(".")[0]


def _identifier(text: str, otherwise: str) -> str:
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    name = re.sub(r"\W+", "_", plain, flags=re.ASCII).strip("_")
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
