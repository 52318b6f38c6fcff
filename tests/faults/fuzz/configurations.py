"""Mutated configurations: every one is read, or refused in one line that names the file, and within five seconds."""

from __future__ import annotations

import itertools
import random
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from ralm.config import load_config
from tests.faults.fuzz.text_damage import damaged
from tests.faults.fuzz.tree_damage import spoilt
from tests.faults.fuzz.trial import SECRET, Case

# That of libyaml is several times as fast.
DUMPER = getattr(yaml, "CDumper", yaml.Dumper)
ROOT = Path(__file__).resolve().parents[3]
# Sections that hold secrets, added to some of the configurations: what is said of mistakes must not show them.
SECRETS: dict[str, Any] = {
    "serving": {"store": f"redis://:{SECRET}@cache:6379/0"},
    "spark": {"conf": {"fs.s3a.secret.key": SECRET, "spark.ssl.keyPassword": SECRET}},
    "storage": {"access_key": "${HOME}", "secret_key": "${HOME}", "endpoint": "https://store:9000"},
}
IN_AN_ADDRESS: dict[str, Any] = SECRETS | {"storage": {"endpoint": f"https://user:{SECRET}@store"}}
WITHOUT_VARIABLE: dict[str, Any] = SECRETS | {"storage": {"access_key": SECRET, "secret_key": SECRET}}
# Ways that put a secret where nobody can know that it is one.
OUT_OF_PLACE = ("other_value", "misspell", "share", "move")


@cache
def texts() -> list[bytes]:
    """The configurations of this project."""
    secret = [yaml.dump(yaml.safe_load((ROOT / "conf" / "demo.yaml").read_bytes()) | SECRETS).encode()] * 3
    paths = [*sorted((ROOT / "conf").rglob("*.yaml")), *sorted((ROOT / "docs" / "layouts").glob("*.yaml"))]
    return [*(path.read_bytes() for path in paths), *secret]


@cache
def trees() -> list[Any]:
    """The same, parsed, and as a configuration is kept with all its defaults."""
    found = [yaml.safe_load(text) for text in texts()]
    whole = load_config(ROOT / "conf" / "tiny.yaml").model_dump(mode="json")
    return [*found, whole | {"fields": found[0].get("fields", whole["fields"])}, whole]


def _laughs() -> str:
    """A list of nine lists of nine lists …, each an alias of the same one."""
    inner = [f"{b}: &{b} [{','.join(['*' + a] * 9)}]\n" for a, b in itertools.pairwise("abcdefgh")]
    return "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(inner)


_LAUGHS_AT_SETTINGS = (
    (ROOT / "conf" / "tiny.yaml").read_text(encoding="utf-8").partition("\nvariants:")[0]
    + "\nvariants:\n  ralm:\n    settings:\n"
    + "".join(f"      {line}\n" for line in _laughs().splitlines())
)
BOMBS = [
    _laughs() + "name: x\n", "name: x\nvariants: {ralm: {settings: {clusters: *h}}}\n" + _laughs(), _LAUGHS_AT_SETTINGS,
    "name: x\nfields: &f {history: *f}\n",
    "fields: &f {history: [*f, *f]}\nname: x\nsimulate: {}\n",
    "a: &a [*a]\n", "&a {name: *a}\n", "&a [*a]\n", "? &a [x]\n: *a\n", "name: &n x\n*n : y\n", "<<: &m {<<: *m}\n",
    "[" * 3_000, "{a: " * 3_000, "- " * 3_000, "? " * 2_000, "a:\n" + "".join(" " * n + "a:\n" for n in range(1, 900)),
    "[" * 100_000, "name: " + "9" * 100_000, "name: !!binary " + "A" * 10_000, "name: !!python/object:os.system x",
    "name: !!timestamp 2024-13-45", "name: !!int x", "name: !!float x", "name: !!set {a, b}", "name: !!omap [a: 1]",
    "name: !!pairs [a: 1]", "!!str name: x", "name: !!null x", "name: !!bool maybe", "name: !!merge x", "<<: 5",
    "<<: [1]", "<<: [{a: 1}, {a: 2}]", "name: a\n---\nname: b\n", "%YAML 9.9\n---\nname: a",
    "%TAG ! tag:x,2000:\n---\nname: !a b",
    "name: 0b" + "1" * 5_000, "name: 1:" + "59:" * 5_000 + "1", "name: 2024-01-01T00:00:00+99:99", "name: 0o9",
    "name: 1e999999", "name: -.INF", "[a, b]: c", "{a: b}: c", "? [a]\n: b", "? {a: b}\n: c",
    "2024-01-01: x", "2024-02-30: x", "null: x",
    "1: x\n1.0: y", "true: x\n1: y", ".nan: x\n.nan: y", "name: \"\\ud800\"", "name: \"\\x00\"",
    "name: \"\\U00110000\"", "\"\\ud800\": x",
]  # fmt: skip


def _read(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    load_config(path).digest()
    return "read"


def _case(how: str, folder: Path, content: bytes, hides: bool = True) -> Case:
    path = folder / "mine.yaml"
    return Case(how, lambda: _read(path, content), content, str(path), hides)


def cases(drawn: random.Random) -> Iterator[Case]:
    """Configurations without end: two of three are wrong in content, the others as text."""
    with tempfile.TemporaryDirectory(prefix="fuzz") as name:
        folder = Path(name)
        for text in BOMBS:
            yield _case("bomb", folder, text.encode())
        while True:
            if drawn.random() < 0.4:
                how, content = damaged(drawn.choice(texts()), drawn)
            else:
                tree = drawn.choice(trees())
                how, tree = spoilt(tree | drawn.choice([{}, SECRETS, IN_AN_ADDRESS, WITHOUT_VARIABLE]), drawn)
                try:
                    content = yaml.dump(
                        tree, Dumper=DUMPER, allow_unicode=drawn.random() < 0.5, default_flow_style=None
                    ).encode()
                except ValueError:  # an integer of too many digits
                    continue
            yield _case(how, folder, content, not any(way in how for way in OUT_OF_PLACE))
