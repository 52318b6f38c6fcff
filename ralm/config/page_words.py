"""Words for the page of the configuration: types, bounds, defaults, and rules by which settings follow from data."""

from __future__ import annotations

import json
import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from ralm.config.locations import Location, plain_path
from ralm.config.rules import EARLIER_CLICKS, LENGTHS, PER_CLICK, RULES, Below, Power, Root, Same
from ralm.config.section import Identifier, Section

# Rules that look at more than a count, by key (ralm/config/auto.py).
OTHER_RULES = {
    "objective": "",  # its description says it
    "user_model.representations": "the strong domain; below 10⁸ users also the largest other one in which half of the "
    "active users act",
    "lookalike.user_bias": "true",
    "lookalike.logq": "true",
    "lookalike.clicked_cap": "0 with `objective: feed`; with `audience` by users: {earlier}",
    "fields.history.length": "what 99.9 % of the domain's users did (95 % from 10⁶ users), as one of {lengths}; at "
    "most 500 from 10⁵ users, 300 from 10⁶, 100 from 10⁸",
    "comparison.window": "`all` for logs without times, else `later`",
    "ingest.sampled_negatives.per_click": "by clicks: {per_click}",
    "ingest.sampled_negatives.slots": "100,000 for logs without times, else 10,000",
}
# The pattern of a name (ralm/config/section.py).
_NAME = r"^[A-Za-z][A-Za-z0-9_]*$"
_NAMED = {str: "text", int: "whole number", float: "number", bool: "true or false", type(None): "null"}


def described(section: type[Section]) -> list[str]:
    """The paragraphs of a section's docstring."""
    return [" ".join(text.split()) for text in (section.__doc__ or "").split("\n\n")]


def sentence(section: type[Section]) -> str:
    """What a section is: the first paragraph of its docstring."""
    return described(section)[0]


def escaped(text: str) -> str:
    """Text for a cell of a Markdown table: no tags, no arrows of two signs; what is code stays as it is."""
    parts = text.replace("->", "→").split("`")
    parts[::2] = [part.replace("<", "&lt;").replace("*.", "\\*.") for part in parts[::2]]
    return "`".join(parts)


def type_words(field: FieldInfo) -> str:
    """A key's type as a reader of YAML would say it."""
    if any(getattr(check, "func", None) is plain_path for check in field.metadata):
        return "path"
    if any(getattr(check, "pattern", None) == _NAME for check in field.metadata):
        return "name"
    return _type(field.annotation)


def _type(kind: Any) -> str:
    origin = get_origin(kind)
    if kind == Identifier:
        return "name"
    if kind == Location:
        return "path"
    if origin is Annotated:
        return _type(get_args(kind)[0])
    if origin is Literal:
        return ", ".join(f"`{_yaml(value)}`" for value in get_args(kind))
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(_type(part) for part in get_args(kind)))
    if origin is list:
        return f"list of {_type(get_args(kind)[0])}"
    if origin is dict:
        return f"{_type(get_args(kind)[0])} → {_type(get_args(kind)[1])}"
    if kind in _NAMED:
        return _NAMED[kind]
    return {"date": "date", "datetime": "time", "Any": "any value"}[getattr(kind, "__name__", str(kind))]


def bounds(field: FieldInfo) -> str:
    """The least and largest value, the least length, or the pattern of a key."""
    found = [_bound(check) for check in _checks(field)]
    return ", ".join(dict.fromkeys(text for text in found if text))


def _checks(field: FieldInfo) -> list[Any]:
    """The checks of a field and of the elements of its list."""
    checks, kinds = list(field.metadata), [field.annotation]
    while kinds:
        kind = kinds.pop()
        if kind == Identifier:  # a name; its pattern says no more
            continue
        if get_origin(kind) is Annotated:
            checks += [part for found in get_args(kind)[1:] for part in getattr(found, "metadata", [found])]
        kinds += [part for part in get_args(kind) if not isinstance(part, str | int | float | FieldInfo)]
    return checks


def _bound(check: Any) -> str:
    match check:
        case annotated_types.Ge():
            return f"≥ {_number(check.ge)}"
        case annotated_types.Gt():
            return f"> {_number(check.gt)}"
        case annotated_types.Le():
            return f"≤ {_number(check.le)}"
        case annotated_types.Lt():
            return f"< {_number(check.lt)}"
        case annotated_types.MinLen():
            return "not empty"
    pattern = getattr(check, "pattern", None)
    return f"`{pattern}`" if pattern and pattern != _NAME else ""


def default(field: FieldInfo) -> str:
    """A key's default as YAML writes it; empty: the key is required, or its section is left out."""
    if field.json_schema_extra == {"auto": True}:
        return "`auto`"
    value = field.get_default(call_default_factory=True, validated_data={}) if not field.is_required() else None
    if field.is_required() or value is PydanticUndefined or isinstance(value, BaseModel):
        return ""
    if isinstance(value, dict) and any(isinstance(part, BaseModel) for part in value.values()):
        return f"`{{{', '.join(f'{name}: {{}}' for name in value)}}}`"
    text = _yaml(value)
    if not isinstance(value, list) or len(text) <= 60:
        return f"`{text}`"
    return f"{len(value)} values: `{_yaml(value[:5])[1:-1]}`, …"


def _yaml(value: Any) -> str:
    if isinstance(value, str):
        return value or '""'
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _number(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_yaml, value))}]"
    return json.dumps(value, default=str).strip('"')


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def rule(path: str, field: FieldInfo) -> str:
    """How a key that is `auto` follows from the data; empty for any other key.

    Raises:
        KeyError: the key is `auto`, and no rule is known.
    """
    if field.json_schema_extra != {"auto": True}:
        return ""
    if path in OTHER_RULES:
        lengths = ", ".join(map(str, LENGTHS))
        steps = {"earlier": _steps(EARLIER_CLICKS), "per_click": _steps(PER_CLICK)}
        text = OTHER_RULES[path].format(**steps, lengths=lengths)
        return f"*auto*: {text}" if text else ""
    found = RULES[path]
    by = found.by.removeprefix("as ")
    joint = ", by " if by == found.by else ", for "
    return f"*auto*{joint + by if by else ''}: {_value(found.value)}"


def _value(value: Any) -> str:
    match value:
        case Below():
            return _steps(value)
        case Root():
            return f"the power of two nearest to its square root, {value.low:,} to {value.high:,}"
        case Power():
            return f"the largest power of two up to it, at most {value.at_most:,}"
        case Same():
            return f"{_yaml(value.value)} at any size"
    raise KeyError(f"no words for the rule {value!r}")


def _steps(rule: Below) -> str:
    parts = [f"{_yaml(value)} below {_number(int(bound))}" for bound, value in rule.bounds]
    return ", ".join([*parts, f"else {_yaml(rule.last)}"])
