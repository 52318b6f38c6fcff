"""The table `comparison_pairs`: seeds and held-out users of the items that all systems are judged on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ralm.config import Comparison
from ralm.dates import DateName
from ralm.features.hashing import chosen
from ralm.runs.step import RunningStep
from ralm.warehouse.warehouse import matching

SEED, HELD_OUT, SHOWN = "seed", "held_out", "shown"


@dataclass(frozen=True)
class Cell:
    """What every system is judged on: items, their seeds, and users that it should find.

    Attributes:
        protocol: `new_items@20`, …, `new_items@half`; `later_clicks@all`; `later_pairs`, the cell that
            the two protocols of `evaluate` share.
        items: in the order of the scorers.
        seeds: (item_id, item_index, user_id).
        held_out: (item_id, item_index, user_id, weak, drawn); the AUC is over those who are drawn.
        seed_half: (item_id, item_index, user_id): all users of the half that gives seeds, and all earlier clickers;
            none of them is ranked for their item, or counts as another user.
        sample: users drawn of all, whom the AUC compares the held-out users with.
        shown: (item_id, item_index, user_id, weak, drawn): users who saw the item and did not click; the item AUC is
            against them. None: against all other users.
        min_labels: held-out and shown users that an item, or a segment of it, needs for the AUC between them.
        max_users: candidates ranked, by hash, held-out users always among them; None: all users.
        clusters: variant -> the seeds as the batch has clustered them; see `Task`.
    """

    protocol: str
    items: list[str]
    seeds: DataFrame
    held_out: DataFrame
    seed_half: DataFrame
    sample: int
    shown: DataFrame | None = None
    min_labels: int = 1
    max_users: int | None = None
    clusters: Callable[[str], DataFrame] | None = None


def users_date(window: str) -> DateName:
    """As of which date users are described."""
    return "a2" if window == "later" else "a3"


def write_pairs(step: RunningStep, pairs: DataFrame, family: str) -> None:
    """Replace the pairs of the split and family; drop all systems' values that were judged on earlier pairs."""
    part: dict[str, Any] = {"as_of": step.as_of, "split": step.context.config.comparison.split, "family": family}
    keyed = pairs.withColumns({column: F.lit(value) for column, value in part.items()})
    step.replace("comparison_pairs", keyed, "pairs", **part)
    columns = "item_id string, segment string, metric string, value double, protocol string, system string"
    nothing = step.context.spark.createDataFrame([], columns)
    step.replace("comparisons", nothing.withColumns({column: F.lit(value) for column, value in part.items()}), **part)


@dataclass(frozen=True)
class Counted:
    """The items that a protocol could be judged on.

    Attributes:
        protocol: as in `Cell`.
        items: in the order of the scorers.
        have: what each of them has.
        enough: whether they are at least `comparison.min_items`: only then is the protocol judged.
    """

    protocol: str
    items: list[str]
    have: str
    enough: bool


def drawn_pairs(step: RunningStep, family: str) -> DataFrame:
    """The pairs of the split and family, perhaps none."""
    split = step.context.config.comparison.split
    return matching(step.read("comparison_pairs"), {"as_of": step.as_of, "split": split, "family": family})


@contextmanager
def in_memory(cell: Cell) -> Iterator[Cell]:
    """The cell with its users persisted inside the block."""
    frames = {
        id(frame): frame for frame in (cell.seeds, cell.held_out, cell.seed_half, cell.shown) if frame is not None
    }
    with ExitStack() as stack:
        for frame in frames.values():
            stack.enter_context(persisted(frame))
        yield cell


@contextmanager
def persisted(frame: DataFrame) -> Iterator[DataFrame]:
    """The frame, persisted inside the block."""
    frame.persist()
    try:
        yield frame
    finally:
        frame.unpersist()


def indexed(step: RunningStep, frame: DataFrame, items: Sequence[str]) -> DataFrame:
    """The rows of these items, with their place as `item_index`."""
    indices = step.context.spark.createDataFrame(list(enumerate(items)), "item_index int, item_id string")
    return frame.join(F.broadcast(indices), "item_id")


def judged_split(comparison: Comparison, seed: int) -> Column:
    """Whether an item belongs to the split that is judged."""
    validation = chosen("comparison split", seed, comparison.validation_share, "item_id")
    return validation if comparison.split == "validation" else ~validation
