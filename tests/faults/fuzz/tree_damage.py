"""Ways in which the content of a configuration is wrong though its text is YAML: keys, values, places, shapes."""

from __future__ import annotations

import copy
import datetime as dt
import random
from collections.abc import Callable, Iterator
from typing import Any

Path = tuple[Any, ...]

VALUES: list[Any] = [
    *(None, True, False, 0, -1, 1, 2, 10**9, 2**31, 2**63, 2**64, -(2**63), 10**400, 0.0, -0.5, 0.5, 1.5, 1e308),
    *(float("nan"), float("inf"), float("-inf"), "", " ", "auto", "null", "none", "all", "1", "-1", "1e3", "0.5"),
    *("nan", "true", "2024-02-30", "2024-01-01", "é", "日本", "a b", "a.b", "a'b", "`a`", "\x00", "\n", "x" * 10_000),
    *("../..", "/", "~", "~nobody/x", "${HOME}", "${NO_SUCH}", "$", "s3a://", "redis://", "file://host/x", "C:\\x"),
    *("file:", "50%"),
    *("*", "[", "{a", "http://h/x", "\u202e", "💡", "Infinity", "EEEE", "'", "%Y", "yyyy-MM-dd"),
    *("a" * 300, "0" * 5_000),
    *([], [[]], [None], [1, 1], ["a", "a"], ["reading"], [{}], [{"domain": []}], {}, {"a": 1}, {None: 1}, {1: 2}),
    *({"": ""}, {"a": {"a": {"a": {}}}}, dt.date(2024, 1, 1), dt.date(1, 1, 1), dt.date(9999, 12, 31), b"\xff"),
    *(dt.datetime(2024, 1, 1, 5, tzinfo=dt.UTC), {("a", 1): 2}, {"a", "b"}, {True: "x"}, {"domain": {}}),
]  # fmt: skip


def places(tree: Any, path: Path = ()) -> Iterator[Path]:
    """The paths of all values in the tree but its root."""
    inside: Any = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in inside:
        yield (*path, key)
        yield from places(value, (*path, key))


def at(tree: Any, path: Path) -> Any:
    """The value at a path."""
    for key in path:
        tree = tree[key]
    return tree


def replace(tree: Any, path: Path, drawn: random.Random) -> None:
    """Another value."""
    at(tree, path[:-1])[path[-1]] = copy.deepcopy(drawn.choice(VALUES))


def other_value(tree: Any, path: Path, drawn: random.Random) -> None:
    """The value of another key."""
    value = copy.deepcopy(at(tree, drawn.choice(list(places(tree)))))
    at(tree, path[:-1])[path[-1]] = value


def misspell(tree: Any, path: Path, drawn: random.Random) -> None:
    """The key has a letter too few, too many, or another; or is no text at all."""
    holder, key = at(tree, path[:-1]), path[-1]
    if not isinstance(holder, dict):
        return
    text = str(key)
    place = drawn.randrange(len(text) + 1)
    wrong: Any = drawn.choice([
        text[:place] + text[place + 1 :], text[:place] + drawn.choice("xé_. -\x00") + text[place:], text.upper(),
        text[::-1], text + " ", "", None, 1, True, 1.5, dt.date(2024, 1, 1), "x" * 5_000, ("a", "b"),
    ])  # fmt: skip
    holder[wrong] = holder.pop(key)


def drop(tree: Any, path: Path, drawn: random.Random) -> None:
    """A key is missing."""
    del at(tree, path[:-1])[path[-1]]


def move(tree: Any, path: Path, drawn: random.Random) -> None:
    """A key is in another section."""
    value = at(tree, path[:-1]).pop(path[-1])
    sections = [tree, *(found for place in places(tree) if isinstance(found := at(tree, place), dict))]
    drawn.choice(sections)[path[-1]] = value


def wrap(tree: Any, path: Path, drawn: random.Random) -> None:
    """The value in a list, in a mapping, or as text."""
    holder, value = at(tree, path[:-1]), at(tree, path)
    holder[path[-1]] = drawn.choice([[value], [value, value], {path[-1]: value}, {"a": value}, str(value)])


def share(tree: Any, path: Path, drawn: random.Random) -> None:
    """The same object in two places, which YAML writes as an alias; it may hold itself."""
    value = at(tree, drawn.choice([(), *places(tree)]))
    at(tree, path[:-1])[path[-1]] = value


def nest(tree: Any, path: Path, drawn: random.Random) -> None:
    """The value deep within lists or mappings."""
    holder, value = at(tree, path[:-1]), at(tree, path)
    for _ in range(drawn.choice([3, 30, 60])):
        value = drawn.choice([[value], {"a": value}])
    holder[path[-1]] = value


def many(tree: Any, path: Path, drawn: random.Random) -> None:
    """A list of very many elements, or a mapping of very many keys."""
    holder, value = at(tree, path[:-1]), at(tree, path)
    count = drawn.choice([50, 2_000])
    holder[path[-1]] = drawn.choice([[value] * count, {f"k{number}": value for number in range(count)}])


TREE: list[Callable[[Any, Path, random.Random], None]] = [
    *(replace, replace, replace, replace, other_value, misspell, drop, move, wrap, share, nest, many),
]


def spoilt(tree: Any, drawn: random.Random) -> tuple[str, Any]:
    """A copy of the content that is wrong in one to three ways, and their names."""
    tree, names = copy.deepcopy(tree), []
    for _ in range(drawn.choice([1, 1, 1, 2, 3])):
        known = list(places(tree))
        if not known:
            break
        way, path = drawn.choice(TREE), drawn.choice(known)
        way(tree, path, drawn)
        names.append(f"{way.__name__} {'.'.join(str(key)[:30] for key in path)}")
        if way in (share, many, wrap):
            break  # the same object in two places may come to hold itself, and then has no end of places
    return ", ".join(names), tree
