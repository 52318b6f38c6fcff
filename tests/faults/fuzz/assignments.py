"""Mutated `--set section.key=value`: right or wrong keys, with values of every kind."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache
from typing import Any

import yaml

from ralm.config import load_config
from tests.faults.fuzz.configurations import OUT_OF_PLACE, ROOT, SECRETS, trees
from tests.faults.fuzz.text_damage import damaged
from tests.faults.fuzz.tree_damage import VALUES, at, places
from tests.faults.fuzz.trial import SECRET, Case

CONFIGURATIONS = [ROOT / "conf" / name for name in ("tiny.yaml", "demo.yaml", "kuairand.yaml")]
SECRET_KEYS = ("spark.conf.fs.s3a.secret.key", "storage.secret_key", "storage.access_key.x", "storage.session_token")


@cache
def known() -> list[tuple[str, Any]]:
    """The keys of the configurations, with their values."""
    found = [(path, tree) for tree in [*trees(), SECRETS] for path in places(tree)]
    return [(".".join(map(str, path)), at(tree, path)) for path, tree in found]


def _text(value: Any, drawn: random.Random) -> str:
    if isinstance(value, str) and drawn.random() < 0.5:
        return value  # as people write it: without quotes
    try:
        return yaml.safe_dump(value, default_flow_style=True, allow_unicode=True).removesuffix("\n...\n")
    except (ValueError, yaml.YAMLError):
        return repr(value)


def draw(drawn: random.Random) -> tuple[str, str, bool]:
    """How an assignment was made, the assignment, and whether its value is a secret that must not be shown."""
    if drawn.random() < 0.1:
        key = drawn.choice(SECRET_KEYS)
        value = drawn.choice([SECRET, f"*{SECRET}", f"!{SECRET}", f"[{SECRET}", f"'{SECRET}", f"{SECRET}: {SECRET}"])
        return f"secret {key}", f"{key}={value}", True
    key, value = drawn.choice(known())
    how, text = "as known", _text(value, drawn)
    if drawn.random() < 0.6:
        how, text = "another value", _text(drawn.choice([*VALUES, drawn.choice(known())[1]]), drawn)
    assignment = f"{key}={text}"
    if drawn.random() < 0.4:
        ways, spoilt = damaged(assignment.encode("utf-8", errors="replace"), drawn)
        how, assignment = f"{how}, {ways}", spoilt.decode("utf-8", errors="surrogateescape")
    return f"{how}: {key}", assignment, False


def cases(drawn: random.Random) -> Iterator[Case]:
    """Assignments without end, one to three at once."""
    while True:
        path = drawn.choice(CONFIGURATIONS)
        named = [draw(drawn) for _ in range(drawn.choice([1, 1, 1, 2, 3]))]
        given = [assignment for _, assignment, _ in named]
        how = "; ".join(name for name, _, _ in named)

        def read(path: Any = path, given: Any = given) -> str:
            load_config(path, given).digest()
            return "read"

        hides = all(secret or SECRET not in text for _, text, secret in named)
        yield Case(how, read, given, "", hides and not any(way in how for way in OUT_OF_PLACE))
