"""Some of the mutated inputs of every kind; more of them: `python -m tests.faults.fuzz`."""

from importlib import import_module

import pytest

from tests.faults.fuzz.trial import run


def tried(kind: str, count: int, seed: int) -> set[str]:
    """What came of the inputs; none went wrong."""
    report = run(import_module(f"tests.faults.fuzz.{kind}").cases, count, seed)
    assert [f"{case.name}: {wrong}" for case, wrong in report.wrong] == []
    assert report.count == count
    return set(report.outcomes)


@pytest.mark.parametrize(
    ("kind", "count", "outcomes"),
    [
        ("configurations", 200, {"read", "refused (2)"}),
        ("assignments", 60, {"read", "refused (2)"}),
        ("lists", 300, {"read", "refused (2)", "refused (3)"}),
    ],
)
def test_each_input_is_read_or_refused_in_one_line(kind: str, count: int, outcomes: set[str]) -> None:
    assert tried(kind, count, seed=101) == outcomes


@pytest.mark.long
@pytest.mark.parametrize(
    ("kind", "count", "outcomes"),
    [
        ("configurations", 400, {"read", "refused (2)"}),
        ("command_lines", 200, {"help", "read", "refused (2)", "refused (4)"}),
        ("suggestions", 100, {"suggested", "refused (3)"}),
        ("warehouses", 60, {"told", "refused (1)", "refused (4)"}),
        ("models", 50, {"as written", "left out", "refused (3)", "refused (4)"}),
    ],
)
def test_more_inputs(kind: str, count: int, outcomes: set[str]) -> None:
    assert tried(kind, count, seed=102) <= outcomes


@pytest.mark.soak
@pytest.mark.spark
@pytest.mark.parametrize(("kind", "count"), [("sources", 60), ("landing", 50)])
def test_inputs_that_spark_reads(kind: str, count: int) -> None:
    assert "wrong" not in tried(kind, count, seed=103)
