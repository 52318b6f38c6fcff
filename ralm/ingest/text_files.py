"""CSV, TSV, JSON lines and plain lines -> raw rows of text, each file by its own header, encoding and compression.

Files that are alike are read together. Spark's own readers take those that they read right: one line a record, UTF-8
(or an encoding of single bytes), gzip and bzip2 under their own endings. All others are read whole, one task per file.
"""

from __future__ import annotations

import re
from collections import defaultdict

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from ralm.config.place import Place
from ralm.errors import DataError
from ralm.ingest.alike_files import Layout, bytes_of, java_name, lines_of, load, why_whole
from ralm.ingest.expressions import CORRUPT
from ralm.ingest.expressions import column_of as _column
from ralm.ingest.files import Say, SourceFile
from ralm.ingest.headers import find_header, no_headings
from ralm.ingest.heads import Head, in_bytes, read_heads
from ralm.ingest.json_files import read_json
from ralm.ingest.names import mentioned
from ralm.ingest.text_records import Style, blanks_before_quotes, leaves_open, unescaped
from ralm.ingest.whole_files import as_records
from ralm.spark.errors import user_errors
from ralm.spark.frames import union

# Cells stay text until the mapping casts them: guessed types differ between the files of one log.
TEXT = {"header": "true", "inferSchema": "false", "quote": '"'}
_LARGEST = 2**31 - 1
_LOOKED_AT = 16


def read_text(
    spark: SparkSession,
    files: list[SourceFile],
    source: Place,
    setting: str,
    texts: list[str],
    say: Say,
    *,
    thin: bool = False,
) -> DataFrame:
    """The rows of text files; cells are strings, empty rows are left out.

    Args:
        texts: the expressions over the columns, to know which of them are needed.
        thin: only some rows will be looked at, so no file is read whole to know its columns or its quotes.

    Raises:
        DataError: a file that is no text, or whose header lacks a column that is needed and that other files have.
    """
    options = {key.lower(): value for key, value in source.options.items()}
    where = f"{setting}.path: {source.path}"
    heads = read_heads(spark, files, options.get("encoding") or options.get("charset"), where)
    for encoding in sorted({head.encoding for head in heads if head.encoding.startswith("utf-16")}):
        say(f"{setting}: read as {encoding.upper()}")
    if source.format in ("csv", "tsv"):
        return _read_cells(spark, heads, source, setting, texts, say, thin=thin)
    if source.format == "text":
        return _read_lines(spark, heads)
    return read_json(spark, heads, source, where, texts, thin=thin)


def _read_cells(
    spark: SparkSession,
    heads: list[Head],
    source: Place,
    setting: str,
    texts: list[str],
    say: Say,
    *,
    thin: bool,
) -> DataFrame:
    where = f"{setting}.path: {source.path}"
    given = {key.lower(): value for key, value in source.options.items()}
    separator = unescaped(given.pop("sep", given.pop("delimiter", "\t" if source.format == "tsv" else ",")))
    # A backslash begins a name of a character in Spark's options.
    options = {k.lower(): v for k, v in TEXT.items()} | given | {"sep": separator.replace("\\", "\\\\")}
    options.setdefault("escape", options["quote"] or '"')
    if "ignoreleadingwhitespace" not in given and blanks_before_quotes(
        (head.text for head in heads), separator, options["quote"]
    ):
        options["ignoreleadingwhitespace"] = "true"
        say(f"{setting}: blanks before opening quotes are left out (ignoreLeadingWhiteSpace)")
    trim = options.get("ignoreleadingwhitespace", "").lower() == "true"
    style = Style(separator, options["quote"], options["escape"], options.get("comment", ""), trim)
    headed = options["header"].lower() == "true"
    named = {head.file.path: find_header(head.text, head.whole, style, headed, texts) for head in heads}
    filled = [head for head in heads if named[head.file.path].filled] or heads[:1]
    if titles := [title for head in filled for title in named[head.file.path].titles]:
        say(f"{setting}: {len(titles)} lines above the header are left out, such as '{titles[0].strip()[:60]}'")
    if not any(named[head.file.path].names for head in filled):
        raise DataError(f"{where}: no columns found; the file is empty or not {source.format}")
    lines_apart = _spanning(spark, filled, style, options, thin=thin)
    groups: dict[Layout, list[Head]] = defaultdict(list)
    for head in filled:
        native = head.native and in_bytes(head.encoding) and head.file.path not in lines_apart
        if not native and head.file.size > _LARGEST:
            raise DataError(
                f"{where}: {head.file.name}: larger than 2 GB, and {why_whole(head)}: convert it, or split it"
            )
        layout = Layout(
            head.file.base,
            head.file.keys,
            named[head.file.path].names,
            head.encoding,
            native,
            "" if native else head.compression,
        )
        groups[layout].append(head)
    _same_columns(groups, where, texts)
    frames = []
    for layout, group in groups.items():
        rows = _cells(spark, layout, [head.file for head in group], style, options, headed)
        headers = [named[head.file.path] for head in group]
        frames.append(rows.where(no_headings(rows.columns[: len(layout.columns)], headers, where)) if headed else rows)
    return union(frames, missing=True)


