"""docs/configuration.md is what the settings say, and it says something of every key."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import Field

from ralm.config import Config, Lookalike, Section
from ralm.config.page import PAGE, inner_section, page, sections
from ralm.config.page_words import bounds, default, escaped, rule, type_words
from ralm.config.rules import RULES

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATIONS = [*sorted((ROOT / "conf").glob("*.yaml")), *sorted((ROOT / "docs" / "layouts").glob("*.yaml"))]


def test_the_page_is_what_the_settings_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m ralm.config.page"


def keys(content: Any) -> set[str]:
    """All keys that a configuration gives, without names of its own (columns, options, variants, Spark settings)."""
    found: set[str] = set()
    if isinstance(content, list):
        return found.union(*map(keys, content))
    if isinstance(content, dict):
        for key, value in content.items():
            found.add("on" if key is True else str(key))
            found |= set() if key in ("columns", "options", "variants", "conf", "settings") else keys(value)
    return found


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: path.stem)
def test_every_key_of_the_configurations_is_on_the_page(path: Path) -> None:
    shown = set(re.findall(r"^\| `(\w+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    headings = set(re.findall(r"^##+ ([\w.]+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    assert keys(yaml.safe_load(path.read_text(encoding="utf-8"))) - shown - headings == set()


def test_every_key_says_what_it_is() -> None:
    silent = [
        f"{part.path}.{name}"
        for part in sections(Config)
        for name, field in part.section.model_fields.items()
        if not field.description and inner_section(field) is None
    ]
    assert silent == []


def test_every_key_that_follows_from_the_data_has_its_rule() -> None:
    rows = re.findall(r"^\| `(\w+)` \|.*\*auto\*.*\|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    sized = [name for part in sections(Config) for name in part.section.sized_keys()]
    assert sorted(rows) == sorted(sized)
    assert len(sized) >= len(RULES)


class Some(Section):
    """Something.

    And more <of> it.
    """

    share: float = Field(default=0.25, gt=0, le=1, description="a share")
    names: list[str] = Field(default_factory=list, min_length=1)
    size: str = Field(default="1g", pattern=r"^\d+g$")
    many: int | None = Field(default=None, ge=1_000)
    free: dict[str, Any] = Field(default_factory=dict)


def test_words() -> None:
    fields = Some.model_fields
    assert [type_words(field) for field in fields.values()] == [
        "number", "list of text", "text", "whole number or null", "text → any value",
    ]  # fmt: skip
    assert [default(field) for field in fields.values()] == ["`0.25`", "`[]`", "`1g`", "`null`", "`{}`"]
    assert [bounds(field) for field in fields.values()] == ["> 0, ≤ 1", "not empty", r"`^\d+g$`", "≥ 1,000", ""]
    assert escaped("a -> <b>, `<c>`, conf/*.conf") == r"a → &lt;b>, `<c>`, conf/\*.conf"


def test_a_rule_in_words_gives_what_the_rule_gives() -> None:
    text = rule("lookalike.min_seeds", Lookalike.model_fields["min_seeds"])
    assert text == "*auto*, by clicks of a small item: 5 below 100, 10 below 200, else 20"
    found = RULES["lookalike.min_seeds"].value
    assert [found(count) for count in (0, 99, 100, 199, 200, 10**9)] == [5, 5, 10, 10, 20, 20]
    assert rule("lookalike.alpha", Lookalike.model_fields["alpha"]) == ""
    with pytest.raises(KeyError):
        rule("lookalike.unheard_of", Lookalike.model_fields["clusters"])
