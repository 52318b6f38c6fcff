"""The user's SQL expressions over raw columns: what they name, what is wrong with them, on which rows they fail."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DataType

from ralm.config.time_formats import ISO
from ralm.ingest.names import clean_name
from ralm.ingest.value_kinds import is_number, time_format_of
from ralm.spark.errors import short_message

CORRUPT = "_corrupt_record"
FAILED = "_failed"
# The file in which a row found no row to join.
UNJOINED = "_unjoined"
ELEMENT = "element"
# What a byte becomes that is not of the encoding, so that different texts would be one.
LOST = "\ufffd"
_MISSING = re.compile(r"(?P<setting>\S+): column (?P<name>'.+?') not found in (?P<place>.*)", re.DOTALL)
# Expressions that give a value (or null) whatever their operands.
_SAFE = frozenset({
    "Alias", "AttributeReference", "Literal", "EqualTo", "EqualNullSafe", "GreaterThan", "GreaterThanOrEqual",
    "LessThan", "LessThanOrEqual", "And", "Or", "Not", "In", "InSet", "IsNull", "IsNotNull", "Coalesce", "CaseWhen",
    "If", "Lower", "Upper", "StringTrim", "Concat", "StartsWith", "EndsWith", "Contains", "GetStructField", "Length",
    "Substring", "CreateNamedStruct",
})  # fmt: skip
_WIDER = {
    ("tinyint", "smallint"), ("tinyint", "int"), ("tinyint", "bigint"), ("smallint", "int"), ("smallint", "bigint"),
    ("int", "bigint"), ("int", "double"), ("float", "double"), ("bigint", "double"), ("date", "timestamp"),
}  # fmt: skip


@dataclass(frozen=True)
class Bound:
    """An expression over raw rows.

    Attributes:
        value: null on rows on which it fails.
        kind: its type.
        fails: true on rows on which it fails; None: it never does.
        plain: the expression itself, which stops a job on such a row.
    """

    value: Column
    kind: DataType
    fails: Column | None
    plain: Column


def bind(raw: DataFrame, text: str, setting: str, place: str, problems: list[str]) -> Bound | None:
    """The column that a setting names or computes; None and one more problem if it is missing or wrong."""
    exact = [name for name in raw.columns if name == text] or [n for n in raw.columns if n.lower() == text.lower()]
    exact = exact or [name for name in raw.columns if clean_name(name).lower() == clean_name(text).lower()]
    try:
        column = column_of(exact[0]) if exact else F.expr(text)
        if not exact and (absent := _absent(raw, text)):
            problems.append(missing(absent, raw, setting, place))
            return None
        # In a struct: a function that makes several rows of one is an error there.
        bound = raw.select(F.struct(column.alias("v")).alias("value"))
        kind = bound.schema[0].dataType.fields[0].dataType  # type: ignore[attr-defined]
        if exact:
            return Bound(column, kind, None, column)
        plan = bound._jdf.queryExecution().analyzed()
        if plan.getClass().getSimpleName() == "Aggregate":
            problems.append(f"{setting}: `{text}`: an aggregate of many rows; here each row gives one value")
            return None
        if bare := _bare_pattern(plan.expressions().apply(0)):
            remedy = re.sub("(.)", r"[\1]", bare)
            problems.append(f"{setting}: `{text}`: '{bare}' is a pattern that splits elsewhere: write '{remedy}'")
            return None
        if _safe(plan.expressions().apply(0)) or "windowspecdefinition" in plan.toString():
            return Bound(column, kind, None, column)
        tried = attempt(raw, column)
        raw.select(tried.alias("tried"))
        return Bound(tried["v"], kind, tried.isNull(), column)
    except AnalysisException as error:
        condition = error.getCondition() or ""
        if condition.startswith(("UNRESOLVED_COLUMN", "UNRESOLVED_MAP_KEY")):
            name = (error.getMessageParameters() or {}).get("objectName", text).replace("`", "")
            problems.append(missing(name, raw, setting, place))
        elif condition.startswith("UNSUPPORTED_GENERATOR"):
            problems.append(
                f"{setting}: `{text}`: each row gives one value here; name the array under `explode` of the source, "
                f"then its elements are the column `{ELEMENT}`"
            )
        else:
            problems.append(f"{setting}: `{text}`: {short_message(str(error))}")
    return None


def attempt(raw: DataFrame, column: Column) -> Column:
    """A struct with the value `v` of an expression; null on rows on which it fails (Spark's TryEval).

    The lambda keeps Spark from computing common parts of expressions ahead, outside of the attempt.
    """
    from pyspark.sql.classic.column import Column as ClassicColumn

    sql: Any = raw.sparkSession._jvm.org.apache.spark.sql  # type: ignore[union-attr]
    one = F.transform(F.array(F.lit(0)), lambda _: F.struct(column.alias("v")))[0]
    expression = sql.catalyst.expressions.TryEval(sql.classic.ExpressionUtils.expression(one._jc))
    return ClassicColumn(sql.classic.ExpressionUtils.column(expression))


def _absent(raw: DataFrame, text: str) -> str | None:
    """A name in an expression that is no column; Spark takes `user` and `current_date` for functions then."""
    parser: Any = raw.sparkSession._jsparkSession.sessionState().sqlParser()
    known = {name.lower() for name in raw.columns}
    for node in _nodes(parser.parseExpression(text)):
        if node.getClass().getSimpleName() == "UnresolvedAttribute" and node.nameParts().size() == 1:
            name = str(node.nameParts().apply(0))
            if name.lower() not in known:
                return name
    return None


def _bare_pattern(expression: Any) -> str | None:
    """What `split` splits at, if it was meant as it stands and is a pattern for something else."""
    for node in _nodes(expression):
        if node.getClass().getSimpleName() == "StringSplit":
            pattern = str(node.children().apply(1).toString())
            if re.fullmatch(r"\|+|\.|\$", pattern):
                return pattern
    return None


def _nodes(expression: Any) -> Iterator[Any]:
    yield expression
    children = expression.children()
    for place in range(children.size()):
        yield from _nodes(children.apply(place))


def _safe(node: Any) -> bool:
    name = str(node.getClass().getSimpleName())
    children = node.children()
    nodes = [children.apply(place) for place in range(children.size())]
    if name == "Cast":
        kinds = str(nodes[0].dataType().simpleString()), str(node.dataType().simpleString())
        if not (kinds[1] == "string" or kinds[0] == kinds[1] or kinds in _WIDER):
            return False
    elif name not in _SAFE:
        return False
    return all(_safe(child) for child in nodes)


def missing(name: str, raw: DataFrame, setting: str, place: str) -> str:
    """That a column is not there, and which are."""
    there = [column for column in raw.columns if column not in (CORRUPT, FAILED, UNJOINED)]
    return f"{setting}: column '{name}' not found in {place}; its columns: {', '.join(there)}{_why(name, there)}"


def together(problems: Sequence[str]) -> str:
    """All problems in one line; columns that are missing in one place are named together, with its columns once."""
    alike: dict[str, list[re.Match[str]]] = {}
    for problem in problems:
        found = _MISSING.fullmatch(problem)
        alike.setdefault(found["place"] if found else problem, []).extend([found] if found else [])
    lines = []
    for place, found_ones in alike.items():
        settings, names = ([*dict.fromkeys(one[part] for one in found_ones)] for part in ("setting", "name"))
        columns = f"column{'s' if len(names) > 1 else ''} {', '.join(names)}"
        lines.append(f"{', '.join(settings)}: {columns} not found in {place}" if found_ones else place)
    return "; ".join(lines)


def _why(name: str, there: list[str]) -> str:
    """What may be wrong with how the header was read."""
    if re.fullmatch(r"_c\d+", name):
        return "; if the first line is no header: options: {header: 'false'}"
    if all(re.fullmatch(r"_c\d+", column) for column in there):
        return "; if the first line is a header, leave options.header out"
    if len(there) == 1 and (found := re.search(r"[;\t|^\x01]|, ?(?=\w)", there[0])):
        separator = found[0].strip(" ") or " "
        return f"; if cells end in {separator!r}: options: {{sep: {json.dumps(separator)}}}"
    if any(is_number(column) or time_format_of([column]) == ISO for column in there):
        return "; if the first line is no header: options: {header: 'false'}"
    return ""


def lost_characters(name: str, is_text: bool) -> str:
    """The reason of a value in which characters were lost."""
    encoding = "not UTF-8: set options: {encoding: windows-1252} or the like"
    return f"invalid {name} ({encoding if is_text else 'characters were lost: U+FFFD'})"


def column_of(name: str) -> Column:
    """The column of exactly this name."""
    return F.col("`" + name.replace("`", "``") + "`")


def brief(text: str) -> str:
    """An expression as a reason shows it."""
    one_line = " ".join(text.split())
    return one_line if len(one_line) <= 80 else one_line[:77] + "..."
