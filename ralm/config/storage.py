"""The section `storage`: which S3 server `s3a://` paths are on, and which variables hold the keys to it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from ralm.config.section import HIDDEN_INPUT, Section
from ralm.errors import ConfigError

SCHEME = "s3a://"


def _variable(text: str) -> str:
    name = text.removeprefix("${").removesuffix("}")
    if not text.startswith("${") or not text.endswith("}") or not name.isidentifier():
        raise PydanticCustomError(
            HIDDEN_INPUT, "a key is not written into a file: name a variable of the environment, such as ${S3_SECRET}"
        )
    return text


Variable = Annotated[str, AfterValidator(_variable)]


class Storage(Section):
    """The S3 server of `s3a://` paths, for Spark and for the programs beside it that read models and training files.

    Without a key here, the environment decides (`AWS_ENDPOINT_URL`, `AWS_REGION`, `AWS_ACCESS_KEY_ID`,
    `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`), and without those the role of the machine.
    """

    endpoint: str | None = Field(
        default=None, pattern=r"^https?://[^\s@/]+/?$", description="address of the server; default that of AWS"
    )
    region: str | None = Field(
        default=None, pattern=r"^[a-z0-9-]+$", description="of the buckets, such as eu-central-1"
    )
    access_key: Variable | None = Field(default=None, description="the variable with the key's id: `${S3_ACCESS_KEY}`")
    secret_key: Variable | None = Field(default=None, description="the variable with the key: `${S3_SECRET}`")
    session_token: Variable | None = Field(default=None, description="the variable with the token of a temporary key")

    @model_validator(mode="after")
    def _pair(self) -> Storage:
        if (self.access_key is None) != (self.secret_key is None):
            raise ValueError("give both of `access_key` and `secret_key`, or neither")
        return self

    def variables(self, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
        """The variables that the tools of AWS go by, from these settings over those of the environment.

        Raises:
            ConfigError: the environment lacks a variable that is named here.
        """
        given = {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": self.region,
            "AWS_ACCESS_KEY_ID": self._value("access_key", environment),
            "AWS_SECRET_ACCESS_KEY": self._value("secret_key", environment),
            "AWS_SESSION_TOKEN": self._value("session_token", environment),
        }
        # A token belongs to its key: that of the environment does not go with a key given here.
        own = {"AWS_SESSION_TOKEN"} if self.access_key is not None else set()
        found = {name: value or ("" if name in own else environment.get(name, "")) for name, value in given.items()}
        found["AWS_REGION"] = found["AWS_REGION"] or environment.get("AWS_DEFAULT_REGION", "")
        return {name: value for name, value in found.items() if value}

    def _value(self, key: str, environment: Mapping[str, str]) -> str | None:
        written: str | None = getattr(self, key)
        if written is None:
            return None
        name = written[2:-1]
        if name not in environment:
            raise ConfigError(f"storage.{key}: the environment has no variable '{name}'; set it where the driver runs")
        return environment[name]
