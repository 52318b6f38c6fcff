"""Data contracts: a file of the Open Data Contract Standard per table, made from the schemas.

`python -m ralm.warehouse.contracts` writes docs/contracts anew. A consumer tests its copy of a table against the
file: types, NOT NULL, and the conditions as queries that must find no row.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from ralm.warehouse.schemas import TABLES
from ralm.warehouse.table import Column, Table

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "contracts"
STANDARD = "v3.1.0"
# Raised with a change of the tables: the first number when a column goes or changes, the second when one comes.
VERSION = "1.0.0"
_LOGICAL = {
    "string": "string",
    "binary": "string",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp",
    "int": "integer",
    "bigint": "integer",
    "float": "number",
    "double": "number",
}
# What stands for the table's place in a query.
OBJECT = "${object}"


def contract(table: Table, user_id: str = "string") -> dict[str, Any]:
    """The contract of a table.

    Args:
        table: of the schemas.
        user_id: the configured type of user ids.
    """
    limits = "Times are UTC. Read the version that the current row of `releases` names, where it names the table."
    if table.further:
        limits += f" Beside the listed columns: {table.further}."
    described = {
        "name": table.name,
        "physicalName": table.name,
        "physicalType": "table",
        "logicalType": "object",
        "description": table.description,
        "properties": [_property(column, table, user_id) for column in table.columns],
    }
    if rules := [_rule(name, condition) for name, condition in table.conditions.items()]:
        described["quality"] = rules
    return {
        "apiVersion": STANDARD,
        "kind": "DataContract",
        "id": f"ralm-{table.name.replace('_', '-')}",
        "name": table.name,
        "version": VERSION,
        "status": "active",
        "description": {"purpose": table.description, "limitations": limits},
        "schema": [described],
    }


def text(table: Table) -> str:
    """The contract as YAML."""
    head = "# Made by `python -m ralm.warehouse.contracts`. With `user_id_type: bigint`, user ids are bigint.\n"
    return head + yaml.safe_dump(contract(table), sort_keys=False, allow_unicode=True, width=120)


def write(folder: Path = FOLDER) -> None:
    """Write the contracts of all tables, and remove those of tables that are no more."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.yaml"):
        if old.stem not in TABLES:
            old.unlink()
    for name, table in TABLES.items():
        (folder / f"{name}.yaml").write_text(text(table), encoding="utf-8")


def _property(column: Column, table: Table, user_id: str) -> dict[str, Any]:
    kind = column.spark_type(user_id)
    found: dict[str, Any] = {"name": column.name, "physicalType": kind, "description": column.description}
    found |= _logical(kind)
    found["required"] = column.required
    if column.name in table.partition:
        found |= {"partitioned": True, "partitionKeyPosition": table.partition.index(column.name) + 1}
    return found


def _logical(kind: str) -> dict[str, Any]:
    """The standard's type of a Spark type, with the elements of arrays and the fields of structs."""
    if inner := re.fullmatch(r"array<(.*)>", kind):
        return {"logicalType": "array", "items": {"physicalType": inner[1], **_logical(inner[1])}}
    if inner := re.fullmatch(r"struct<(.*)>", kind):
        fields = (part.split(":") for part in inner[1].split(","))
        properties = [{"name": name, "physicalType": of, **_logical(of)} for name, of in fields]
        return {"logicalType": "object", "properties": properties}
    return {"logicalType": _LOGICAL.get(kind, "object")}


def _rule(name: str, condition: str) -> dict[str, Any]:
    return {
        "name": name,
        "type": "sql",
        "description": f"every row meets: {condition}",
        "dimension": "conformity",
        "severity": "error",
        "query": f"SELECT count(*) FROM {OBJECT} WHERE NOT coalesce({condition}, false)",
        "mustBe": 0,
    }


if __name__ == "__main__":
    write()
