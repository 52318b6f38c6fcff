"""What the arms of an online test were shown and clicked, arm by arm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from ralm.evaluation.diversity import gini, tail_share
from ralm.evaluation.online_test import RAREFIED
from ralm.features.hashing import uniform

HEAD = 0.1
Arms = dict[str, dict[str, float]]


def arm_metrics(
    shown: DataFrame,
    items: DataFrame,
    about: Mapping[str, DataFrame],
    sizes: Mapping[str, int],
    policies: Sequence[str],
) -> Arms:
    """policy -> metric -> value, as in `ralm.evaluation.online_test.METRICS`; arms that showed nothing are left out.

    Args:
        shown: policy, user_id, item_id, clicked; one row per impression.
        items: (item_id), all that could be shown.
        about: `categories` and `tags` -> (item_id, name).
        sizes: policy -> users.
        policies: in the order of the result.
    """
    counted = shown.groupBy("policy").agg(F.count("*").alias("shown"), F.count_if("clicked").alias("clicks"))
    totals = {row["policy"]: row for row in counted.collect()}
    by_item = shown.groupBy("item_id").pivot("policy", list(policies)).count()
    exposure = items.join(by_item, "item_id", "left").fillna(0).orderBy("item_id").toPandas()  # items x policies
    shares = exposure[list(totals)] / exposure[list(totals)].sum()
    ranked = np.argsort(-shares.sum(axis=1).to_numpy(), kind="stable")
    common = ranked[: max(1, round(HEAD * len(ranked)))]
    varied = {name: _variety(shown, frame) for name, frame in about.items()}
    found: Arms = {}
    for policy in (policy for policy in policies if policy in totals):
        row, counts = totals[policy], exposure[policy].to_numpy()
        found[policy] = {
            "exposure": row["shown"] / sizes[policy],
            "ctr": row["clicks"] / row["shown"],
            "clicks": row["clicks"] / sizes[policy],
            "tail_share": tail_share(counts, HEAD),
            "common_tail": 1 - float(shares[policy].to_numpy()[common].sum()),
            "gini": gini(counts),
        }
        for name, values in varied.items():
            found[policy][name], found[policy][f"{name}@{RAREFIED}"] = values[policy]
    return found


def _variety(shown: DataFrame, about: DataFrame) -> dict[str, tuple[float, float]]:
    """policy -> distinct names among the items shown to a user, and among `RAREFIED` of them by hash: means over users.

    The second is over users who were shown that many: there all arms have the same number of impressions per user.
    """
    order = Window.partitionBy("policy", "user_id").orderBy(uniform("rarefied", 0, "user_id", "item_id"), "item_id")
    drawn = shown.select("policy", "user_id", "item_id").withColumn("position", F.row_number().over(order))
    within = F.when(F.col("position") <= RAREFIED, F.col("name"))
    users = (
        drawn.join(F.broadcast(about), "item_id", "left")
        .groupBy("policy", "user_id")
        .agg(
            F.count_distinct("name").alias("all"),
            F.count_distinct(within).alias("some"),
            F.max("position").alias("shown"),
        )
    )
    enough = F.when(F.col("shown") >= RAREFIED, F.col("some"))
    means = users.groupBy("policy").agg(F.avg("all").alias("all"), F.avg(enough).alias("some")).collect()
    return {row["policy"]: (row["all"], np.nan if row["some"] is None else row["some"]) for row in means}
