"""What the README and the manual tell their reader to type or to expect is so."""

import ast
import re
from pathlib import Path

import pytest

from ralm.config import load_config

ROOT = Path(__file__).resolve().parents[1]
README, MANUAL = "README.md", "docs/manual.md"
TEXTS = {name: (ROOT / name).read_text(encoding="utf-8") for name in (README, MANUAL)}
LINKS = sorted({(name, target) for name, text in TEXTS.items() for target in re.findall(r"\]\(([^)#:]+)\)", text)})


def indented(document: str, start: str) -> str:
    """The indented block whose first line begins so, without its indentation."""
    lines = TEXTS[document].splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith(f"    {start}"))
    block = []
    for line in lines[first:]:
        if line and not line.startswith("    "):
            break
        block.append(line[4:])
    return "\n".join(block)


@pytest.mark.parametrize(("document", "domains"), [(README, ["reading"]), (MANUAL, ["reading", "shopping"])])
def test_the_configuration_for_ones_own_data_is_valid(tmp_path: Path, document: str, domains: list[str]) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(indented(document, "name: mine"), encoding="utf-8")
    config = load_config(path)
    assert config.ingest is not None
    assert [source.domain for source in config.ingest.events] == domains


def test_the_make_targets_are_there() -> None:
    targets = re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for text in TEXTS.values():
        named = re.findall(r"^ {4}make ([a-z-]+)|`make ([a-z-]+)", text, re.MULTILINE)
        assert {"demo", "test", "help"} <= {a or b for a, b in named} <= set(targets)


def test_the_jobs_are_described_as_they_describe_themselves() -> None:
    described = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|$", TEXTS[MANUAL], re.MULTILINE))
    jobs = {path.stem: path for path in (ROOT / "jobs").glob("*.py") if "run_job(main" in path.read_text()}
    assert described.keys() == jobs.keys()
    for name, path in jobs.items():
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        assert described[name] == " ".join(docstring.split()), name


@pytest.mark.parametrize(("document", "target"), LINKS)
def test_the_links_lead_somewhere(document: str, target: str) -> None:
    assert ((ROOT / document).parent / target).exists()
