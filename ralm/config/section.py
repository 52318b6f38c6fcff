"""What all sections of the configuration share."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

# The type of a mistake whose value is not shown: it may be a secret.
HIDDEN_INPUT = "hidden_input"
Share = Annotated[float, Field(gt=0, lt=1)]
Merge = Literal["attention", "concat"]
NAME = r"^[A-Za-z][A-Za-z0-9_]*$"
Identifier = Annotated[str, Field(pattern=NAME)]


def _as_text(content: Any) -> Any:
    """Options as Spark takes them: YAML reads `true` and 3 as what they are."""
    if not isinstance(content, dict):
        return content
    return {
        key: str(value).lower() if isinstance(value, bool | int | float) else value for key, value in content.items()
    }


Options = Annotated[dict[str, str], BeforeValidator(_as_text)]


def sized(default: Any, **checks: Any) -> Any:
    """A field whose value follows from the data unless it is given: `auto` in YAML, a rule of `ralm.config.auto`.

    Args:
        default: the value of a section that is made in code and never resolved.
        checks: bounds and description, as for `pydantic.Field`.
    """
    return Field(default, json_schema_extra={"auto": True}, **checks)


class Section(BaseModel):
    """A part of the configuration: typed, immutable, closed to unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def sized_keys(cls) -> list[str]:
        """The keys that follow from the data unless they are given."""
        return [name for name, field in cls.model_fields.items() if field.json_schema_extra == {"auto": True}]

    @property
    def auto_keys(self) -> list[str]:
        """The keys that are left to the data."""
        return [name for name in self.sized_keys() if name not in self.model_fields_set]

    @model_validator(mode="before")
    @classmethod
    def _auto_is_not_given(cls, content: Any) -> Any:
        if not isinstance(content, dict):
            return content
        sized_keys = cls.sized_keys()
        return {key: value for key, value in content.items() if not (value == "auto" and key in sized_keys)}
