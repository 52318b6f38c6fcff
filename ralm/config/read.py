"""How a configuration is read: a YAML file, assignments over it, and what its sections must agree on."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ralm.config.checks import problems
from ralm.config.load import Config
from ralm.config.mistakes import described_error, listed, shortened
from ralm.config.yaml_file import HIDDEN, parse_yaml, read_text
from ralm.errors import ConfigError, is_secret, is_unicode


def _set(content: dict[str, Any], assignment: str) -> None:
    key, separator, text = assignment.partition("=")
    secret = is_secret(key)
    shown = f"{key}={HIDDEN}" if secret else shortened(assignment)
    if not is_unicode(key):
        raise ConfigError(f"--set {shown}: not UTF-8")
    if not separator or not key.strip():
        raise ConfigError(f"--set {shown}: expected section.key=value")
    *parents, last = key.strip().split(".")
    node = content
    for parent in parents:
        child = node.setdefault(parent, {})
        if not isinstance(child, dict):
            raise ConfigError(f"--set {shown}: '{parent}' is not a section")
        node = child
    try:
        node[last] = parse_yaml(text)
    except ConfigError as error:
        raise ConfigError(f"--set {shown}: {'not YAML: put it in quotes' if secret else error}") from error


def load_config(path: str | Path, assignments: list[str] | None = None) -> Config:
    """Read a YAML file and apply `section.key=value` assignments over it.

    Raises:
        MissingInputError: the file does not exist.
        ConfigError: not UTF-8, not YAML, a key given twice, an unknown key, a wrong type, a value out of bounds, a
            contradiction.
    """
    text = read_text(path)
    try:
        content = parse_yaml(text)
        if not isinstance(content, dict):
            raise ConfigError("the file is empty" if content is None else "expected a mapping of sections")
        for assignment in assignments or []:
            _set(content, assignment)
        notes = _repeated(content)
        config = Config.model_validate(content)
    except ConfigError as error:
        raise ConfigError(f"configuration {path}: {error}") from error
    except ValidationError as error:
        raise ConfigError(f"configuration {path}: {described_error(error, Config)}") from error
    if found := problems(config):
        raise ConfigError(f"configuration {path}: {listed(found)}")
    config._notes.extend(notes)
    return config


def _repeated(content: dict[str, Any]) -> list[str]:
    """What to say of items that `scoring.items` names more than once; they count once (see `Scoring`)."""
    scoring = content.get("scoring")
    items = scoring.get("items") if isinstance(scoring, dict) else None
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        return []
    again = [item for item, times in Counter(items).items() if times > 1]
    if not again:
        return []
    shown = ", ".join(again[:5]) + (", …" if len(again) > 5 else "")
    return [f"scoring.items: {len(items):,} names of {len(set(items)):,} items; named more than once: {shown}"]
