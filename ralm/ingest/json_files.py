"""JSON lines -> raw rows; values stay the text that they are, and each group of files has the columns of all."""

from __future__ import annotations

from collections import defaultdict
from functools import reduce

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, StringType, StructField, StructType

from ralm.config.place import Place
from ralm.errors import ConfigError, DataError
from ralm.ingest.alike_files import lines_of, load, second_values, why_whole
from ralm.ingest.expressions import CORRUPT, column_of
from ralm.ingest.heads import Head
from ralm.ingest.json_heads import BY_COLUMNS, SEVERAL, by_columns, hidden_values, no_json, over_lines
from ralm.ingest.names import mentioned
from ralm.ingest.recognition import is_utf8
from ralm.ingest.sampling import first_of_each_piece
from ralm.ingest.whole_files import as_written
from ralm.spark.errors import user_errors
from ralm.spark.frames import union

# Of each piece of files of which only some rows are looked at: they tell the columns.
_LINES = 100


def read_json(
    spark: SparkSession, heads: list[Head], source: Place, where: str, texts: list[str], *, thin: bool
) -> DataFrame:
    """The rows of JSON lines, or of JSON values over several lines (option multiLine).

    Args:
        texts: the expressions over the columns, to know which of them are needed.
        thin: only some rows will be looked at, so these tell the columns.

    Raises:
        DataError: values that Spark would leave out, keys that differ in case, a type that differs between files, no
            columns.
        ConfigError: multiLine or folders named key=value with files that Spark cannot read line by line.
    """
    options = {"primitivesAsString": "true"} | source.options | {"columnNameOfCorruptRecord": CORRUPT}
    several = source.options.get("multiLine", source.options.get("multiline", "")).lower() == "true"
    groups: dict[tuple[str, tuple[str, ...], bool], list[Head]] = defaultdict(list)
    for head in heads:
        native = head.native and is_utf8(head.encoding)
        place = f"{where}: {head.file.name}"
        if by_columns(head.text):
            raise DataError(f"{place}: {BY_COLUMNS}")
        if not several and (what := over_lines(head.text)):
            raise DataError(f"{place}: is one JSON {what} over several lines: options: {{multiLine: 'true'}}")
        if problem := hidden_values(head.text, several):
            raise DataError(f"{place}: {problem}")
        if not native and (several or head.file.keys):
            what = "multiLine" if several else f"folders named {head.file.keys[0]}=…"
            raise ConfigError(
                f"{place}: {what} cannot go with {why_whole(head)}: write it in UTF-8 under its own ending"
            )
        groups[head.file.base, head.file.keys, native].append(head)
    if not thin:
        cut = [head for head in heads if not head.whole]
        (_no_second_values if several else _no_hidden_values)(spark, cut, where)
    frames = []
    for (base, keys, native), alike in groups.items():
        reader, session = spark.read.options(**options), _exact(spark)
        exact = session.read.options(**options)
        with user_errors(where):
            if native:
                paths = [head.file.path for head in alike]
                plain = exact.option("recursiveFileLookup", "true").option("__globPaths__", "false").format("json")
                if thin and not several:
                    lines = first_of_each_piece(load(session, "text", paths, "value string", {}), _LINES)
                    found = exact.json(lines).schema
                else:
                    found = plain.load(paths).schema
                _no_two_spellings(found, texts, where)
                frames.append(load(spark, "json", paths, _with_corrupt(found, keys), options, base))
            else:
                lines = as_written(union(frame for _, frame in lines_of(spark, alike)))
                found = exact.json(lines).schema
                _no_two_spellings(found, texts, where)
                frames.append(reader.schema(_with_corrupt(found, ())).json(lines))
    lost = next((head.file.name for head in heads if "\ufffd" in head.text), None)
    hint = f"{lost} is not UTF-8: set options: {{encoding: …}}" if lost else no_json(heads[0].text)
    return _joined_json(frames, where, hint)


