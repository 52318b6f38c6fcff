"""Spark's exceptions, turned into the one-line errors of `ralm.errors` if the user can do something about them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException

from ralm.errors import ConfigError, DataError, MissingInputError, RalmError, checkpoint_advice
from ralm.spark.causes import chain, machine_error

# Spark's error conditions (prefixes) -> their meaning for the user of a job.
_KINDS: tuple[tuple[type[RalmError], tuple[str, ...]], ...] = (
    (MissingInputError, ("PATH_NOT_FOUND", "FAILED_READ_FILE.FILE_NOT_EXIST", "DELTA_PATH_DOES_NOT_EXIST")),
    (
        ConfigError,
        (
            "UNRESOLVED_",
            "PARSE_",
            "DATATYPE_MISMATCH",
            "WRONG_NUM_ARGS",
            "MISSING_GROUP_BY",
            "AMBIGUOUS_",
            "INVALID_DATETIME_PATTERN",
            "INVALID_TIMEZONE",
            "INVALID_EXTRACT",
            "FIELD_NOT_FOUND",
            "COLUMN_ALREADY_EXISTS",
            "INCONSISTENT_BEHAVIOR_CROSS_VERSION",
            "DELTA_UNSUPPORTED_FEATURES_FOR_READ",
            "DELTA_INVALID_PROTOCOL_VERSION",
        ),
    ),
    (
        DataError,
        (
            "FAILED_READ_FILE",
            "CANNOT_READ_FILE_FOOTER",
            "CANNOT_MERGE_SCHEMAS",
            "CAST_",
            "DIVIDE_BY_ZERO",
            "REMAINDER_BY_ZERO",
            "ARITHMETIC_OVERFLOW",
            "BINARY_ARITHMETIC_OVERFLOW",
            "NUMERIC_",
            "INVALID_ARRAY_INDEX",
            "CANNOT_PARSE_",
            "MALFORMED_",
            "MERGE_CARDINALITY_VIOLATION",
            "UNABLE_TO_INFER_SCHEMA",
            "UNSUPPORTED_DATASOURCE",
            "DELTA_NOT_NULL_CONSTRAINT_VIOLATED",
            "DELTA_VIOLATE_CONSTRAINT_WITH_VALUES",
            "USER_RAISED_EXCEPTION",
        ),
    ),
)
_UNREADABLE = re.compile(
    r"is not a Parquet file|Invalid UTF-8|MalformedInputException|corrupt|[Uu]nexpected end of|"
    r"Not a gzip|incorrect header check|Expected magic number"
)
_NO_FILE_SYSTEM = re.compile(r"No FileSystem for scheme(?: \"\w+\")?|Class org\.apache\.hadoop\.fs\.\S+ not found")
_FILE = re.compile(r"(?:[Ff]ile:? |for file |file path: )\[?((?:[a-z0-9]+:/|/)[^\s\]]*?)[.,]?(?:\s|$|\])")
_COLON = re.compile(r"URISyntaxException: Relative path in absolute URI: \.?(\S+?)(?:\.crc)?(?:\s|$)")
# Delta's checkpoints of a table's log; commits are JSON.
_OF_A_LOG = re.compile(r"/_delta_log/\S+\.parquet$")
_CODEC = re.compile(r"org\.apache\.hadoop\.io\.compress\.(\w+)Codec")
_TYPES = re.compile(r"column \[([^\]]+)\]\. Expected Spark type ([^\n]+?), actual Parquet type ([^\s.]+)")
_RAISED_IN_WORKER = re.compile(r"ralm\.errors\.(ConfigError|DataError|MissingInputError): ([^\n]+)")
_JUST_SPARK = re.compile(
    r"\s*(SQLSTATE: \w+|If necessary set \"spark\.sql\.ansi\.enabled\".*|;?\s*line \d+ pos \d+)[;.]?"
)


def changed_columns(error: Exception) -> str | None:
    """What was said of a table that got other columns, where that is why its stream ended; otherwise None."""
    _, changed, what = str(error).partition("[DELTA_SCHEMA_CHANGED")
    return what if changed else None


@contextmanager
def user_errors(where: str, expressions: Mapping[str, str] | None = None) -> Iterator[None]:
    """Raise Spark's exceptions inside the block as one-line `RalmError`s; let through those that no user can cause.

    Args:
        where: the setting, table or file that the block is about, with which the message starts.
        expressions: setting -> the SQL text that the user gave there; if one fails, the message names it instead.

    Raises:
        ConfigError: an expression that does not parse or fit the columns.
        DataError: an unreadable file, or an expression that fails on a value (ANSI mode).
        MissingInputError: a path that does not exist, or a file system that Spark does not know.
    """
    try:
        yield
    except (PySparkException, Py4JJavaError) as error:
        translated = translate(error, where, expressions or {})
        if translated is None:
            raise
        raise translated from error


def translate(error: Exception, where: str, expressions: Mapping[str, str]) -> RalmError | None:
    """The error to show in place of a Spark exception; None if the user did not cause it."""
    # Spark asks about corruption whatever kept it from reading a file's end.
    text = re.sub(r"[^\n]*(?:please check if it is corrupt|fix the corruption)[^\n]*", "", "\n".join(chain(error)))
    raised = _RAISED_IN_WORKER.search(text)
    if raised:
        kind = {"ConfigError": ConfigError, "DataError": DataError}.get(raised[1], MissingInputError)
        return kind(raised[2])
    if _NO_FILE_SYSTEM.search(text):
        found = _NO_FILE_SYSTEM.search(text)
        assert found is not None
        old = re.search(r'for scheme "?(s3n?)"?$', found[0])
        remedy = "write s3a://" if old else "add the file system's package with --packages"
        return MissingInputError(f"{where}: {found[0]}; {remedy}")
    colon = _COLON.search(text)
    if colon is not None:
        return DataError(f"{where}: {colon[1]}: Spark reads no file whose name has a colon; rename it")
    outside = machine_error(text, where)
    if outside is not None:
        return outside
    for condition, message, fragment in _causes(error):
        for kind, prefixes in _KINDS:
            if condition.startswith(prefixes):
                return kind(_line(condition, message, text, fragment, where, expressions))
    if _UNREADABLE.search(text):
        return DataError(_unreadable(text, where))
    return None


def _line(condition: str, message: str, text: str, fragment: str, where: str, expressions: Mapping[str, str]) -> str:
    if condition.startswith(("FAILED_READ_FILE", "CANNOT_READ_FILE_FOOTER")):
        return _unreadable(text, where) if _UNREADABLE.search(text) else _unread(text, message, where)
    named = [setting for setting, sql in expressions.items() if fragment and fragment in sql]
    what = f"{', '.join(named) or where}: "
    return what + (f"`{_one_line(fragment)}`: " if fragment else "") + short_message(message)


def _unreadable(text: str, where: str) -> str:
    found = _FILE.search(text)
    if found and _OF_A_LOG.search(found[1]):
        log = found[1].rpartition("/")[0]
        return f"{where}: the checkpoint {found[1]} of the table's log is damaged; {checkpoint_advice(log)}"
    name = f" {found[1]}" if found else ""
    return f"{where}: the file{name} cannot be read; it is damaged or of another format: replace it, or fix `format`"


def _unread(text: str, message: str, where: str) -> str:
    """A file that is sound, and yet was not read: which one, and why."""
    found = _FILE.search(text)
    name = f" {found[1]}" if found else ""
    types = _TYPES.search(text)
    if types:
        return (
            f"{where}: the file{name}: column {types[1]} is {types[3]}, and {types[2]} is expected, as in the other "
            "files; write both alike"
        )
    causes = [line for line in text.splitlines() if re.match(r"(?:[a-z]\w*\.)+\w+(?:Exception|Error): ", line)]
    why = causes[-1].partition(": ")[2] if causes else short_message(message)
    codec = _CODEC.fullmatch(why.strip())
    if codec:
        why = f"Spark has no {codec[1]} here; write it with another compression, such as zstd"
    return f"{where}: the file{name} cannot be read: {short_message(why)[:300]}"


def short_message(message: str) -> str:
    """Spark's message in one line: without its condition, plan, SQLSTATE and hints about Spark's own settings."""
    head = re.split(r"\n\s*(?:==|'?[A-Z]\w+ \[|\n)", message.strip(), maxsplit=1)[0]
    head = re.sub(r"^\[[A-Z_.0-9]+\]\s*", "", _one_line(head))
    return _JUST_SPARK.sub("", head).strip().rstrip(";")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _causes(error: Exception) -> Iterator[tuple[str, str, str]]:
    """(condition, message, SQL fragment) of the error and of its causes in the JVM."""
    if isinstance(error, PySparkException):
        fragments = [_fragment(c) for c in error.getQueryContext() or []]
        yield error.getCondition() or "", str(error), next(filter(None, fragments), "")
    cause: Any = getattr(error, "java_exception", None) or getattr(error, "_origin", None)
    while cause is not None:
        message = str(cause.getMessage() or "")
        condition = re.search(r"\[([A-Z][A-Z0-9_]+(?:\.[A-Z0-9_]+)?)\]", message)
        if condition:
            fragment = re.search(r"== SQL[^\n]*==\n(.*)\n( *)(\^+)", message)
            at = len(fragment[2]) if fragment else 0
            yield condition[1], message, fragment[1][at : at + len(fragment[3])] if fragment else ""
        cause = cause.getCause()


def _fragment(context: Any) -> str:
    """The piece of SQL text that failed; empty if the expression was not given as SQL."""
    if "== SQL" not in str(context.summary()):
        return ""
    return str(context.fragment())
