"""Says of a list that it is, for the most part, an audience of this warehouse."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.steps.users.vocabularies import load_sizes
from ralm.features.hashing import uniform
from ralm.insight.chained import LOOKED_FOR, Chained, chained
from ralm.runs.context import Context
from ralm.runs.record import Record
from ralm.runs.step import RunningStep

CHECK = "list is an audience"


def own_audience(step: RunningStep, users: DataFrame, name: str) -> Chained | None:
    """The audience that most of a list is in, without having been its seeds.

    Args:
        step: has the inputs `user_fields` and `item_seeds`.
        users: (user_id) of the list.
        name: of the list: its own earlier audience does not count.
    """
    warehouse = step.context.warehouse
    if not warehouse.exists("audiences"):
        return None
    drawn = users.orderBy(uniform("looked for", step.context.config.seed, "user_id"), "user_id").limit(LOOKED_FOR)
    held = drawn.toArrow()
    looked = step.context.spark.createDataFrame(held)

    def everyone() -> int:
        return step.at("user_fields", as_of=step.as_of, vocabulary_version=load_sizes(step.context).version).count()

    rows = warehouse.read("audiences").where(F.col("item_id") != name)
    return chained(rows, step.read("item_seeds"), looked, held.num_rows, everyone)


def warn_of_own_audiences(step: RunningStep, users: DataFrame, name: str) -> None:
    """Name that audience in a line, and in a row of `checks`; arguments of `own_audience`."""
    found = own_audience(step, users, name)
    if found is not None:
        step.say(f"WARNING: {found}")
        step.check(CHECK, False, found.share, str(found))


def warned(context: Context, made: Record) -> list[str]:
    """What the step that made an audience said of its list."""
    if not context.warehouse.exists("checks"):
        return []
    own = (F.col("run_id") == made.run_id) & (F.col("step") == made.step) & (F.col("name") == CHECK)
    return [f"{row['detail']}." for row in context.warehouse.read("checks").where(own).collect()]
