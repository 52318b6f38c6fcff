"""What a file is by its first bytes, for logs, lists of users and suggestions: compression, encoding, separator.

The ending of a file's name says little: spreadsheets, mail programs and browsers give any.
"""

from __future__ import annotations

import bz2
import codecs
import csv
import gzip
import lzma
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import IO, cast

import pyarrow as pa

from ralm.ingest.byte_order import MARKS

# What is between cells, most telling first, and its name.
SEPARATORS = {"\t": "tabs", ";": "semicolons", ",": "commas", "|": "bars"}
_COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\xfd7zXZ\x00": "xz",
    b"\x04\x22\x4d\x18": "lz4",
}
ZIP = b"PK\x03\x04"
_FOREIGN = {
    b"PAR1": "a Parquet file: format: parquet",
    ZIP: "a zip archive or an Excel file: unpack it, or save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "an Excel workbook of the old form (.xls): save it as CSV or .xlsx",
    b"ORC": "an ORC file: write it as Parquet or CSV",
    b"Obj\x01": "an Avro file: write it as Parquet or CSV",
    b"SQLite format": "an SQLite database: export the table as CSV",
    b"ARROW1": "an Arrow file: write it as Parquet or CSV",
    b"\xff\x06\x00\x00sNaPpY": "compressed with Snappy: compress it with gzip",
    b"%PDF": "a PDF: export the table as CSV",
    b"version https://git-lfs": "a pointer of Git LFS, not the file: run git lfs pull",
    **dict.fromkeys((b"<!DOCTYPE html", b"<!doctype html", b"<html"), "an HTML or XML page: save it as CSV or .xlsx"),
}


def compression_of(content: bytes) -> str:
    """The compression of bytes; empty: none that is known."""
    return next((name for magic, name in _COMPRESSED.items() if content.startswith(magic)), "")


def foreign(content: bytes) -> str | None:
    """What a file is that is no text, with the remedy; None: it may be text."""
    if content[257:262] == b"ustar":
        return "a tar archive: unpack it"
    return next((what for magic, what in _FOREIGN.items() if content.startswith(magic)), None)


def opened(raw: IO[bytes], compression: str) -> IO[bytes]:
    """The decompressed content of a file, as a stream."""
    if compression == "gzip":
        return cast(IO[bytes], gzip.open(raw))
    if compression == "bzip2":
        return bz2.open(raw)
    if compression == "xz":
        return lzma.open(raw)
    return pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), compression) if compression else raw


def encoding_of(content: bytes) -> str | None:
    """The encoding that text shows: by its byte-order mark, or UTF-16 by its zero bytes; None: it shows none."""
    for mark, name in MARKS:
        if content.startswith(mark):
            return name
    sample = content[:4096]
    if len(sample) < 4:
        return None
    even, odd = sample[0::2].count(0) / len(sample) * 2, sample[1::2].count(0) / len(sample) * 2
    if max(even, odd) > 0.4 and min(even, odd) <= max(even, odd) / 8:
        return "utf-16-le" if odd > even else "utf-16-be"
    return None


def is_utf8(encoding: str) -> bool:
    """Whether Spark's own readers, which split lines at bytes, read it as it is."""
    return codecs.lookup(encoding).name in ("utf-8", "utf-8-sig", "ascii")


def separator_of(lines: Sequence[str], separators: Iterable[str] = SEPARATORS) -> str:
    """The separator that cuts most lines into the same number of cells, the larger number if two do.

    Args:
        lines: the first ones of a file, without blank ones.
        separators: those to look for; of equals, the first.

    Returns:
        Empty: none cuts half of the lines alike.
    """
    best, found = (0.0, 1), ""
    for separator in separators:
        if len(separator) > 1:
            widths = [line.count(separator) + 1 for line in lines]
        else:
            widths = [len(row) for row in csv.reader(lines, delimiter=separator) if row]
        if not widths:
            continue
        width, times = Counter(widths).most_common(1)[0]
        score = (round(times / len(widths), 1), width)
        if width > 1 and 2 * times >= len(widths) and score > best:
            best, found = score, separator
    return found
