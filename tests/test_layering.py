"""Who may import whom: jobs → udfs → ralm, models and scoring without Spark, features and simulation without torch."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SPARK = {"pyspark", "delta", "chispa"}
TORCH = {"torch", "petastorm", "tensorboard"}
RULES = {
    "ralm": {"udfs", "jobs", "tests"},
    "udfs": {"jobs", "tests"},
    "jobs": {"tests"},
    "ralm/models": SPARK,
    "ralm/scoring": SPARK,
    "ralm/serving": SPARK,
    "ralm/features": TORCH,
    "ralm/simulation": TORCH,
    "ralm/ingest": TORCH,
}
# What a package imports of ralm must keep its rule too.
FREE_OF_SPARK = ("ralm/models", "ralm/scoring", "ralm/serving")


def imported(path: Path) -> set[str]:
    """Full dotted names of all modules that a file imports, also inside functions."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            names.add(module)
            names.update(f"{module}.{alias.name}" for alias in node.names)
    return names


def sources(place: str) -> list[Path]:
    single = ROOT / f"{place}.py"
    return sorted((ROOT / place).rglob("*.py")) + ([single] if single.exists() else [])


def violations(files: list[Path], forbidden: set[str]) -> list[str]:
    return [
        f"{path.name} imports {name}"
        for path in files
        for name in sorted(imported(path))
        if name.partition(".")[0] in forbidden
    ]


@pytest.mark.parametrize("place", RULES)
def test_no_import_against_the_layers(place: str) -> None:
    assert violations(sources(place), RULES[place]) == []


@pytest.mark.parametrize("place", FREE_OF_SPARK)
def test_nothing_reached_through_ralm_imports_spark(place: str) -> None:
    """The imports of imports too: these packages run in processes that have no Spark."""
    waiting, seen = sources(place), set()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        for name in imported(path):
            if name.startswith("ralm."):
                module = ROOT / Path(*name.split("."))
                waiting += [p for p in (module.with_suffix(".py"), module / "__init__.py") if p.exists()]
    assert violations(sorted(seen), SPARK) == []


def test_the_rules_can_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    (tmp_path / "ralm" / "models").mkdir(parents=True)
    offender = tmp_path / "ralm" / "models" / "tower.py"
    offender.write_text("from ..session import x\nimport numpy\ndef f():\n    from pyspark.sql import DataFrame\n")
    assert "ralm.session" in imported(offender)
    assert violations(sources("ralm/models"), SPARK) == [
        "tower.py imports pyspark.sql",
        "tower.py imports pyspark.sql.DataFrame",
    ]