def _exact(spark: SparkSession) -> SparkSession:
    """A session that tells keys apart which differ in case; the tables' session reads the first spelling alone."""
    session = spark.newSession()
    session.conf.set("spark.sql.caseSensitive", "true")
    return session


def _no_two_spellings(schema: StructType, texts: list[str], where: str) -> None:
    """Refuse keys that are read and differ in case only, within objects as well."""
    spellings: dict[str, list[str]] = defaultdict(list)
    for field in schema.fields:
        spellings[field.name.lower()].append(field.name)
        if isinstance(inner := _innermost(field.dataType), StructType):
            _no_two_spellings(inner, texts, where)
    for names in spellings.values():
        if len(names) > 1 and mentioned(names[0], texts):
            raise DataError(f"{where}: the keys {' and '.join(names)} differ in case only: write them alike")


def _innermost(kind: DataType) -> DataType:
    """The type of the elements of arrays of arrays."""
    while isinstance(kind, ArrayType):
        kind = kind.elementType
    return kind


def _no_hidden_values(spark: SparkSession, heads: list[Head], where: str) -> None:
    """`hidden_values` behind the heads of files: these are read once more."""
    for _, lines in lines_of(spark, heads):
        line = F.regexp_replace(F.trim("value"), r"\s*,?\s*$", "")
        alone = F.json_array_length(F.concat(F.lit("["), line, F.lit("]"))).eqNullSafe(1)
        hidden = line.rlike(r"^[\[{]") & F.get_json_object(line, "$").isNotNull() & ~alone
        with user_errors(where):
            found = lines.where(hidden).select(F.substring("value", 1, 60).alias("start")).first()
        if found is not None:
            raise DataError(
                f"{where}: the line '{found['start']}' holds several JSON values, of which the first is read: write "
                f"each in one (jq -c .)"
            )


def _no_second_values(spark: SparkSession, heads: list[Head], where: str) -> None:
    """`hidden_values` behind the heads of files that are one value each: these are read once more, a task per file."""
    for values in second_values(spark, heads):
        with user_errors(where):
            found = values.select(F.substring("value", 1, 60).alias("start")).first()
        if found is not None:
            raise DataError(f"{where}: '{found['start']}' comes after the first value of its file: {SEVERAL}")


def _joined_json(frames: list[DataFrame], where: str, hint: str) -> DataFrame:
    types: dict[str, set[str]] = defaultdict(set)
    for frame in frames:
        for name, kind in frame.dtypes:
            types[name].add(kind)
    if clash := next((name for name, kinds in types.items() if len(kinds) > 1), None):
        raise DataError(f"{where}: column {clash} is {' and '.join(sorted(types[clash]))} in different files")
    rows = union(frames, missing=True)
    named = [name for name in rows.columns if name != CORRUPT]
    if not named:
        raise DataError(f"{where}: no columns found; {hint or 'the file is empty or not jsonl'}")
    return rows.where(reduce(lambda a, b: a | b, [column_of(name).isNotNull() for name in rows.columns]))


def _with_corrupt(schema: StructType, keys: tuple[str, ...]) -> StructType:
    folders = {key.lower() for key in keys}
    known = _of_one_spelling(schema).fields
    own = [field for field in known if field.name != CORRUPT and field.name.lower() not in folders]
    return StructType([*own, StructField(CORRUPT, StringType()), *[StructField(key, StringType()) for key in keys]])


def _of_one_spelling(schema: StructType) -> StructType:
    """Without keys that differ from an earlier one in case only, which no table can have."""
    known: dict[str, StructField] = {}
    for field in schema.fields:
        known.setdefault(field.name.lower(), StructField(field.name, _spelt_once(field.dataType)))
    return StructType(list(known.values()))


def _spelt_once(kind: DataType) -> DataType:
    if isinstance(kind, ArrayType):
        return ArrayType(_spelt_once(kind.elementType))
    return _of_one_spelling(kind) if isinstance(kind, StructType) else kind
