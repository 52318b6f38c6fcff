"""What a list's file is, by its content: unpacked, decoded, and taken apart into cells. No Spark here.

Compression, encoding, JSON, Excel and the separator of columns are recognised by the bytes.
"""

from __future__ import annotations

import csv
import io
import json
import lzma
import re
import zipfile
import zlib
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from ralm.errors import DataError, is_unicode
from ralm.ingest.byte_order import marked
from ralm.ingest.json_heads import BY_COLUMNS, by_columns
from ralm.ingest.json_text import lines_of, parsed
from ralm.ingest.list_workbook import workbook_rows
from ralm.ingest.recognition import SEPARATORS, ZIP, compression_of, encoding_of, foreign, opened, separator_of

# Bytes of an unpacked list that the driver holds at most; a longer list is for Parquet or Delta.
LARGEST = 2**30
# Lines that tell the separator.
LOOKED_AT = 200
# By a file in their archives, spreadsheets that are not read.
_WORKBOOKS = {"mimetype": "an OpenDocument spreadsheet", "xl/workbook.bin": "a binary Excel workbook (.xlsb)"}


@dataclass(frozen=True)
class Cells:
    """A list's file as cells.

    Attributes:
        rows: of cells, without empty rows; with `names`, in their order.
        names: of the columns, where the format has names; None: the first row may be a header.
        form: what the file was taken for, for messages.
        ascii_only: the encoding is unknown, so only ASCII cells can be trusted.
    """

    rows: list[list[str]]
    names: list[str] | None
    form: str
    ascii_only: bool = False


def read_cells(content: bytes, name: str) -> Cells:
    """The cells of a file.

    Args:
        content: the file's bytes.
        name: the file, for the errors.

    Raises:
        DataError: it is damaged, of another format, or its lines have different numbers of cells.
        ConfigError: it is an Excel workbook, and the reader of workbooks is not installed.
    """
    content, packed = _unpacked(content, name)
    if content.startswith(ZIP):
        rows, sheet = workbook_rows(content, name)
        return Cells(_filled(rows), None, f"an Excel workbook, sheet '{sheet}'{packed}")
    if what := foreign(content):
        raise DataError(f"list {name}: it is {what}")
    text, encoding, sure = _decoded(content, name)
    where = f"{encoding}{packed}"
    found = _json_cells(text, name, where)
    if found is not None:
        return found
    if re.match(r"\s*<(!doctype|html|\?xml|table)", text, re.IGNORECASE):
        raise DataError(f"list {name}: it is an HTML or XML page: save it as CSV or .xlsx")
    rows, separator = _split(text, name)
    form = f"CSV with {SEPARATORS[separator]} between its columns" if separator else "text with one id per line"
    return Cells(rows, None, f"{form}, {where}", ascii_only=not sure)


def _unpacked(content: bytes, name: str) -> tuple[bytes, str]:
    told = ""
    for _ in range(3):  # a file packed twice is still read
        if kind := compression_of(content):
            try:
                with opened(io.BytesIO(content), kind) as packed:
                    content = packed.read(LARGEST + 1)
            except (OSError, EOFError, zlib.error, lzma.LZMAError, pa.ArrowException) as error:
                raise DataError(f"list {name}: it is damaged: not all of its {kind} content can be unpacked") from error
        elif content.startswith(ZIP) and (inner := _only_member(content, name)) is not None:
            kind, content = "zip", inner
        else:
            break
        told = f", packed by {kind}"
    if len(content) > LARGEST:
        raise DataError(f"list {name}: over {LARGEST >> 20:,} MiB when unpacked; write the list as Parquet")
    return content, told


