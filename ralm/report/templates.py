"""The page templates beside this file."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template


def resource(name: str) -> str:
    """The text of a file of this package."""
    return files("ralm.report").joinpath(name).read_text(encoding="utf-8")


def template(name: str, **filters: Callable[..., Any]) -> Template:
    """A template that escapes what it shows and refuses what it does not know, with the page's own filters.

    It may include the other files of this package.
    """
    environment = Environment(
        loader=FunctionLoader(resource),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters.update(filters)
    return environment.get_template(name)
