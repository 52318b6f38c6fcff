"""Text files that are alike, loaded together: as lines, as bytes, or by one of Spark's readers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StringType, StructField, StructType

from ralm.ingest.expressions import column_of
from ralm.ingest.heads import Head
from ralm.ingest.recognition import is_utf8
from ralm.ingest.whole_files import as_lines, as_second_values


@dataclass(frozen=True)
class Layout:
    """What files must share to be read together."""

    base: str
    keys: tuple[str, ...]
    columns: tuple[str, ...]
    encoding: str
    native: bool
    compression: str


def lines_of(spark: SparkSession, heads: list[Head]) -> list[tuple[Layout, DataFrame]]:
    """The lines of files in the column `value`, with the columns of their folders, a frame per layout."""
    found = []
    for layout, paths, schema in _groups(heads, whole=False):
        if layout.native:
            found.append((layout, load(spark, "text", paths, schema, {}, layout.base)))
        else:
            found.append((layout, as_lines(bytes_of(spark, paths, layout), schema, layout)))
    return found


def second_values(spark: SparkSession, heads: list[Head]) -> list[DataFrame]:
    """What follows the first JSON value of a file, in the column `value`; files with one value give no row."""
    return [
        as_second_values(bytes_of(spark, paths, layout), schema, layout)
        for layout, paths, schema in _groups(heads, whole=True)
    ]


def _groups(heads: list[Head], whole: bool) -> Iterator[tuple[Layout, list[str], StructType]]:
    """Files that are read together, with the columns of what is read: `value` and their folders'.

    Args:
        whole: as bytes, so that none of them is decompressed by Spark.
    """
    groups: dict[Layout, list[str]] = defaultdict(list)
    for head in heads:
        native = not whole and head.native and is_utf8(head.encoding)
        compression = "" if native else head.compression
        layout = Layout(head.file.base, head.file.keys, ("value",), head.encoding, native, compression)
        groups[layout].append(head.file.path)
    for layout, paths in groups.items():
        yield layout, paths, StructType([StructField(name, StringType()) for name in ("value", *layout.keys)])


def bytes_of(spark: SparkSession, paths: list[str], layout: Layout) -> DataFrame:
    """`path`, `content` and the columns of the folders, a row per file."""
    schema = "path string, modificationTime timestamp, length bigint, content binary"
    schema += "".join(f", `{key}` string" for key in layout.keys)
    return load(spark, "binaryFile", paths, schema, {}, layout.base).select(
        "path", "content", *map(column_of, layout.keys)
    )


def load(
    spark: SparkSession,
    form: str,
    paths: list[str],
    schema: StructType | str,
    options: dict[str, str],
    base: str | None = None,
) -> DataFrame:
    """The rows of files by one of Spark's readers; their names are no patterns."""
    reader = spark.read.schema(schema).options(**options).option("__globPaths__", "false")
    reader = reader.option("basePath", base) if base else reader.option("recursiveFileLookup", "true")
    return reader.format(form).load(paths)


def java_name(encoding: str) -> str:
    """The encoding as Spark's reader of cells calls it."""
    return "UTF-8" if is_utf8(encoding) else "ISO-8859-1"


def why_whole(head: Head) -> str:
    """Why Spark cannot read a file line by line."""
    if not is_utf8(head.encoding):
        return head.encoding.upper()
    return (
        "with quotes over several lines"
        if head.native
        else f"with {head.compression or 'no'} compression under this name"
    )
