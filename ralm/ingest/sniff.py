"""What a file is, from its first bytes: format, compression, encoding, separator, header, columns with some values."""

from __future__ import annotations

import codecs
import csv
import glob
import io
import itertools
import lzma
import re
import zlib
from collections import Counter
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa

from ralm.errors import DataError, MissingInputError
from ralm.ingest.ids import without_formula
from ralm.ingest.looked import Cells, Looked
from ralm.ingest.looked_nested import look_at_json, look_at_parquet
from ralm.ingest.names import clean_name
from ralm.ingest.recognition import SEPARATORS, compression_of, encoding_of, foreign, opened, separator_of
from ralm.ingest.text_records import blanks_before_quotes
from ralm.ingest.value_kinds import is_number, time_format_of

# Bytes and rows looked at: a guess, to be corrected by hand.
_BYTES, _ROWS = 1_000_000, 2_000
# Columns; guessing at more takes minutes, and there are more where lines do not end as the reader thinks.
_WIDEST = 2_000
_SEPARATORS = ("::", *SEPARATORS, "\x01", "^")
_ABOVE = (
    "stand above the rows that they are about: write them into the rows, such as by "
    """awk '/:\\r?$/ {sub(":.*", ","); id = $0; next} {print id $0}'"""
)

_WEB = re.compile(r'\S+ \S+ \S+ \[\d\d/\w{3}/\d{4}:[^\]]*\] "')
_WEB_LOG = (
    "it is the log of a web server: give it `format: text`, and expressions such as user_id: split(value, ' ')[0], "
    "item_id: split(value, ' ')[6], shown_at: regexp_extract(value, r'\\[([^\\]]*)', 1) with time_format: "
    "dd/MMM/yyyy:HH:mm:ss Z"
)


def look(path: str) -> Looked:
    """Look at a file, at the first of a folder, or at the first that a pattern matches.

    Raises:
        MissingInputError: there is none.
        DataError: it is empty, or no table.
    """
    files = _files(path)
    looked = _look(path, files[0])
    _not_too_wide(path, len(looked.columns))
    if (Path(path) / "_delta_log").is_dir():
        return replace(looked, format="delta", options={}, why="a Delta table")
    folders = _folders(path, files)
    why = f"{looked.why}, in folders named {', '.join(f'{key}=…' for key in folders)}" if folders else looked.why
    return replace(looked, columns=looked.columns | folders, why=why)


def _not_too_wide(path: str, width: int) -> None:
    if width > _WIDEST:
        raise DataError(f"{path}: {width:,} columns, at most {_WIDEST:,} are guessed at; do its lines end rightly?")


def _look(path: str, file: Path) -> Looked:
    start = file.read_bytes()[:4] if file.stat().st_size < 4 else _head(file, 4)
    if start == b"PAR1":
        return look_at_parquet(path, file, _ROWS)
    content = _content(file)
    if what := foreign(content):
        raise DataError(f"{path}: it is {what}")
    if not content.strip():
        raise DataError(f"{path}: the file is empty")
    text, encoding = _decoded(path, content)
    if text.lstrip()[:1] in ("{", "["):
        return look_at_json(path, text, _ROWS)
    return _separated(path, text, encoding)


def _head(file: Path, count: int) -> bytes:
    with file.open("rb") as start:
        return start.read(count)


def _files(path: str) -> list[Path]:
    """The files that a path means, without hidden and empty ones; of a Delta table also old ones."""
    if Path(path).is_file():
        return [Path(path)]
    folder = Path(path) if Path(path).is_dir() else None
    found = sorted(folder.rglob("*")) if folder else sorted(map(Path, glob.glob(path)))
    shown = [file for file in found if not _hidden(file.relative_to(folder).parts if folder else (file.name,))]
    files = [file for file in shown if file.is_file() and file.stat().st_size]
    if not files:
        raise MissingInputError(f"{path}: no such file, or nothing in it")
    return files


def _hidden(parts: tuple[str, ...]) -> bool:
    return any(part.startswith(".") or (part.startswith("_") and "=" not in part) for part in parts)


def _folders(path: str, files: list[Path]) -> dict[str, Cells]:
    """The columns of folders named key=value, with a value per file."""
    if not Path(path).is_dir():
        return {}
    found: dict[str, Cells] = {}
    for file in files[:_ROWS]:
        for part in file.relative_to(path).parts[:-1]:
            key, equals, value = part.partition("=")
            if equals and key and value:
                found.setdefault(key, []).append(unquote(value))
    return found


def _content(file: Path) -> bytes:
    try:
        with file.open("rb") as raw, opened(raw, compression_of(_head(file, 8))) as stream:
            return bytes(stream.read(_BYTES))
    except (OSError, EOFError, zlib.error, lzma.LZMAError, pa.ArrowException) as error:
        raise DataError(f"{file}: cannot be read: {error}") from error


def _decoded(path: str, content: bytes) -> tuple[str, str]:
    """(text, encoding): one that the reader finds by itself, or ISO-8859-1 or windows-1252."""
    encoding = encoding_of(content) or "utf-8"
    decoder = codecs.getincrementaldecoder(encoding)(errors="strict" if encoding == "utf-8" else "replace")
    try:
        text = decoder.decode(content, final=len(content) < _BYTES)
    except UnicodeDecodeError:
        if b"\0" in content:
            raise DataError(f"{path}: it holds binary data; known are parquet, csv, tsv and jsonl") from None
        # Bytes that are no letters in ISO-8859-1 are quotes, dashes and the euro sign in Windows.
        western = "windows-1252" if re.search(rb"[\x80-\x9f]", content) else "ISO-8859-1"
        return content.decode("cp1252", errors="replace"), western
    return text, "UTF-8" if encoding.startswith("utf-8") else encoding.upper()


