"""The rules by which settings follow from counts of the data, each to a value on a coarse grid.

A value changes only where a count crosses a bound, so that a night with a few more users trains the same models as the
one before. docs/manual.md shows what the rules give; docs/decisions/0010-one-recipe.md says where they come from.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ralm.config.counts import DataCounts
from ralm.config.load import Config


@dataclass(frozen=True)
class Rule:
    """How a key follows from the data.

    Attributes:
        by: the count that decides, in words; empty: none does.
        measure: the count.
        value: count -> value.
    """

    by: str
    measure: Callable[[Config, DataCounts], int]
    value: Callable[[int], Any]


@dataclass(frozen=True)
class Below:
    """The value of the first bound that the count is below.

    Attributes:
        bounds: (bound, value), rising.
        last: the value from the last bound on.
    """

    bounds: tuple[tuple[float, Any], ...]
    last: Any

    def __call__(self, count: int) -> Any:
        """The value for a count."""
        return next((value for bound, value in self.bounds if count < bound), self.last)


@dataclass(frozen=True)
class Root:
    """The power of two nearest to the square root, within bounds: batches grow more slowly than the data."""

    low: int
    high: int

    def __call__(self, count: int) -> int:
        """The value for a count."""
        return int(min(self.high, max(self.low, 2 ** round(math.log2(max(1, count)) / 2))))


@dataclass(frozen=True)
class Power:
    """The largest power of two that is not above the count, from 2 on."""

    at_most: int

    def __call__(self, count: int) -> int:
        """The value for a count."""
        return int(min(self.at_most, 2 ** max(1, int(math.log2(max(2, count))))))


@dataclass(frozen=True)
class Same:
    """A value that no count changes."""

    value: Any

    def __call__(self, count: int) -> Any:
        """The value for a count."""
        return self.value


def _below(*bounds: tuple[float, Any], last: Any) -> Below:
    return Below(bounds, last)


def _users(config: Config, counts: DataCounts) -> int:
    return counts.users


def _active(config: Config, counts: DataCounts) -> int:
    return counts.active


def _clicks(config: Config, counts: DataCounts) -> int:
    return counts.clicks


def _usual(config: Config, counts: DataCounts) -> int:
    return counts.usual


def _by_users(value: Callable[[int], Any]) -> Rule:
    return Rule("users", _users, value)


def _by_active(value: Callable[[int], Any]) -> Rule:
    return Rule("active users", _active, value)


def _by_clicks(value: Callable[[int], Any]) -> Rule:
    return Rule("clicks", _clicks, value)


def _by_usual(value: Callable[[int], Any]) -> Rule:
    return Rule("clicks of the usual item", _usual, value)


def _same(value: Any) -> Rule:
    return Rule("", _users, Same(value))


def _with_fields(config: Config, counts: DataCounts) -> int:
    """Active users if they have fields that can stand in for a dropped one."""
    fields = config.fields
    return counts.active if len(fields.history) + len(fields.categorical) + bool(fields.numeric) >= 3 else 0


RULES: dict[str, Rule] = {
    "user_model.field_dim": _by_active(_below((5e4, 32), last=64)),
    "user_model.user_dim": _by_active(_below((5e4, 32), last=64)),
    "user_model.hidden": _same([]),
    "user_model.dropout": _by_active(_below((5e4, 0.6), (2e5, 0.3), (1e6, 0.2), (1e7, 0.1), last=0.0)),
    "user_model.field_dropout": Rule(
        "active users (0: fewer than three fields)", _with_fields, _below((1, 0.0), (1e5, 0.4), last=0.0)
    ),
    "user_model.residual": _by_active(_below((1e5, False), last=True)),
    "user_training.processes": _by_clicks(_below((2e6, 1), last=2)),
    "user_training.batch_size": _by_active(Root(64, 4_096)),
    "user_training.epochs": _by_active(_below((1e4, 20), (1e5, 10), (1e6, 8), (1e7, 4), (1e8, 2), last=1)),
    "user_training.patience": _by_active(_below((1e4, 3), last=2)),
    "user_training.learning_rate": _by_active(_below((1e5, 0.008), last=0.004)),
    "user_training.decay": _by_active(_below((1e5, "none"), last="linear")),
    "baselines.als.factors": Rule(
        "as a quarter of the things or users",
        lambda config, counts: min(sum(d.things for d in counts.domains.values()), counts.active) // 4,
        Power(64),
    ),
    "lookalike.hidden_dim": Rule(
        "clicks (0: a million users or more)",
        lambda config, counts: counts.clicks if counts.users < 1e6 else 0,
        _below((2e5, 64), last=128),
    ),
    "lookalike.dropout": _by_clicks(_below((5e5, 0.1), last=0.0)),
    "lookalike.negative_users": _by_users(_below((1e8, 20), last=10)),
    "lookalike.clusters": _same(20),
    "lookalike.min_seeds": Rule(
        "clicks of a small item", lambda config, counts: counts.least, _below((100, 5), (200, 10), last=20)
    ),
    "lookalike.seed_cap": _by_users(_below((1e6, 2_000), last=10_000)),
    "lookalike.seed_draws": _by_clicks(_below((2e6, 4), (1e8, 2), last=1)),
    "lookalike.batches_per_round": Rule(
        "impressions", lambda config, counts: counts.impressions, _below((5e7, None), last=10_000)
    ),
    "lookalike_training.processes": _by_clicks(_below((2e6, 1), last=2)),
    "lookalike_training.batch_size": _by_clicks(Root(128, 2_048)),
    "lookalike_training.epochs": _by_clicks(_below((5e4, 4), (1e6, 2), last=1)),
    "lookalike_training.patience": _same(1),
    "lookalike_training.learning_rate": _same(0.005),
    "lookalike_training.decay": _same("linear"),
    "evaluation.min_labels": _by_usual(_below((50, 3), last=5)),
    "comparison.min_users": _by_usual(_below((50, 20), last=40)),
    "comparison.seeds": _by_usual(_below((50, [5, 10]), (200, [5, 20, 100]), last=[20, 100, 500])),
    "comparison.min_items": Rule("items", lambda config, counts: counts.items, _below((500, 10), last=30)),
}
# Entries of a history: the users who did most are the first of an audience, so while there is room for it, theirs are
# whole.
LENGTHS = (30, 50, 100, 200, 300, 500, 1_000)
LONGEST = _below((1e5, 1_000), (1e6, 500), (1e8, 300), last=100)
WHOLE_BELOW = 1e6
EARLIER_CLICKS = _below((1e5, 1_000), (1e8, 100), last=20)
PER_CLICK = _below((5e5, 4), (2e6, 2), last=1)
