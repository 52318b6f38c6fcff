"""The raw rows of a source: its files or table, with the elements of an array as rows and other files joined."""

from __future__ import annotations

import re
import uuid

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession

from ralm.config import Source
from ralm.config.place import Place
from ralm.errors import ConfigError, DataError, RalmError
from ralm.ingest.expressions import CORRUPT, FAILED, UNJOINED
from ralm.ingest.files import Say, find_files, path_listing
from ralm.ingest.parquet_files import read_parquet
from ralm.ingest.sampling import Sample
from ralm.ingest.shape import with_elements, with_joined
from ralm.ingest.text_files import read_text
from ralm.spark.errors import short_message, user_errors
from ralm.warehouse.warehouse import is_delta

__all__ = ["CORRUPT", "FAILED", "listing", "path_listing", "read_source", "source_path"]


def source_path(source: Place, data_root: str) -> str:
    """The source's location: absolute paths and URLs as they are, others under `data_root`."""
    if re.match(r"^([A-Za-z][A-Za-z0-9+.-]*:|/)", source.path):
        return source.path
    return f"{data_root.rstrip('/')}/{source.path}"


def read_source(
    spark: SparkSession,
    source: Source,
    data_root: str,
    setting: str,
    say: Say | None = None,
    sample: Sample | None = None,
) -> DataFrame:
    """The raw rows of a source; `source.options` override the reader's defaults.

    Args:
        setting: the source's place in the configuration, such as `ingest.events[0]`, for messages.
        say: takes what a person should know of the files, such as those that are left out.
        sample: which rows of the source are read; rows that are joined to them are read whole.

    Returns:
        The raw columns; `_corrupt_record` holds the text of a row that cannot be read, `_failed` the reason why the
        array of `explode` has no elements. Both are missing where that cannot be.

    Raises:
        MissingInputError: no file at the path.
        DataError: a file that is not of the given format, damaged, or unlike the others.
        ConfigError: the folder of a table; columns that are not there.
    """
    say = say or (lambda line: None)
    texts = expressions(source)
    raw = _rows(spark, source, data_root, setting, texts, say, sample)
    # Names that are ours from here on.
    raw = raw.withColumnsRenamed(
        {name: f"{name}_in_file" for name in raw.columns if name.lower() in (FAILED, UNJOINED)}
    )
    if sample is not None:
        with user_errors(f"{setting}: {source.place}"):
            raw = sample.rows(raw, source.format)
    if source.explode is not None:
        raw = with_elements(raw, source.explode, setting, source.place)
    for place, join in enumerate(source.join):
        where = f"{setting}.join[{place}]" if len(source.join) > 1 else f"{setting}.join"
        other = _rows(spark, join, data_root, where, [*join.on, *join.columns], say)
        raw = with_joined(raw, other, join, where, say, is_text=source.is_text)
    return raw


def expressions(source: Source) -> list[str]:
    """The SQL texts over the raw columns, those of a join's keys among them."""
    texts = [*source.columns.values(), source.where, source.explode, *[key for join in source.join for key in join.on]]
    return [text for text in texts if text]


def _rows(
    spark: SparkSession,
    source: Place,
    data_root: str,
    setting: str,
    texts: list[str],
    say: Say,
    sample: Sample | None = None,
) -> DataFrame:
    try:
        if source.table:
            with user_errors(f"{setting}.table: {source.table}"):
                return spark.read.options(**_version(source)).table(source.table)
        path = source_path(source, data_root)
        if source.format == "delta":
            if not is_delta(spark, path) and path_listing(spark, path):
                raise ConfigError(f"{setting}.path: {path}: is no Delta table (it has no _delta_log): look at `format`")
            with user_errors(f"{setting}.path: {path}"):
                return spark.read.options(**(_version(source) | source.options)).format("delta").load(path)
        files = find_files(spark, path, setting, source.format, say)
        files = files if sample is None else sample.choose(files)
        located = source.model_copy(update={"path": path})
        with user_errors(f"{setting}.path: {path}"):
            if source.format == "parquet":
                raw = read_parquet(spark, files, f"{setting}.path: {path}", source.options, texts)
            else:
                thin = sample is not None and sample.size > sample.whole
                raw = read_text(spark, files, located, setting, texts, say, thin=thin)
    except AnalysisException as error:
        raise ConfigError(f"{setting}: {source.place}: {short_message(str(error))}") from error
    if not [name for name in raw.columns if name != CORRUPT]:
        raise DataError(f"{setting}.path: {path}: no columns found; the file is empty or not {source.format}")
    return raw


def _version(source: Place) -> dict[str, str]:
    if source.version is not None:
        return {"versionAsOf": str(source.version)}
    return {"timestampAsOf": source.timestamp} if source.timestamp is not None else {}


def listing(spark: SparkSession, source: Source, data_root: str) -> list[tuple[str, int, int]]:
    """`path_listing` of the source's files and of those that are joined to them."""
    places: list[Place] = [source, *source.join]
    return [entry for place in places for entry in _listed(spark, place, data_root)]


def _listed(spark: SparkSession, place: Place, data_root: str) -> list[tuple[str, int, int]]:
    if place.path:
        return path_listing(spark, source_path(place, data_root))
    try:
        with user_errors(place.table):
            files = sorted(spark.read.options(**_version(place)).table(place.table).inputFiles())
    except (RalmError, AnalysisException):
        files = []  # reading it will say what is wrong
    # A table that does not tell its files may have changed.
    return [(file, 0, 0) for file in files] or [(f"{place.table} {uuid.uuid4()}", 0, 0)]