def _spanning(spark: SparkSession, heads: list[Head], style: Style, options: dict[str, str], *, thin: bool) -> set[str]:
    """The files with a quote that is open at the end of a line; those longer than their head need a look inside."""
    found = {head.file.path for head in heads if options.get("multiline", "").lower() == "true"}
    if not style.quote:
        return found
    heads = [head for head in heads if head.native and in_bytes(head.encoding) and head.file.path not in found]
    found |= {
        head.file.path for head in heads if leaves_open(re.split(r"\r\n|\n|\r", head.text) if head.whole else [], style)
    }
    large = [head.file.path for head in heads if not head.whole]
    if not large or thin:
        return found
    lines = load(spark, "text", large, "value string", {})
    line = F.col("value")
    if style.escape not in (style.quote, ""):
        line = F.replace(line, F.lit(style.escape + style.quote), F.lit(""))
    odd = (F.length(line) - F.length(F.replace(line, F.lit(style.quote), F.lit("")))) % 2 == 1
    with user_errors("ingest"):
        open_ones = lines.where(odd).select(F.col("_metadata.file_path").alias("path")).distinct().collect()
    uris = {_uri(spark, path): path for path in large}
    return found | {uris[re.sub("^file:/+", "file:/", row["path"])] for row in open_ones}


def _uri(spark: SparkSession, path: str) -> str:
    jvm = spark._jvm
    assert jvm is not None
    return re.sub("^file:/+", "file:/", str(jvm.org.apache.hadoop.fs.Path(path).toUri().toString()))


def _same_columns(groups: dict[Layout, list[Head]], where: str, texts: list[str]) -> None:
    """A column that is needed is in all files, or in none (which the mapping finds)."""
    if len({layout.columns for layout in groups}) == 1:
        return
    known = {name.lower(): (name, heads[0]) for layout, heads in groups.items() for name in layout.columns}
    for layout, heads in groups.items():
        own = {name.lower() for name in (*layout.columns, *layout.keys)}
        for lower, (name, other) in known.items():
            if lower not in own and mentioned(name, texts):
                raise DataError(
                    f"{where}: {heads[0].file.name}: no column '{name}' in its header {', '.join(layout.columns)}, "
                    f"which {other.file.name} has: make them alike, or give them as two sources"
                )


def _cells(
    spark: SparkSession, layout: Layout, files: list[SourceFile], style: Style, options: dict[str, str], headed: bool
) -> DataFrame:
    folders = {*[key.lower() for key in layout.keys], CORRUPT}
    # A folder's value wins over a column of the same name, as does the text of rows that cannot be read.
    columns = [f"{name}_in_file" if name.lower() in folders else name for name in layout.columns]
    schema = StructType([StructField(name, StringType()) for name in (*columns, CORRUPT, *layout.keys)])
    paths = [file.path for file in files]
    if layout.native:
        fixed = {"columnNameOfCorruptRecord": CORRUPT, "encoding": java_name(layout.encoding), "multiLine": "false"}
        fixed |= {"unescapedQuoteHandling": "SKIP_VALUE"}
        rows = load(spark, "csv", paths, schema, options | fixed, layout.base)
    else:
        skipped = options.get("nullvalue", "")
        rows = as_records(bytes_of(spark, paths, layout), schema, layout, style, headed, skipped)
    only_ends = f"^[\\s{re.escape(style.separator)}{re.escape(style.quote or ' ')}]*$"
    # Cells behind the first ones are only looked at where these are empty, and all at once: a table may have thousands.
    blank = F.coalesce(
        *[F.nullif(F.trim(_column(name)), F.lit("")) for name in columns[:_LOOKED_AT]],
        F.nullif(F.trim(F.concat_ws("", *map(_column, columns[_LOOKED_AT:]))), F.lit("")),
    )
    return rows.where(blank.isNotNull() | (F.col(CORRUPT).isNotNull() & ~F.col(CORRUPT).rlike(only_ends)))


def _read_lines(spark: SparkSession, heads: list[Head]) -> DataFrame:
    rows = union((frame for _, frame in lines_of(spark, heads)), missing=True)
    return rows.where(F.trim("value") != "")
