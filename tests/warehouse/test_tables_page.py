"""docs/tables.md is what the schemas say, and each table is written where the page says."""

import ast
from functools import cache
from pathlib import Path

import pytest

from ralm.warehouse.schemas import TABLES
from ralm.warehouse.tables_page import EXCEPTIONS, OTHER_WRITERS, PAGE, ROOT, made_in, page

# What writes a table whose name is among its arguments.
WRITES = {"replace", "rewrite", "append", "append_once", "_append", "write_training_set"}
PACKAGES = ("jobs", "udfs", "ralm")


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def literals(path: Path) -> set[str]:
    """All string literals of a file, or of all files of a folder."""
    files = path.rglob("*.py") if path.is_dir() else [path]
    nodes = [node for file in files for node in ast.walk(parsed(file))]
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def written(tree: ast.AST) -> set[str]:
    """The tables that are written under their name: the first string argument of a call in `WRITES`."""
    tables = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            texts = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
            if called in WRITES and texts and texts[0] in TABLES:
                tables.add(texts[0])
    return tables


def allowed(name: str) -> list[Path]:
    """Where the table may be written: files, or a folder with all in it."""
    return [ROOT / path for path in (*made_in(name), *OTHER_WRITERS.get(name, ()))]


def test_the_page_is_what_the_schemas_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m ralm.warehouse.tables_page"


@pytest.mark.parametrize("name", TABLES)
def test_the_places_that_write_a_table_name_it(name: str) -> None:
    for path in allowed(name):
        assert path.exists(), path
        assert name in literals(path), path


def test_a_table_is_written_nowhere_else() -> None:
    files = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    elsewhere = [
        f"{path.relative_to(ROOT)} writes {name}"
        for path in files
        for name in sorted(written(parsed(path)))
        if not any(path.is_relative_to(place) for place in allowed(name))
    ]
    assert elsewhere == []


@pytest.mark.parametrize(
    ("source", "tables"),
    [
        ('step.replace("audiences", frame, "items")', {"audiences"}),
        ('replace(warehouse, "metrics", frame)', {"metrics"}),
        ('append_once(warehouse, "items", frame, app_id="live")', {"items"}),
        ('"a".replace("b", "items")', set()),
        ('warehouse.read("audiences")', set()),
    ],
)
def test_writes_are_found(source: str, tables: set[str]) -> None:
    assert written(ast.parse(source)) == tables


def test_exceptions_are_of_tables_and_have_reasons() -> None:
    assert EXCEPTIONS.keys() | OTHER_WRITERS.keys() <= TABLES.keys()
    assert all(place.reason for place in EXCEPTIONS.values())
    assert all(reason for others in OTHER_WRITERS.values() for reason in others.values())


def test_an_unknown_table_is_made_nowhere() -> None:
    with pytest.raises(LookupError, match="table 'strangers': one file or folder"):
        made_in("strangers")


@pytest.mark.parametrize("name", TABLES)
def test_a_table_and_its_columns_are_described(name: str) -> None:
    table = TABLES[name]
    assert table.description.endswith(".")
    assert table.description.count(". ") == 0, "one sentence"
    descriptions = [column.description for column in table.columns]
    assert all(descriptions)
    assert not [text for text in [*descriptions, table.description, table.further] if "|" in text], "it ends a cell"


@pytest.mark.parametrize("name", TABLES)
def test_partitions_are_columns_and_names_are_unique(name: str) -> None:
    table = TABLES[name]
    names = [column.name for column in table.columns]
    assert len(set(names)) == len(names)
    assert set(table.partition) <= set(names)
