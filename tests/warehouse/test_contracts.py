"""Data contracts: made from the schemas, as the standard has them, and true of a run's tables by another engine."""

import json
from importlib import resources
from pathlib import Path
from typing import Any

import duckdb
import jsonschema
import open_data_contract_standard
import pytest
import yaml

from ralm.warehouse.contracts import FOLDER, OBJECT, contract, text
from ralm.warehouse.schemas import TABLES

# DuckDB's names of Spark's types; a user id may be a bigint.
DUCK = {
    **{"string": "VARCHAR", "binary": "BLOB", "boolean": "BOOLEAN", "date": "DATE", "double": "DOUBLE"},
    **{"timestamp": "TIMESTAMP WITH TIME ZONE", "int": "INTEGER", "bigint": "BIGINT", "float": "FLOAT"},
}


def test_the_files_are_those_of_the_schemas() -> None:
    assert {path.stem for path in FOLDER.glob("*.yaml")} == set(TABLES)
    wrong = [name for name, table in TABLES.items() if (FOLDER / f"{name}.yaml").read_text("utf-8") != text(table)]
    assert wrong == [], "python -m ralm.warehouse.contracts"


def test_they_are_of_the_standard() -> None:
    schema = json.loads((resources.files(open_data_contract_standard) / "schema.json").read_text("utf-8"))
    standard = jsonschema.Draft201909Validator(schema)
    contracts = {name: yaml.load(text(table), yaml.CSafeLoader) for name, table in TABLES.items()}
    assert {name: error.message for name, one in contracts.items() for error in standard.iter_errors(one)} == {}
    assert list(standard.iter_errors({**contracts["users"], "kind": "Something"}))


def test_a_contract_of_long_ids() -> None:
    columns = contract(TABLES["item_seeds"], "bigint")["schema"][0]["properties"]
    seeds = next(column for column in columns if column["name"] == "seeds")
    assert seeds["items"]["properties"][0] == {"name": "user_id", "physicalType": "bigint", "logicalType": "integer"}


class Consumer:
    """Reads a table by DuckDB alone and holds it to a contract file; knows nothing of the package."""

    def __init__(self, path: Path, agreed: dict[str, Any]) -> None:
        deltalake = pytest.importorskip("deltalake")
        self.described = agreed["schema"][0]
        self.duck = duckdb.connect()
        self.duck.execute("SET TimeZone = 'UTC'")
        self.duck.execute("CREATE MACRO size(x) AS len(x)")
        self.duck.register("found", deltalake.DeltaTable(str(path)).to_pyarrow_dataset())

    def broken(self) -> list[str]:
        """What the table does not keep."""
        types = {row[0]: row[1] for row in self.duck.execute("DESCRIBE found").fetchall()}
        wrong = []
        for column in self.described["properties"]:
            name, kind = column["name"], column["physicalType"]
            if kind in DUCK and types.get(name) != DUCK[kind]:
                wrong.append(f"{name}: {types.get(name)}")
            elif name not in types:
                wrong.append(f"{name}: not there")
            elif column["required"] and self._count(f'SELECT count(*) FROM found WHERE "{name}" IS NULL'):
                wrong.append(f"{name}: NULL")
        for rule in self.described.get("quality", ()):
            query = rule["query"].replace(OBJECT, "found").replace("`", '"')
            if self._count(query) != rule["mustBe"]:
                wrong.append(rule["name"])
        return wrong

    def _count(self, query: str) -> int:
        (found,) = self.duck.execute(query).fetchone() or (None,)
        assert isinstance(found, int)
        return found


@pytest.mark.spark
def test_the_tables_of_a_run_keep_their_contracts(tiny_run) -> None:
    path = Path(tiny_run.config.warehouse)
    made = [name for name in TABLES if (path / name).exists()]
    assert len(made) > 15
    broken = {
        name: Consumer(path / name, yaml.safe_load((FOLDER / f"{name}.yaml").read_text())).broken() for name in made
    }
    assert {name: wrong for name, wrong in broken.items() if wrong} == {}


def test_a_consumer_sees_what_is_broken(tmp_path: Path) -> None:
    deltalake = pytest.importorskip("deltalake")
    import pyarrow as pa

    rows = {"run_id": ["r", None], "step": ["s", "s"], "name": ["n", ""], "passed": [True, False]}
    table = pa.table(rows | {"value": [1.0, 2.0], "detail": [1, 2]})
    deltalake.write_deltalake(str(tmp_path / "checks"), table)
    broken = Consumer(tmp_path / "checks", contract(TABLES["checks"])).broken()
    assert broken[:2] == ["run_id: NULL", "detail: BIGINT"]
    assert broken[-1] == "name_holds"
