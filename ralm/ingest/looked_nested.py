"""A first look at files with objects and lists in their rows: lines of JSON, and Parquet."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ralm.errors import DataError
from ralm.ingest.expressions import ELEMENT
from ralm.ingest.json_text import Decoder, parsed
from ralm.ingest.looked import PLAIN, Cells, Looked, quoted

# Where the next element of an array begins.
_NEXT = re.compile(r"[^\s,]")


def look_at_parquet(path: str, file: Path, rows: int) -> Looked:
    """The first rows of a Parquet file.

    Raises:
        DataError: it has none, or is damaged.
    """
    try:
        return _looked(path, file, rows)
    except (OSError, ValueError, OverflowError, pa.ArrowException) as error:
        raise DataError(f"{path}: the Parquet file cannot be read; it is damaged: {error}") from error


def _looked(path: str, file: Path, rows: int) -> Looked:
    batch = next(pq.ParquetFile(file).iter_batches(batch_size=rows), None)
    if batch is None:
        raise DataError(f"{path}: the file has no rows")
    columns: dict[str, Cells] = {}
    lists: dict[str, dict[str, Cells]] = {}
    typed, inner = set[str](), set[str]()
    for name, values in zip(batch.schema.names, batch.columns, strict=True):
        _columns(name, values, columns, lists, typed, inner)
    return Looked(path, "parquet", {}, columns, typed, inner, lists, "a Parquet file")


def _columns(
    name: str,
    values: Any,
    columns: dict[str, Cells],
    lists: dict[str, dict[str, Cells]],
    typed: set[str],
    inner: set[str],
) -> None:
    """Enter a column, or the fields of its objects, or what the elements of its lists give."""
    kind = values.type
    if pa.types.is_struct(kind):
        start = name if name in inner or PLAIN.fullmatch(name) else quoted(name)
        for one in kind:
            place = f"{start}.{one.name if PLAIN.fullmatch(one.name) else quoted(one.name)}"
            inner.add(place)
            _columns(place, values.field(one.name), columns, lists, typed, inner)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        lists[name] = {}
        _columns(ELEMENT, values.flatten(), lists[name], {}, typed, inner)
    elif not pa.types.is_map(kind):
        columns[name] = [None if value is None else str(value) for value in _plain(values)]
        if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
            typed.add(name)


def _plain(values: Any) -> list[Any]:
    """Python values; nanoseconds have none of their own."""
    return values.cast("int64").to_pylist() if "[ns" in str(values.type) else values.to_pylist()  # type: ignore[no-any-return]


def look_at_json(path: str, text: str, rows: int) -> Looked:
    """The first lines of JSON, or the first objects of an array or of one object over several lines.

    Raises:
        DataError: none of them is an object.
    """
    found = [] if text.lstrip().startswith("[") else _lines(text, rows)
    options = {}
    if not found:
        found, options = _values(text, rows), {"multiLine": "true"}
    found = [row for row in found if isinstance(row, dict) and row]
    if not found:
        raise DataError(f"{path}: no line of it is a JSON object; known are parquet, csv, tsv and jsonl")
    inner: set[str] = set()
    cells = _cells([_flat(row, inner) for row in found])
    lists = {name: values for name, values in cells.items() if any(isinstance(v, list) for v in values)}
    columns = {name: _texts(values) for name, values in cells.items() if name not in lists}
    elements = {name: _elements(values) for name, values in lists.items()}
    why = "JSON over several lines" if options else "lines of JSON"
    return Looked(path, "jsonl", options, columns, inner=inner, lists=elements, why=why)


def _lines(text: str, rows: int) -> list[Any]:
    found = []
    for line in itertools.islice(text.splitlines(), rows):
        try:
            found.append(parsed(line))
        except ValueError:
            continue  # the last line may be cut off
    return [row for row in found if isinstance(row, dict)]


def _values(text: str, rows: int) -> list[Any]:
    """The elements of an array, as far as the text goes, or the value that the text is."""
    text = text.strip().lstrip("\ufeff")
    decoder, found, place = Decoder(), list[Any](), 1
    if not text.startswith("["):
        try:
            return [parsed(text)]
        except ValueError:
            return []
    while len(found) < rows and (start := _NEXT.search(text, place)) is not None:
        try:
            value, place = decoder.raw_decode(text, start.start())
        except ValueError:
            break  # the end, or cut off
        found.append(value)
    return found


def _elements(values: list[Any]) -> dict[str, Cells]:
    """What the elements of lists give: a column per field of objects, else one of the elements themselves."""
    parts = [part for value in values if isinstance(value, list) for part in value if part is not None]
    rows = [_flat(part, set(), f"{ELEMENT}.") for part in parts if isinstance(part, dict)]
    cells = _cells(rows) if rows else {ELEMENT: [part for part in parts if not isinstance(part, list)]}
    return {name: _texts(found) for name, found in cells.items() if not any(isinstance(v, list) for v in found)}


def _cells(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def _texts(values: list[Any]) -> Cells:
    return [None if v is None else v if isinstance(v, str) else json.dumps(v) for v in values]


def _flat(row: dict[str, Any], inner: set[str], prefix: str = "") -> dict[str, Any]:
    """A row with the fields of its objects as cells of their own; the names of these go into `inner`."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        place = f"{prefix}{name if not prefix or PLAIN.fullmatch(name) else quoted(name)}"
        if isinstance(value, dict):
            start = f"{place}." if prefix or PLAIN.fullmatch(name) else f"{quoted(name)}."
            found |= {key: cell for key, cell in _flat(value, inner, start).items() if key not in row}
        else:
            found[place] = value
            if prefix:
                inner.add(place)
    return found
