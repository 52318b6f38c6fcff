"""Time intervals as the command line gives them: 30s, 5m, 2h."""

from __future__ import annotations

import datetime as dt
import re

from ralm.errors import ConfigError

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours"}


def interval(text: str, option: str = "--trigger") -> dt.timedelta:
    """The time that `30s`, `1m` or `2h` stand for.

    Raises:
        ConfigError: the text has another form, or six digits are too few for it.
    """
    found = re.fullmatch(r"([1-9][0-9]{0,5})([smh])", text)
    if found is None:
        raise ConfigError(f"{option} {text}: expected a number and s, m or h, such as 30s or 1m")
    return dt.timedelta(**{_UNITS[found[2]]: int(found[1])})
