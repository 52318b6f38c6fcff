"""No look-alike of a look-alike without saying so: lists that are, for the most part, an audience of this warehouse."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.steps.users.vocabularies import load_sizes
from ralm.features.hashing import uniform
from ralm.runs.step import RunningStep

# Users of a list who are looked for, by hash, and the share of them from which on it is said.
LOOKED_FOR, MOSTLY = 2_000, 0.8
# An audience of so much of everyone holds most of any list.
LARGE = 0.5


def warn_of_own_audiences(step: RunningStep, users: DataFrame, name: str) -> None:
    """Name the audience that most of a list is in, without having been its seeds; also a row of `checks`.

    Args:
        step: has the inputs `user_fields` and `item_seeds`.
        users: (user_id) of the list.
        name: of the list: its own earlier audience does not count.
    """
    warehouse = step.context.warehouse
    if not warehouse.exists("audiences"):
        return
    drawn = users.orderBy(uniform("looked for", step.context.config.seed, "user_id"), "user_id").limit(LOOKED_FOR)
    held = drawn.toArrow()
    total, looked = held.num_rows, step.context.spark.createDataFrame(held)
    rows = warehouse.read("audiences").where(F.col("item_id") != name)
    keys = ["as_of", "item_id", "system"]
    inside = rows.join(F.broadcast(looked), "user_id").select(*keys, "user_id")
    most = F.count("*") >= MOSTLY * max(1, total)
    if inside.groupBy(*keys).agg(most.alias("mostly")).where("mostly").isEmpty():
        return
    seeds = step.read("item_seeds").where("purpose = 'production'")
    own = seeds.select("as_of", "item_id", F.explode("seeds.user_id").alias("user_id"))
    own = own.join(F.broadcast(looked), "user_id")  # who clicked the item is in its audience by right
    beyond = inside.join(own, ["as_of", "item_id", "user_id"], "left_anti")
    counted = beyond.groupBy(*keys).agg(F.count("*").alias("users"))
    found = counted.orderBy(F.desc("users"), F.desc("as_of"), "item_id", "system").limit(20).collect()
    mostly = [row for row in found if row["users"] >= MOSTLY * max(1, total)]
    if not mostly:
        return
    everyone = step.at("user_fields", as_of=step.as_of, vocabulary_version=load_sizes(step.context).version).count()
    for row in mostly:
        share = row["users"] / max(1, total)
        whole = rows
        for key in keys:
            whole = whole.where(F.col(key) == F.lit(row[key]))
        if whole.count() > LARGE * everyone:
            continue
        line = (
            f"WARNING: {share:.0%} of the list's users are in the audience of {row['item_id']} by {row['system']} as "
            f"of {row['as_of']}, which was itself made by likeness: an audience of an audience is like the model, not "
            "like people who did something"
        ).replace("%", " %")
        step.say(line)
        step.check("list is an audience", False, share, line)
        return