def _separated(path: str, text: str, encoding: str) -> Looked:
    lines = [line for line in re.split(r"\r\n|\n|\r", text.lstrip("\ufeff")) if line.strip()]
    lines = lines[1 if len(lines) > 1 and re.match("(?i)sep=.", lines[0]) else 0 :][: _ROWS + 1]
    if sum(_WEB.match(line) is not None for line in lines) > len(lines) / 2:
        raise DataError(f"{path}: {_WEB_LOG}")
    separator = separator_of(lines, _SEPARATORS) or separator_of(lines, " ") or ","
    blanks = blanks_before_quotes(lines, separator, '"')
    if separator == "::":
        rows = [line.split("::") for line in lines]
    else:
        rows = list(csv.reader(io.StringIO("\n".join(lines)), delimiter=separator, skipinitialspace=blanks))
    plain = [line.split(separator) for line in lines]
    unquoted = _quotes_mean_nothing(rows, plain)
    rows = [row for row in (plain if unquoted else rows) if any(cell.strip() for cell in row)]
    if not rows:
        raise DataError(f"{path}: no line of it holds a cell")
    if sum(len(row) == 1 and re.fullmatch(r"\S+:", row[0].strip()) is not None for row in rows[:-1]) >= min(
        2, len(rows)
    ):
        raise DataError(f"{path}: lines such as '{rows[0][0]}' {_ABOVE}")
    rows, titles = _evened(rows)
    width = len(rows[0])
    _not_too_wide(path, width)
    named = _is_header(rows)
    names = [clean_name(name) or f"_c{place}" for place, name in enumerate(rows[0])]
    again = [name.lower() for name in names]  # as the reader calls them: a name that comes twice is no name
    names = [f"{name}{place}" if again.count(name.lower()) > 1 else name for place, name in enumerate(names)]
    names = names if named else [f"_c{place}" for place in range(width)]
    body = [row for row in rows[1 if named else 0 :] if len(row) == width and not (named and row == rows[0])]
    if not body:
        raise DataError(f"{path}: there are no rows below its header {', '.join(names)}")
    if width == 1:
        raise DataError(
            f"{path}: one cell in each line, such as '{rows[-1][0][:60]}': no separator was found (known are tabs, "
            "blanks and , ; | :: ^); lines of other forms are read by `format: text` and expressions of its column "
            "`value`"
        )
    columns: dict[str, list[str | None]] = {
        name: [without_formula(row[i].strip()) or None for row in body] for i, name in enumerate(names)
    }
    options = {} if separator in (",", "\t") else {"sep": separator}
    options |= {} if named else {"header": "false"}
    options |= {"ignoreLeadingWhiteSpace": "true"} if blanks else {}
    options |= {"quote": ""} if unquoted else {}
    options |= {"encoding": encoding} if encoding in ("ISO-8859-1", "windows-1252") else {}
    said = {"\t": "tabs", ",": "commas"}.get(separator, repr(separator))
    why = f"text in {encoding}, cells separated by {said}, {'a header line' if named else 'no header line'}"
    why += f" below {titles} lines of titles" if named and titles else ""
    return Looked(path, "tsv" if separator == "\t" else "csv", options, columns, why=why)


def _quotes_mean_nothing(rows: list[list[str]], plain: list[list[str]]) -> bool:
    """Whether quotes are letters, such as inches: without them more lines have the usual number of cells.

    Args:
        rows: cells where quotes count.
        plain: those of lines cut at every separator.
    """
    cells = [cell for row in plain for cell in row]
    if 10 * sum(len(cell) > 1 and cell[0] == cell[-1] == '"' for cell in cells) > len(cells):
        return False
    fits = [Counter(map(len, cut)).most_common(1)[0][1] for cut in (rows, plain) if cut]
    return len(fits) == 2 and fits[1] > 1.02 * fits[0]


def _evened(rows: list[list[str]]) -> tuple[list[list[str]], int]:
    """The rows from the first that has as many cells as most have, and how many lines of titles stand above it.

    Separators at the ends of rows make no column.
    """
    width = Counter(map(len, rows)).most_common(1)[0][0]
    if width > 1 and sum(len(row) == width and not row[-1].strip() for row in rows) >= 0.9 * len(rows):
        rows = [row[:-1] if len(row) == width and not row[-1].strip() else row for row in rows]
        width -= 1
    filled = (sum(bool(cell.strip()) for cell in row) for row in rows)
    fits = [len(row) == width and 2 * cells >= width for row, cells in zip(rows, filled, strict=True)]
    start = fits.index(True) if any(fits) else 0
    return rows[start:], start


def _is_header(rows: list[list[str]]) -> bool:
    """Whether the first row names the columns: none of its cells is like the values below it."""
    first, below = rows[0], [row for row in rows[1:] if len(row) == len(rows[0])]
    if not below:
        return not any(is_number(cell) for cell in first)
    if any(is_number(cell) for cell in first):
        return False
    for place, cell in enumerate(first):
        values = [row[place] for row in below if row[place]]
        if (
            values
            and time_format_of([cell]) is None
            and (all(map(is_number, values)) or time_format_of(values) is not None)
        ):
            return True
    if len({cell.strip().lower() for cell in first}) < len(first):
        return False
    known = {shape(row[place]) for row in below for place in range(len(first))}
    return not any(shape(cell) in known and any(map(str.isdigit, cell)) for cell in first)


def shape(text: str) -> str:
    """What a text is made of: letters, digits, other characters, in their order."""
    kinds = ("9" if c.isdigit() else "a" if c.isalpha() else c for c in text.strip())
    return "".join(kind for kind, _ in itertools.groupby(kinds))
