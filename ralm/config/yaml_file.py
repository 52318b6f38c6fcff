"""YAML as configurations are written: in UTF-8, every key once, dates that exist; a mistake is said with its line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from ralm.errors import ConfigError, MissingInputError, is_secret, is_unicode

_HARD_BLANKS = ("\u00a0", "\u3000", "\u2003")
HIDDEN = "***"
_BOMS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


# Levels of lists and mappings within each other: a configuration has eight, and the parser ends at some 200.
DEEPEST = 50
# Bytes; the parser needs seconds for so many.
LARGEST_FILE = 2**20
# No setting takes a larger number, and Python writes none of more than 4,300 digits.
LARGEST_BITS = 1_024


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, which refuses a key that is given twice in one mapping, and dates that do not exist.

    It says the line of every value that is not what it is written as, such as `!!bool maybe`, and of what is nested too
    deeply.
    """

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self.depth += 1
        if self.depth > DEEPEST:
            line = self.peek_event().start_mark.line + 1  # type: ignore[no-untyped-call]
            raise ConfigError(f"line {line}: nested more than {DEEPEST} levels deep")
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        line = node.start_mark.line + 1
        try:
            value = super().construct_object(node, deep)
        except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
            kind = node.tag.rpartition(":")[2]
            shown = _unless_secret(str(node.value)[:40], node.start_mark)
            raise ConfigError(f"line {line}: '{shown}' is no {kind}: {type(error).__name__}") from error
        if isinstance(value, int) and value.bit_length() > LARGEST_BITS:
            raise ConfigError(f"line {line}: a number of {value.bit_length():,} bits is larger than any setting")
        if isinstance(value, str) and not is_unicode(value):
            raise ConfigError(f"line {line}: it has half a character (\\ud800 to \\udfff)")
        return value

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
            shown = _unless_secret(node.value, node.start_mark)
            raise ConfigError(f"line {line}: there is no such date or time as {shown}: {error}") from error


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
    """What the parser found, and where; not the lines themselves, which may hold a secret."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return " ".join(str(error).replace(' in "<unicode string>",', "").split())
    parts = []
    for text, mark in ((error.context, error.context_mark), (error.problem, error.problem_mark)):
        if text is not None:
            where = "" if mark is None else f" in line {mark.line + 1}, column {mark.column + 1}"
            parts.append(f"{' '.join(_unless_secret(text, mark).split())}{where}")
    return ", ".join(parts)


def _unless_secret(text: str, mark: yaml.Mark | None) -> str:
    """A text from the file, or about it; without what is quoted if its line gives a secret key."""
    if mark is None or mark.buffer is None:
        return text
    line = mark.buffer[mark.buffer.rfind("\n", 0, mark.pointer) + 1 :].partition("\n")[0]
    if not is_secret(line):
        return text
    return re.sub(r"'.*'", f"'{HIDDEN}'", text) if "'" in text else HIDDEN


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
        ConfigError: it is not in UTF-8, or too large.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except (OSError, ValueError) as error:  # a value error: the name holds a zero byte
        said = getattr(error, "strerror", None) or error
        raise MissingInputError(f"configuration {path}: {said}; give an existing file") from error
    if len(content) > LARGEST_FILE:
        raise ConfigError(f"configuration {path}: over {LARGEST_FILE >> 10:,} KiB, which is no configuration")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        found = _BOMS.get(content[:2])
        line = content[: error.start].count(b"\n") + 1
        what = f"it is {found}" if found else f"line {line} has the byte 0x{content[error.start]:02x}"
        raise ConfigError(f"configuration {path}: not UTF-8, {what}: save the file as UTF-8") from error
