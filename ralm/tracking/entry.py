"""What is recorded of a release: names, numbers, curves and files, whatever tracker keeps them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# MLflow's longest value of a parameter.
LONGEST = 6_000


@dataclass(frozen=True)
class Entry:
    """A run of a tracker.

    Attributes:
        name: of the run: the release's id.
        tags: what the release is made of: versions of tables and models, its date.
        parameters: settings by their dotted names.
        metrics: figures by their names.
        curves: name -> value per epoch, the first one's number is 1.
        files: paths on this machine.
        texts: name of a file -> its content.
    """

    name: str
    tags: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    curves: Mapping[str, list[float]] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)


def parameters(content: Mapping[str, Any], above: str = "") -> dict[str, str]:
    """Settings by their dotted names; lists as JSON. What is not set or longer than `LONGEST` is left out.

    Example:
        >>> parameters({"seed": 1, "lookalike": {"clusters": 20, "seeds": [1, 2], "bias": None}})
        {'seed': '1', 'lookalike.clusters': '20', 'lookalike.seeds': '[1, 2]'}
    """
    found: dict[str, str] = {}
    for key, value in content.items():
        name = f"{above}{key}"
        if isinstance(value, Mapping):
            found |= parameters(value, f"{name}.")
        elif value is not None:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            found |= {allowed(name): text} if len(text) <= LONGEST else {}
    return found


def allowed(name: str) -> str:
    """A name in the letters that trackers allow.

    Example:
        >>> allowed("new_items@100/recall@5%")
        'new_items_at_100/recall_at_5_percent'
    """
    return re.sub(r"[^\w\-./ ]", "_", name.replace("@", "_at_").replace("%", "_percent"), flags=re.ASCII)
