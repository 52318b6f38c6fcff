"""Text files that Spark's own readers cannot read right, read whole in Python: one task per file, in Arrow batches."""

from __future__ import annotations

import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Protocol

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql.types import StructType

from ralm.errors import DataError
from ralm.ingest.json_heads import second_value
from ralm.ingest.json_text import with_numbers_as_texts
from ralm.ingest.recognition import opened
from ralm.ingest.text_records import Style, records

_ROWS = 10_000


class Form(Protocol):
    """How files are stored, and the folders above them."""

    @property
    def encoding(self) -> str:
        """Of their text."""

    @property
    def compression(self) -> str:
        """Empty: none."""

    @property
    def keys(self) -> tuple[str, ...]:
        """Columns of the frame that hold the values of the folders."""


def as_lines(files: DataFrame, schema: StructType, form: Form) -> DataFrame:
    """The lines of files.

    Args:
        files: `path`, `content` and the columns of the folders.
        schema: `value` and the columns of the folders.
    """
    return files.mapInArrow(_batches(schema.names, form, lambda lines: ([line] for line in lines)), schema)


def as_written(lines: DataFrame) -> DataFrame:
    """Lines of JSON (value) with their numbers as texts: Spark writes those of lines anew, 12345670.0 as 1.234567E7."""

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            texts = [None if line is None else with_numbers_as_texts(line) for line in batch.column(0).to_pylist()]
            yield pa.record_batch([pa.array(texts, pa.string())], names=["value"])

    return lines.select("value").mapInArrow(read, "value string")


def as_second_values(files: DataFrame, schema: StructType, form: Form) -> DataFrame:
    """What follows the first JSON value of files, where something does; arguments as of `as_lines`."""

    def rows(lines: Iterator[str]) -> Iterator[list[str | None]]:
        if (found := second_value(lines)) is not None:
            yield [found]

    return files.mapInArrow(_batches(schema.names, form, rows), schema)


def as_records(files: DataFrame, schema: StructType, form: Form, style: Style, headed: bool, null: str) -> DataFrame:
    """The records of delimited files; one that cannot be read has its text in the last column before the folders'.

    Args:
        files: `path`, `content` and the columns of the folders.
        schema: the cells' columns, the one of unreadable text, and the columns of the folders.
        headed: the first record is the header.
        null: a cell that means nothing, beside the empty one.
    """
    width = len(schema.names) - 1 - len(form.keys)

    def rows(lines: Iterator[str]) -> Iterator[list[str | None]]:
        found = records(lines, style, width)
        for cells, text in islice(found, 1 if headed else 0, None):
            if cells is None:
                yield [*[None] * width, text]
            else:
                yield [*[cell if cell not in ("", null) else None for cell in cells], None]

    return files.mapInArrow(_batches(schema.names, form, rows), schema)


def _batches(
    names: list[str], form: Form, rows_of: Callable[[Iterator[str]], Iterator[list[str | None]]]
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    encoding, compression, keys = form.encoding, form.compression, form.keys
    types = pa.schema([(name, pa.string()) for name in names])

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for file in batch.to_pylist():
                stream = opened(io.BytesIO(file["content"]), compression)
                text = io.TextIOWrapper(io.BufferedReader(stream), encoding, errors="replace")  # type: ignore[type-var]
                rows = rows_of(line.rstrip("\n").lstrip("\ufeff") for line in text)
                try:
                    while chunk := list(islice(rows, _ROWS)):
                        columns = [pa.array(column, pa.string()) for column in zip(*chunk, strict=True)]
                        columns += [pa.array([file[key]] * len(chunk), pa.string()) for key in keys]
                        yield pa.RecordBatch.from_arrays(columns, schema=types)
                except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
                    raise DataError(f"{file['path']}: its {compression} is cut off or damaged: replace it") from error

    return read
