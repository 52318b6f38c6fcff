"""CSV, TSV, JSON lines and plain lines -> raw rows of text, each file by its own header, encoding and compression.

Files that are alike are read together. Spark's own readers take those that they read right: one line a record, UTF-8
(or an encoding of single bytes), gzip and bzip2 under their own endings. All others are read whole, one task per file.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from ralm.config.sources import Place
from ralm.errors import ConfigError, DataError
from ralm.ingest.expressions import CORRUPT
from ralm.ingest.expressions import column_of as _column
from ralm.ingest.files import Say, SourceFile
from ralm.ingest.heads import Head, in_bytes, is_utf8, read_heads
from ralm.ingest.text_records import Broken, Style, cells_of, leaves_open
from ralm.ingest.whole_files import as_lines, as_records
from ralm.spark.errors import user_errors

# Cells stay text until the mapping casts them: guessed types differ between the files of one log.
TEXT = {"header": "true", "inferSchema": "false", "quote": '"', "escape": '"'}
_LARGEST = 2**31 - 1


@dataclass(frozen=True)
class Layout:
    """What files must share to be read together."""

    base: str
    keys: tuple[str, ...]
    columns: tuple[str, ...]
    encoding: str
    native: bool
    compression: str


def read_text(
    spark: SparkSession, files: list[SourceFile], source: Place, setting: str, texts: list[str], say: Say
) -> DataFrame:
    """The rows of text files; cells are strings, empty rows are left out.

    Args:
        texts: the expressions over the columns, to know which of them are needed.

    Raises:
        DataError: a file that is no text, or whose header lacks a column that is needed and that other files have.
    """
    options = {key.lower(): value for key, value in source.options.items()}
    where = f"{setting}.path: {source.path}"
    heads = read_heads(spark, files, options.get("encoding") or options.get("charset"), where)
    for encoding in sorted({head.encoding for head in heads if head.encoding.startswith("utf-16")}):
        say(f"{setting}: read as {encoding.upper()}")
    if source.format in ("csv", "tsv"):
        return _read_cells(spark, heads, source, setting, texts)
    if source.format == "text":
        return _read_lines(spark, heads)
    return _read_json(spark, heads, source, where)


def _read_cells(spark: SparkSession, heads: list[Head], source: Place, setting: str, texts: list[str]) -> DataFrame:
    where = f"{setting}.path: {source.path}"
    given = {key.lower(): value for key, value in source.options.items()}
    options = {"sep": "\t" if source.format == "tsv" else ","} | {k.lower(): v for k, v in TEXT.items()} | given
    style = Style(
        options.get("delimiter", options["sep"]) if "sep" not in given else options["sep"],
        options["quote"],
        options["escape"],
        options.get("comment", ""),
        options.get("ignoreleadingwhitespace") == "true",
    )
    headed = options["header"].lower() == "true"
    named = {head.file.path: _header(head, style, headed) for head in heads}
    filled = [head for head in heads if named[head.file.path][1]] or heads[:1]
    if not any(named[head.file.path][0] for head in filled):
        raise DataError(f"{where}: no columns found; the file is empty or not {source.format}")
    lines_apart = _spanning(spark, filled, style, options)
    groups: dict[Layout, list[Head]] = defaultdict(list)
    for head in filled:
        native = head.native and in_bytes(head.encoding) and head.file.path not in lines_apart
        if not native and head.file.size > _LARGEST:
            raise DataError(f"{where}: {head.file.name}: larger than 2 GB, and {_why(head)}: convert it, or split it")
        layout = Layout(
            head.file.base,
            head.file.keys,
            tuple(named[head.file.path][0]),
            head.encoding,
            native,
            "" if native else head.compression,
        )
        groups[layout].append(head)
    _same_columns(groups, where, texts)
    frames = [_cells(spark, layout, [h.file for h in g], style, options, headed) for layout, g in groups.items()]
    return reduce(lambda a, b: a.unionByName(b, allowMissingColumns=True), frames)


def _why(head: Head) -> str:
    if not is_utf8(head.encoding):
        return head.encoding.upper()
    return (
        "with quotes over several lines"
        if head.native
        else f"with {head.compression or 'no'} compression under this name"
    )


def _header(head: Head, style: Style, headed: bool) -> tuple[list[str], bool]:
    """The names of the columns, and whether rows follow (as far as the head shows)."""
    lines = re.split(r"\r\n|\n|\r", head.text)
    kept = [line for line in lines if line.strip() and not (style.comment and line.startswith(style.comment))]
    if not kept:
        return [], not head.whole
    cells = cells_of(kept[0].lstrip("\ufeff"), style)
    if isinstance(cells, Broken):
        cells = kept[0].split(style.separator)
    if not headed:
        return [f"_c{place}" for place in range(len(cells))], True
    names = [cell.strip() for cell in cells]
    lower = [name.lower() for name in names]
    # As Spark does it: a name that comes twice is no name.
    safe = [
        f"_c{place}" if not name else f"{name}{place}" if lower.count(name.lower()) > 1 else name
        for place, name in enumerate(names)
    ]
    return safe, len(kept) > 1 or not head.whole


def _spanning(spark: SparkSession, heads: list[Head], style: Style, options: dict[str, str]) -> set[str]:
    """The files with a quote that is open at the end of a line; those longer than their head need a look inside."""
    found = {head.file.path for head in heads if options.get("multiline", "").lower() == "true"}
    if not style.quote:
        return found
    heads = [head for head in heads if head.native and in_bytes(head.encoding) and head.file.path not in found]
    found |= {
        head.file.path for head in heads if leaves_open(re.split(r"\r\n|\n|\r", head.text) if head.whole else [], style)
    }
    large = [head.file.path for head in heads if not head.whole]
    if not large:
        return found
    lines = _load(spark, "text", large, "value string", {})
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
    folders = {key.lower() for key in layout.keys}
    # A folder's value wins over a column of the same name.
    columns = [f"{name}_in_file" if name.lower() in folders else name for name in layout.columns]
    schema = StructType([StructField(name, StringType()) for name in (*columns, CORRUPT, *layout.keys)])
    paths = [file.path for file in files]
    if layout.native:
        fixed = {"columnNameOfCorruptRecord": CORRUPT, "encoding": _java(layout.encoding), "multiLine": "false"}
        fixed |= {"unescapedQuoteHandling": "SKIP_VALUE"}
        rows = _load(spark, "csv", paths, schema, options | fixed, layout.base)
    else:
        skipped = options.get("nullvalue", "")
        rows = as_records(_bytes(spark, paths, layout), schema, layout, style, headed, skipped)
    only_ends = f"^[\\s{re.escape(style.separator)}{re.escape(style.quote or ' ')}]*$"
    blank = F.coalesce(*[F.nullif(F.trim(_column(name)), F.lit("")) for name in columns], F.lit(None).cast("string"))
    return rows.where(blank.isNotNull() | (F.col(CORRUPT).isNotNull() & ~F.col(CORRUPT).rlike(only_ends)))


def _read_lines(spark: SparkSession, heads: list[Head]) -> DataFrame:
    rows = [frame for _, frame in _lines(spark, heads)]
    return reduce(lambda a, b: a.unionByName(b, allowMissingColumns=True), rows).where(F.trim("value") != "")


def _lines(spark: SparkSession, heads: list[Head]) -> list[tuple[Layout, DataFrame]]:
    groups: dict[Layout, list[str]] = defaultdict(list)
    for head in heads:
        native = head.native and is_utf8(head.encoding)
        layout = Layout(
            head.file.base, head.file.keys, ("value",), head.encoding, native, "" if native else head.compression
        )
        groups[layout].append(head.file.path)
    found = []
    for layout, paths in groups.items():
        schema = StructType([StructField(name, StringType()) for name in ("value", *layout.keys)])
        if layout.native:
            found.append((layout, _load(spark, "text", paths, schema, {}, layout.base)))
        else:
            found.append((layout, as_lines(_bytes(spark, paths, layout), schema, layout)))
    return found


def _read_json(spark: SparkSession, heads: list[Head], source: Place, where: str) -> DataFrame:
    options = {"primitivesAsString": "true"} | source.options | {"columnNameOfCorruptRecord": CORRUPT}
    several = source.options.get("multiLine", source.options.get("multiline", "")).lower() == "true"
    groups: dict[tuple[str, tuple[str, ...], bool], list[Head]] = defaultdict(list)
    for head in heads:
        native = head.native and is_utf8(head.encoding)
        place = f"{where}: {head.file.name}"
        if not several and re.match(r"\ufeff?\s*\[\s*(\{\s*)?[\r\n]", head.text):
            raise DataError(f"{place}: is one JSON array over several lines: options: {{multiLine: 'true'}}")
        if not native and (several or head.file.keys):
            what = "multiLine" if several else f"folders named {head.file.keys[0]}=…"
            raise ConfigError(f"{place}: {what} cannot go with {_why(head)}: write it in UTF-8 under its own ending")
        groups[head.file.base, head.file.keys, native].append(head)
    frames = []
    for (base, keys, native), alike in groups.items():
        reader = spark.read.options(**options)
        with user_errors(where):
            if native:
                paths = [head.file.path for head in alike]
                plain = reader.option("recursiveFileLookup", "true").option("__globPaths__", "false").format("json")
                frames.append(_load(spark, "json", paths, _with_corrupt(plain.load(paths).schema, keys), options, base))
            else:
                lines = reduce(DataFrame.unionByName, [frame for _, frame in _lines(spark, alike)])
                frames.append(reader.schema(_with_corrupt(reader.json(lines).schema, ())).json(lines))
    lost = next((head.file.name for head in heads if "\ufffd" in head.text), None)
    return _joined_json(frames, where, f"{lost} is not UTF-8: set options: {{encoding: …}}" if lost else "")


def _joined_json(frames: list[DataFrame], where: str, hint: str) -> DataFrame:
    types: dict[str, set[str]] = defaultdict(set)
    for frame in frames:
        for name, kind in frame.dtypes:
            types[name].add(kind)
    if clash := next((name for name, kinds in types.items() if len(kinds) > 1), None):
        raise DataError(f"{where}: column {clash} is {' and '.join(sorted(types[clash]))} in different files")
    rows = reduce(lambda a, b: a.unionByName(b, allowMissingColumns=True), frames)
    named = [name for name in rows.columns if name != CORRUPT]
    if not named:
        raise DataError(f"{where}: no columns found; {hint or 'the file is empty or not jsonl'}")
    return rows.where(reduce(lambda a, b: a | b, [_column(name).isNotNull() for name in rows.columns]))


def _with_corrupt(schema: StructType, keys: tuple[str, ...]) -> StructType:
    folders = {key.lower() for key in keys}
    own = [field for field in schema.fields if field.name != CORRUPT and field.name.lower() not in folders]
    return StructType([*own, StructField(CORRUPT, StringType()), *[StructField(key, StringType()) for key in keys]])


def _bytes(spark: SparkSession, paths: list[str], layout: Layout) -> DataFrame:
    schema = "path string, modificationTime timestamp, length bigint, content binary"
    schema += "".join(f", `{key}` string" for key in layout.keys)
    return _load(spark, "binaryFile", paths, schema, {}, layout.base).select(
        "path", "content", *map(_column, layout.keys)
    )


def _load(
    spark: SparkSession,
    form: str,
    paths: list[str],
    schema: StructType | str,
    options: dict[str, str],
    base: str | None = None,
) -> DataFrame:
    reader = spark.read.schema(schema).options(**options).option("__globPaths__", "false")
    reader = reader.option("basePath", base) if base else reader.option("recursiveFileLookup", "true")
    return reader.format(form).load(paths)


def _java(encoding: str) -> str:
    return "UTF-8" if is_utf8(encoding) else "ISO-8859-1"


def mentioned(name: str, texts: list[str]) -> bool:
    """Whether expressions name a column: as a whole word, whatever its case."""
    word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", re.IGNORECASE)
    return any(word.search(text) for text in texts)
