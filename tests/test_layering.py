"""Who may import whom: commands → steps → udfs → ralm, and within them as docs/architecture.md draws it."""

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
    "ralm/warehouse": TORCH,
    "ralm/runs": TORCH,
    "ralm/evaluation": TORCH,
    "ralm/tracking": SPARK | TORCH,
}
# A folder of jobs/steps uses its own files and those of the levels before it.
LEVELS = (
    {"sources"},
    {"users", "seeds"},
    {"user_model"},
    {"lookalike"},
    {"systems"},
    {"report", "releases"},
    {"audiences"},
    {"audience_reports", "evaluation", "health", "refresh", "tracking"},
    {"forgetting"},
    {"nightly"},
    {"world"},
)
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


def modules(*places: str) -> dict[str, Path]:
    """Dotted name -> file."""
    files = [path for place in places for path in sources(place)]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in files}


def test_nobody_imports_a_command() -> None:
    known = modules("jobs", "ralm", "udfs", "benchmarks")
    commands = {name for name in known if name.count(".") == 1 and name.startswith("jobs.")}
    commands -= {"jobs.cli", "jobs.steps"}
    assert len(commands) == 33
    found = {f"{name} imports {used}" for name, path in known.items() for used in imported(path) & commands}
    assert found == set()


def test_commands_are_short() -> None:
    longer = {"pipeline.py": 100, "refresh.py": 100}
    lines = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in (ROOT / "jobs").glob("*.py")}
    assert {name for name, count in lines.items() if count > longer.get(name, 60)} == set()


def test_a_step_uses_only_what_is_made_before_it() -> None:
    level = {name: place for place, names in enumerate(LEVELS) for name in names}
    steps = ROOT / "jobs" / "steps"
    assert {path.stem for path in steps.iterdir() if not path.name.startswith("__")} == level.keys()
    wrong = []
    for name, path in modules("jobs/steps").items():
        own = name.split(".")[2] if name != "jobs.steps" else ""
        for used in sorted(imported(path)):
            parts = used.split(".")
            if parts[:2] == ["jobs", "steps"] and len(parts) > 2 and parts[2] != own and level[parts[2]] >= level[own]:
                wrong.append(f"{name} imports {used}")
            if parts[0] == "jobs" and len(parts) > 1 and parts[1] != "steps":
                wrong.append(f"{name} imports {used}")
    assert wrong == []


def test_delta_is_known_to_the_warehouse_alone() -> None:
    users = {name for name, path in modules("jobs", "ralm", "udfs").items() if violations([path], {"delta"})}
    assert {name for name in users if not name.startswith(("ralm.warehouse", "ralm.spark"))} == set()


def test_the_report_is_made_by_steps() -> None:
    known = modules("jobs", "ralm", "udfs")
    users = {name for name, path in known.items() if any(used.startswith("ralm.report") for used in imported(path))}
    assert {name for name in users if not name.startswith(("ralm.report", "jobs.steps"))} == set()


def test_no_circle_of_imports() -> None:
    known = modules("jobs", "ralm", "udfs")
    uses = {name: {used for used in imported(path) if used in known and used != name} for name, path in known.items()}
    while leaves := {name for name, used in uses.items() if not used}:
        uses = {name: used - leaves for name, used in uses.items() if name not in leaves}
    assert uses == {}


def test_a_long_file_says_why() -> None:
    for name, path in modules("jobs", "ralm", "udfs").items():
        text = path.read_text(encoding="utf-8")
        if len(text.splitlines()) > 300:
            assert "lines because" in (ast.get_docstring(ast.parse(text)) or ""), f"{name} has over 300 lines"


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
