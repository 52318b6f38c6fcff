"""Protocol 1, new items: whose users are seeds, whose are held out, for each number of seeds (no job itself)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobs.evaluation_pairs import weak_users
from ralm.config import Comparison
from ralm.dates import DateName
from ralm.errors import DataError
from ralm.features.hashing import bucket, chosen, uniform
from ralm.features.holdout import is_new_item
from ralm.features.seeds import clicks
from ralm.runs import RunningStep

HALF = "half"
# What `comparison_pairs` depends on: other numbers of seeds, or other systems, are judged on the same pairs.
SECTIONS = (
    "comparison.window",
    "comparison.min_users",
    "comparison.max_items",
    "comparison.split",
    "comparison.validation_share",
    "evaluation.new_item_share",
    "fields.strong_domain",
    "dates",
)
SEED, HELD_OUT, SHOWN = "seed", "held_out", "shown"


@dataclass(frozen=True)
class Cell:
    """What every system is judged on: items, their seeds, and users whom it should find.

    Attributes:
        protocol: `new_items@20`, …, `new_items@half`; `later_clicks@all`.
        items: in the order of the scorers.
        seeds: (item_id, item_index, user_id).
        held_out: (item_id, item_index, user_id, position, weak).
        seed_half: (item_id, item_index, user_id): all users of the half that gives seeds; they are ranked for no item
            of theirs.
        shown: (item_id, item_index, user_id, position, weak): who was shown the item and did not click; the AUC is
            against them. None: against all other users.
    """

    protocol: str
    items: list[str]
    seeds: DataFrame
    held_out: DataFrame
    seed_half: DataFrame
    shown: DataFrame | None = None


def users_date(window: str) -> DateName:
    """As of which date users are described."""
    return "a2" if window == "later" else "a3"


def draw_pairs(step: RunningStep) -> None:
    """Write `comparison_pairs` of the split: the items that can be judged, and what each of their users is for.

    Held-out users are the same for every number of seeds: half of the item's users, by hash. The seeds are the first
    n of the other half, by another hash.

    Raises:
        DataError: no new item of the split has `comparison.min_users` clickers, or no number of seeds has
            `comparison.min_items` of them.
    """
    comparison = step.context.config.comparison
    with persisted(_pairs(step)) as pairs:
        step.refuse_empty(
            pairs,
            f"comparison: no new item of the {comparison.split} split has comparison.min_users = "
            f"{comparison.min_users} clickers; lower it",
        )
        for name, items in _items(step, pairs).items():
            enough = len(items) >= comparison.min_items
            why = "" if enough else f", comparison.min_items is {comparison.min_items}: not judged"
            step.say(f"{name} seeds: {len(items)} items{why}")
        _enough_items(step, pairs)
        write_pairs(step, pairs, "new_items")


def write_pairs(step: RunningStep, pairs: DataFrame, family: str) -> None:
    """Replace the pairs of the split and family; what was judged on others is dropped, of every system."""
    part: dict[str, Any] = {"as_of": step.as_of, "split": step.context.config.comparison.split, "family": family}
    keyed = pairs.withColumns({column: F.lit(value) for column, value in part.items()})
    step.replace("comparison_pairs", keyed, "pairs", **part)
    columns = "item_id string, segment string, metric string, value double, protocol string, system string"
    nothing = step.context.spark.createDataFrame([], columns)
    step.replace("comparisons", nothing.withColumns({column: F.lit(value) for column, value in part.items()}), **part)


def cells(step: RunningStep) -> list[Cell]:
    """The cells with at least `comparison.min_items` items (tables: comparison_pairs).

    Raises:
        DataError: there is no such cell.
    """
    comparison = step.context.config.comparison
    pairs = step.at("comparison_pairs", as_of=step.as_of, split=comparison.split, family="new_items")
    return [_cell(step, pairs, name, found) for name, found in _enough_items(step, pairs).items()]


def _enough_items(step: RunningStep, pairs: DataFrame) -> dict[str, list[str]]:
    """The numbers of seeds that have enough items, with these items."""
    comparison = step.context.config.comparison
    items = {name: found for name, found in _items(step, pairs).items() if len(found) >= comparison.min_items}
    if not items:
        raise DataError(
            f"comparison: no number of seeds has comparison.min_items = {comparison.min_items} new items of the "
            f"{comparison.split} split with comparison.min_users = {comparison.min_users} clickers; lower them"
        )
    return items


@contextmanager
def in_memory(cell: Cell) -> Iterator[Cell]:
    """The cell with its users persisted, until it is done."""
    frames = {
        id(frame): frame for frame in (cell.seeds, cell.held_out, cell.seed_half, cell.shown) if frame is not None
    }
    with ExitStack() as stack:
        for frame in frames.values():
            stack.enter_context(persisted(frame))
        yield cell


@contextmanager
def persisted(frame: DataFrame) -> Iterator[DataFrame]:
    """The frame persisted, until it is done."""
    frame.persist()
    try:
        yield frame
    finally:
        frame.unpersist()


def _pairs(step: RunningStep) -> DataFrame:
    """(item_id, user_id, role, position, weak) of the judged items (tables: impressions, user_fields)."""
    config, dates = step.context.config, step.context.dates
    comparison, seed = config.comparison, config.seed
    later = comparison.window == "later"
    clicked = clicks(step.read("impressions"), dates.a3, dates.a2 if later else None).select("item_id", "user_id")
    fresh = is_new_item("item_id", config.evaluation.new_item_share, seed)
    judged = fresh & judged_split(comparison, seed)
    pairs = clicked.where(judged).distinct().join(weak_users(step, step.as_of), "user_id")
    enough = pairs.groupBy("item_id").count().where(F.col("count") >= comparison.min_users)
    drawn = enough.orderBy(uniform("compared item", seed, "item_id"), "item_id").limit(comparison.max_items)
    half = bucket("comparison half", seed, "user_id", "item_id", buckets=2) == 0
    order = Window.partitionBy("item_id", "role").orderBy(
        uniform("compared seed", seed, "user_id", "item_id"), "user_id"
    )
    return (
        pairs.join(F.broadcast(drawn.select("item_id")), "item_id", "left_semi")
        .withColumn("role", F.when(half, SEED).otherwise(HELD_OUT))
        .withColumn("position", F.row_number().over(order))
    )


def _items(step: RunningStep, pairs: DataFrame) -> dict[str, list[str]]:
    """Number of seeds -> the items that have so many, in the order of the scorers."""
    config = step.context.config
    seeds = pairs.where(F.col("role") == SEED).groupBy("item_id").count()
    pool = {row["item_id"]: row["count"] for row in seeds.collect()}  # at most comparison.max_items
    numbers = {str(count): count for count in config.comparison.seeds} | {HALF: config.lookalike.min_seeds}
    return {name: sorted(item for item, size in pool.items() if size >= least) for name, least in numbers.items()}


def _cell(step: RunningStep, pairs: DataFrame, name: str, items: list[str]) -> Cell:
    rows = indexed(step, pairs, items)
    half = rows.where(F.col("role") == SEED)
    cap = step.context.config.lookalike.seed_cap if name == HALF else int(name)
    columns = ("item_id", "item_index", "user_id")
    return Cell(
        f"new_items@{name}",
        items,
        half.where(F.col("position") <= cap).select(*columns),
        rows.where(F.col("role") == HELD_OUT).select(*columns, "position", "weak"),
        half.select(*columns),
    )


def indexed(step: RunningStep, frame: DataFrame, items: Sequence[str]) -> DataFrame:
    """The rows of these items, with their place as `item_index`."""
    indices = step.context.spark.createDataFrame(list(enumerate(items)), "item_index int, item_id string")
    return frame.join(F.broadcast(indices), "item_id")


def judged_split(comparison: Comparison, seed: int) -> Column:
    """Whether an item belongs to the split that is judged."""
    validation = chosen("comparison split", seed, comparison.validation_share, "item_id")
    return validation if comparison.split == "validation" else ~validation
