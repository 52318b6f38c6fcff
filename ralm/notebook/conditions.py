"""What the conditions of features in `audience_features` look like (`FieldSpec.feature_condition`)."""

from __future__ import annotations

import re

# Comparisons of columns and their entries with numbers, and nothing else: no function that runs code.
_TERM = r"(?:array_contains\(\w+, \d+\)|\w+(?:\[\d+\])? (?:=|<>|>=|<) -?[\d.]+(?:e[+-]?\d+)?)"
_CONDITION = re.compile(rf"{_TERM}(?: AND {_TERM})*")


def is_condition(text: str) -> bool:
    """Whether a text is a `feature_condition`: what a table holds is not run as SQL before it is looked at."""
    return _CONDITION.fullmatch(text) is not None
