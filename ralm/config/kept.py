"""The configuration as a release keeps it: resolved, as JSON, without secrets."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping
from typing import Any

from ralm.config.load import Config
from ralm.errors import is_secret, masked_settings

# What only says where a secret is, as in the section `storage`.
_VARIABLE = re.compile(r"\$\{\w+\}")
HIDDEN = "***"


def kept_configuration(config: Config, system: str, dates: Mapping[str, dt.date]) -> str:
    """The settings of a release as JSON.

    Args:
        config: resolved: with values for what was left to the data.
        system: what scores its audiences, in place of `scoring.system: auto`.
        dates: a0 to a3, in place of shares and words.
    """
    content = config.model_dump(mode="json")
    content["scoring"]["system"] = system
    content["dates"] |= {name: str(date) for name, date in dates.items()}
    return json.dumps(without_secrets(content), ensure_ascii=False)


def without_secrets(content: Any) -> Any:
    """The same nested content with `***` for the values of secret keys, and for the passwords in URLs and texts."""
    if isinstance(content, dict):
        return {
            key: HIDDEN
            if isinstance(value, str) and is_secret(str(key)) and not _VARIABLE.fullmatch(value)
            else without_secrets(value)
            for key, value in content.items()
        }
    if isinstance(content, list):
        return [without_secrets(value) for value in content]
    return masked_settings(content) if isinstance(content, str) else content
