"""YAML as configurations are written: in UTF-8, every key once, dates that exist; a mistake is said with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from ralm.errors import ConfigError, MissingInputError

_HARD_BLANKS = ("\u00a0", "\u3000", "\u2003")
_BOMS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, which refuses a key that is given twice in one mapping, and dates that do not exist."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        lines: dict[Any, int] = {}
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge" or not isinstance(key_node, yaml.ScalarNode):
                continue
            key, line = self.construct_object(key_node), key_node.start_mark.line + 1
            if key in lines:
                raise ConfigError(f"key '{key_node.value}' is given twice, in line {lines[key]} and in line {line}")
            lines[key] = line
        return super().construct_mapping(node, deep=deep)

    def dated(self, node: yaml.ScalarNode) -> Any:
        """A date or time; the value error of one that does not exist becomes a line for the user."""
        try:
            return self.construct_yaml_timestamp(node)
        except ValueError as error:
            line = node.start_mark.line + 1
            raise ConfigError(f"line {line}: there is no such date or time as {node.value}: {error}") from error


_Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.dated)


def parse_yaml(text: str) -> Any:
    """The content of a YAML document.

    Raises:
        ConfigError: not YAML, a key given twice, a date that does not exist: with the line.
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise ConfigError(f"not YAML: {_said(error)}{_remedy(str(error), text)}") from error
    except ValueError as error:  # such as an integer of 5,000 digits
        raise ConfigError(f"not YAML: {error}") from error


def _said(error: yaml.YAMLError) -> str:
    return " ".join(str(error).replace('in "<unicode string>", ', "in ").split())


def _remedy(said: str, text: str) -> str:
    lines = (number for number, line in enumerate(text.splitlines(), 1) if line.lstrip(" ")[:1] in _HARD_BLANKS)
    if number := next(lines, 0):
        return f"; line {number} begins with a blank of another kind: indent with plain blanks"
    if "'\\t'" in said:
        return "; indent with blanks, not with tabs"
    if "cannot start any token" in said or "expected chomping" in said or "mapping values are not allowed" in said:
        return "; an expression with signs such as % ` @ | or ': ' needs quotes round all of it"
    return ""


def read_text(path: str | Path) -> str:
    """The text of a configuration file.

    Raises:
        MissingInputError: the file cannot be opened.
        ConfigError: it is not in UTF-8.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise MissingInputError(f"configuration {path}: {error.strerror or error}; give an existing file") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        found = _BOMS.get(content[:2])
        line = content[: error.start].count(b"\n") + 1
        what = f"it is {found}" if found else f"line {line} has the byte 0x{content[error.start]:02x}"
        raise ConfigError(f"configuration {path}: not UTF-8, {what}: save the file as UTF-8") from error
