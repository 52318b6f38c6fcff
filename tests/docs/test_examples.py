"""The examples of docs/your-data.md are configurations: each is read, on top of the smallest one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ralm.config import load_config
from ralm.config.sources import Ingest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "your-data.md"
BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def merged(base: Any, over: Any) -> Any:
    if isinstance(base, dict) and isinstance(over, dict):
        return base | {key: value if key == "columns" else merged(base.get(key), value) for key, value in over.items()}
    return over


def content(block: str) -> dict[str, Any]:
    """An example, with what the smallest mapping has beside it."""
    found: dict[str, Any] = merged(yaml.safe_load(BLOCKS[0]), yaml.safe_load(block))
    return found


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_an_example_is_a_configuration(block: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(content(block), allow_unicode=True), encoding="utf-8")
    config = load_config(str(path))
    assert config.ingest is not None


def test_the_first_example_stands_alone(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(BLOCKS[0], encoding="utf-8")
    config = load_config(str(path))
    assert [field.domain for field in config.fields.history] == ["reading"]


def test_every_option_of_a_mapping_has_an_example() -> None:
    text = "\n".join(BLOCKS)
    fields = {**Ingest.model_fields}
    for name in ("events", "impressions", "users", "items", "sampled_negatives"):
        fields.pop(name)
    keys = [*fields, "explode", "join", "where", "columns", "time_format", "time_zone", "domain", "keep"]
    keys += ["category_separator", "path", "table", "format", "options", "version", "per_click", "bucket"]
    keys.remove("more_impressions")
    assert [key for key in keys if not re.search(rf"\b{key}:", text)] == []
    formats = ["csv", "jsonl", "text", "delta"]
    assert [name for name in formats if f"format: {name}" not in text] == []