def _only_member(content: bytes, name: str) -> bytes | None:
    """The one file of a zip archive; None: it is an Excel workbook."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
            if other := _WORKBOOKS.get(next((one for one in names if one in _WORKBOOKS), "")):
                raise DataError(f"list {name}: it is {other}: save it as .xlsx or CSV")
            if "[Content_Types].xml" in names:
                return None
            files = [n for n in names if not n.endswith("/") and not n.startswith("__MACOSX")]
            if len(files) != 1:
                raise DataError(f"list {name}: a zip archive of {len(files)} files; give one of them")
            with archive.open(files[0]) as member:
                return member.read(LARGEST + 1)
    except DataError:
        raise
    except Exception as error:  # zipfile raises whatever its parsers and decompressors do
        raise DataError(f"list {name}: its zip archive cannot be opened ({error}); give the file inside") from error


def _decoded(content: bytes, name: str) -> tuple[str, str, bool]:
    """(text, encoding, whether the encoding is known)."""
    encoding = encoding_of(content)
    sure = True
    try:
        text = content.decode(encoding or "utf-8")
    except UnicodeDecodeError as error:
        if marked(content):
            raise DataError(f"list {name}: not all of it is {encoding}, as it begins; save it in UTF-8") from error
        # Zero bytes, by which UTF-16 was guessed, are in what this gives too, and say that it is no text.
        text, encoding, sure = content.decode("latin-1"), "not UTF-8", False
    if "\x00" in text:
        raise DataError(f"list {name}: a binary file of no known format; give CSV, JSON, .xlsx, text or Parquet")
    shown = {None: "UTF-8", "utf-8-sig": "UTF-8"}.get(encoding, encoding)
    return text, str(shown).upper() if sure else str(shown), sure


def _scalar(value: Any, name: str) -> str:
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str):
        raise DataError(f"list {name}: JSON with a value that is no id: {json.dumps(value)[:60]}")
    return _writable(value, name)


def _writable(text: str, name: str) -> str:
    """The text; half a character, which JSON can hold as an escape and no table can, is refused."""
    if not is_unicode(text):
        raise DataError(f"list {name}: {text[:60]!r} has half a character")
    return text


def _json_cells(text: str, name: str, where: str) -> Cells | None:
    """Cells of a JSON array or of JSON lines; None: it is no JSON."""
    begun = text.lstrip()[:1]
    if begun not in ("[", "{"):
        return None
    if by_columns(text):
        raise DataError(f"list {name}: it {BY_COLUMNS}")
    # Numbers stay as they are written: 007 is no number, and 12345678901234567890 must keep its digits.
    numbers: dict[str, Any] = {"parse_int": str, "parse_float": str, "parse_constant": lambda _: None}
    form = f"a JSON array, {where}"
    try:
        found = parsed(text, **numbers)
        if isinstance(found, dict):
            form, found = f"JSON lines, {where}", [found]
    except ValueError:
        lines, form = [line for line in lines_of(text) if line.strip()], f"JSON lines, {where}"
        try:
            found = [parsed(line, **numbers) for line in lines]
        except ValueError as error:
            try:
                parsed(lines[0])
            except ValueError:
                if begun == "{" and '"' not in lines[0]:  # an id in braces, as some systems write theirs
                    return None
            raise DataError(f"list {name}: it begins as JSON and is none: {error}") from error
    if all(not isinstance(entry, dict) for entry in found):
        return Cells([[_scalar(entry, name)] for entry in found], ["id"], form)
    if not all(isinstance(entry, dict) for entry in found):
        raise DataError(f"list {name}: JSON of objects and plain values mixed")
    names = list(dict.fromkeys(key for entry in found for key in entry))
    # A value that is no id is an error only in the column of ids.
    rows = [[_writable(v, name) if isinstance(v := e.get(n), str) else _other(v) for n in names] for e in found]
    return Cells(rows, [_writable(n, name) for n in names], form)


def _other(value: Any) -> str:
    return "" if value is None else json.dumps(value)


def _split(text: str, name: str) -> tuple[list[list[str]], str]:
    """(rows, separator); the separator is empty where each line is one cell."""
    given = re.match(r"sep=(.)\r?\n", text)  # Excel's own first line
    if given:
        return _delimited(text[given.end() :], given[1], name), given[1] if given[1] in SEPARATORS else ","
    head = [line for line in re.split(r"\r\n|\r|\n", text[:200_000]) if line.strip()][:LOOKED_AT]
    if len(text) > 200_000:
        head = head[:-1]
    separator = separator_of(head)
    separator = separator if head and separator in head[0] else ""  # a line more than the first has is an error
    return _delimited(text, separator or None, name), separator


def _delimited(text: str, separator: str | None, name: str) -> list[list[str]]:
    reader = csv.reader(io.StringIO(text, newline=None), delimiter=separator or "\x1f", strict=True)
    rows: list[list[str]] = []
    width = 0
    try:
        for row in reader:
            while len(row) > max(1, width) and not row[-1].strip():
                row.pop()
            if not any(cell.strip() for cell in row):
                rows += [[""]] if rows else []  # an empty line is counted, but is no header
                continue
            width = width or len(row)
            if len(row) > width:
                raise DataError(f"list {name}: line {reader.line_num} has {len(row)} cells, the first line {width}")
            rows.append(row)
    except csv.Error as error:
        raise DataError(f"list {name}: line {reader.line_num}: quotes left open or out of place ({error})") from error
    return rows


def _filled(rows: list[list[str]]) -> list[list[str]]:
    return [row for row in rows if any(cell.strip() for cell in row)]
