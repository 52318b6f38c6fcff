"""What a file is, from its first bytes: format, compression, encoding, separator, header, columns with some values."""

from __future__ import annotations

import bz2
import csv
import glob
import gzip
import io
import itertools
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from ralm.errors import DataError, MissingInputError
from ralm.ingest.value_kinds import is_number, time_format_of

# Bytes and rows looked at: a guess, to be corrected by hand.
_BYTES, _ROWS = 1_000_000, 2_000
_SEPARATORS = (",", ";", "\t", "|", "::")
_BOMS = ((b"\xef\xbb\xbf", "UTF-8"), (b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"))
# A name that an expression may use as it is.
_PLAIN = re.compile(r"[A-Za-z_]\w*", re.ASCII)


@dataclass(frozen=True)
class Looked:
    """A file (or the first of a folder's) as it was taken for.

    Attributes:
        path: as it was given.
        format: of `Source.format`.
        options: of Spark's reader.
        columns: name -> the values of some rows, as text; None: missing.
        typed: columns that hold timestamps or dates already.
        inner: columns that are fields of objects, such as `content.id`; an expression names them as they stand here.
        lists: columns that hold lists.
        why: what was looked at, in a phrase.
    """

    path: str
    format: str
    options: dict[str, str]
    columns: dict[str, list[str | None]]
    typed: set[str] = field(default_factory=set)
    inner: set[str] = field(default_factory=set)
    lists: list[str] = field(default_factory=list)
    why: str = ""


def look(path: str) -> Looked:
    """Look at a file, at the first of a folder, or at the first that a pattern matches.

    Raises:
        MissingInputError: there is none.
        DataError: it is empty, or no table.
    """
    file = _first(path)
    start = file.read_bytes()[:4] if file.stat().st_size < 4 else _head(file, 4)
    if start == b"PAR1":
        return _parquet(path, file)
    if start[:2] == b"PK":
        raise DataError(f"{path}: it is a ZIP archive or an Excel file: unpack it, or save the sheet as CSV")
    content = _content(file)
    if not content.strip():
        raise DataError(f"{path}: the file is empty")
    encoding, text = _decoded(path, content)
    if text.lstrip()[:1] == "{":
        return _jsonl(path, text)
    if text.lstrip()[:1] == "[":
        raise DataError(f"{path}: it is one JSON array: write JSON lines, one object per line (jq -c '.[]')")
    return _separated(path, text, encoding)


def _head(file: Path, count: int) -> bytes:
    with file.open("rb") as opened:
        return opened.read(count)


def _first(path: str) -> Path:
    if Path(path).is_file():
        return Path(path)
    found = sorted(Path(path).rglob("*")) if Path(path).is_dir() else sorted(map(Path, glob.glob(path)))
    files = [file for file in found if file.is_file() and not file.name.startswith((".", "_")) and file.stat().st_size]
    if not files:
        raise MissingInputError(f"{path}: no such file, or nothing in it")
    return files[0]


def _content(file: Path) -> bytes:
    start = _head(file, 4)
    opener: Any = gzip.open if start[:2] == b"\x1f\x8b" else bz2.open if start[:3] == b"BZh" else open
    try:
        with opener(file, "rb") as opened:
            return bytes(opened.read(_BYTES))
    except OSError as error:
        raise DataError(f"{file}: cannot be read: {error}") from error


def _decoded(path: str, content: bytes) -> tuple[str, str]:
    for mark, encoding in _BOMS:
        if content.startswith(mark):
            even = content[: len(content) // 2 * 2] if encoding == "UTF-16" else content
            return encoding, even.decode("utf-8-sig" if encoding == "UTF-8" else "utf-16", errors="replace")
    try:
        return "UTF-8", content.decode("utf-8") if len(content) < _BYTES else content[:-4].decode("utf-8", "ignore")
    except UnicodeDecodeError:
        if b"\0" in content:
            raise DataError(f"{path}: it holds binary data; known are parquet, csv, tsv and jsonl") from None
        return "ISO-8859-1", content.decode("cp1252", errors="replace")  # Spark knows no windows-1252


def _parquet(path: str, file: Path) -> Looked:
    opened = pq.ParquetFile(file)
    batch = next(opened.iter_batches(batch_size=_ROWS), None)
    if batch is None:
        raise DataError(f"{path}: the file has no rows")
    columns: dict[str, list[str | None]] = {}
    typed, inner, lists = set(), set(), list[str]()
    waiting = list(zip(batch.schema.names, batch.columns, strict=True))
    while waiting:
        name, values = waiting.pop(0)
        kind = str(values.type)
        if kind.startswith("struct"):
            start = name if name in inner or _PLAIN.fullmatch(name) else quoted(name)
            fields = [
                (f.name, f"{start}.{f.name if _PLAIN.fullmatch(f.name) else quoted(f.name)}") for f in values.type
            ]
            inner |= {place for _, place in fields}
            waiting += [(place, values.field(field_name)) for field_name, place in fields]
        elif kind.startswith(("list", "large_list")):
            lists.append(name)
        elif not kind.startswith("map"):
            columns[name] = [None if value is None else str(value) for value in _plain(values)]
            if kind.startswith(("timestamp", "date")):
                typed.add(name)
    return Looked(path, "parquet", {}, columns, typed, inner, lists, "a Parquet file")


def _plain(values: Any) -> list[Any]:
    """Python values; nanoseconds have none of their own."""
    return values.cast("int64").to_pylist() if "[ns" in str(values.type) else values.to_pylist()  # type: ignore[no-any-return]


def _jsonl(path: str, text: str) -> Looked:
    rows = []
    for line in itertools.islice(text.splitlines(), _ROWS):
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue  # the last line may be cut off
    rows = [row for row in rows if isinstance(row, dict)]
    if not rows:
        raise DataError(f"{path}: no line of it is a JSON object; known are parquet, csv, tsv and jsonl")
    inner: set[str] = set()
    flat = [_flat(row, inner) for row in rows]
    names = list(dict.fromkeys(name for row in flat for name in row))
    cells = {name: [row.get(name) for row in flat] for name in names}
    lists = [name for name, values in cells.items() if any(isinstance(v, list) for v in values)]
    columns = {
        name: [None if v is None else json.dumps(v).strip('"') for v in values]
        for name, values in cells.items()
        if name not in lists
    }
    return Looked(path, "jsonl", {}, columns, inner=inner, lists=lists, why="lines of JSON")


def _flat(row: dict[str, Any], inner: set[str], prefix: str = "") -> dict[str, Any]:
    """A row with the fields of its objects as cells of their own; the names of these go into `inner`."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        place = f"{prefix}{name if not prefix or _PLAIN.fullmatch(name) else quoted(name)}"
        if isinstance(value, dict):
            start = f"{place}." if prefix or _PLAIN.fullmatch(name) else f"{quoted(name)}."
            found |= {key: cell for key, cell in _flat(value, inner, start).items() if key not in row}
        else:
            found[place] = value
            if prefix:
                inner.add(place)
    return found


def quoted(name: str) -> str:
    """A name in backticks, as an expression has it."""
    return "`" + name.replace("`", "``") + "`"


def _separated(path: str, text: str, encoding: str) -> Looked:
    lines = text.splitlines()[: _ROWS + 1]
    separator = _separator(lines)
    source = io.StringIO("\n".join(lines))
    rows = (
        [line.split("::") for line in lines]
        if separator == "::"
        else list(csv.reader(source, delimiter=separator, doublequote=True))
    )
    rows = [row for row in rows if any(cell.strip() for cell in row)]
    width = Counter(len(row) for row in rows).most_common(1)[0][0]
    named = len(rows[0]) == width and _is_header(rows)
    names = rows[0] if named else [f"_c{place}" for place in range(width)]
    body = [row for row in rows[1 if named else 0 :] if len(row) == width]
    columns: dict[str, list[str | None]] = {
        name.strip(): [row[i] or None for row in body] for i, name in enumerate(names)
    }
    options = {} if separator in (",", "\t") else {"sep": separator}
    options |= {} if named else {"header": "false"}
    options |= {} if encoding == "UTF-8" else {"encoding": encoding}
    said = {"\t": "tabs", ",": "commas"}.get(separator, f"'{separator}'")
    why = f"text in {encoding}, cells separated by {said}, {'a header line' if named else 'no header line'}"
    return Looked(path, "tsv" if separator == "\t" else "csv", options, columns, why=why)


def _separator(lines: list[str]) -> str:
    """The separator that cuts most lines into the same number of cells, the larger number if two do."""
    best, found = (0.0, 0), ","
    for separator in _SEPARATORS:
        if separator == "::":
            widths = [line.count("::") + 1 for line in lines if line.strip()]
        else:
            widths = [len(row) for row in csv.reader(lines, delimiter=separator) if row]
        width, times = Counter(widths).most_common(1)[0]
        score = (round(times / len(widths), 1), width) if width > 1 else (0.0, 0)
        if score > best or (separator == "::" and width > 1 and score[0] >= best[0]):
            best, found = score, separator
    return found


def _is_header(rows: list[list[str]]) -> bool:
    """Whether the first row names the columns: none of its cells is like the values below it."""
    first, below = rows[0], [row for row in rows[1:] if len(row) == len(rows[0])]
    if not below:
        return not any(is_number(cell) for cell in first)
    if len({cell.strip().lower() for cell in first}) < len(first) or any(is_number(cell) for cell in first):
        return False
    for place, cell in enumerate(first):
        values = [row[place] for row in below if row[place]]
        if (
            values
            and time_format_of([cell]) is None
            and (all(map(is_number, values)) or time_format_of(values) is not None)
        ):
            return True
    known = {shape(row[place]) for row in below for place in range(len(first))}
    return not any(shape(cell) in known and any(map(str.isdigit, cell)) for cell in first)


def shape(text: str) -> str:
    """What a text is made of: letters, digits, other characters, in their order."""
    kinds = ("9" if c.isdigit() else "a" if c.isalpha() else c for c in text.strip())
    return "".join(kind for kind, _ in itertools.groupby(kinds))
