"""What `audience_report` has written of an audience, and which of its features one user has."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Protocol

from ralm.errors import ConfigError, DataError, MissingInputError
from ralm.notebook.conditions import is_condition

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Row

KEYS = ("as_of", "system", "item_id")


class Tables(Protocol):
    """A workspace, as far as reports need it."""

    @property
    def as_of(self) -> dt.date:
        """The date of its users and seeds."""

    def table(self, name: str) -> DataFrame:
        """A table by its name."""


def of_audience(w: Tables, name: str, item: str) -> tuple[DataFrame, Row]:
    """The rows of a report's table for an audience, and the newest row of `audience_reports`: of one system.

    Raises:
        MissingInputError: there is no report of it.
    """
    from pyspark.sql import functions as F

    missing = f"no report of '{item}' as of {w.as_of}: run `audience_report --item {item}`, or --list with its file"
    wanted = (F.col("as_of") == F.lit(w.as_of)) & (F.col("item_id") == item)
    try:
        reports = w.table("audience_reports").where(wanted)
    except MissingInputError as error:
        raise MissingInputError(missing) from error
    row = reports.orderBy(F.desc("made_at")).first()
    if row is None:
        raise MissingInputError(missing)
    return w.table(name).where(wanted & (F.col("system") == row["system"])), row


def share_with_lift(w: Tables, item: str, lift: float) -> float:
    """The largest share of users in which hidden seeds were at least `lift` times as frequent as by chance.

    Raises:
        MissingInputError: there is no report.
        ConfigError: no size has such a lift, or none was measured.
    """
    rows = of_audience(w, "audience_sizes", item)[0].select("share", "lift").collect()  # one per size
    if not rows:
        raise ConfigError(f"audience of '{item}': what to expect of each size was not measured; see report('{item}')")
    large = [row["share"] for row in rows if row["lift"] >= lift]
    if not large:
        best = max(row["lift"] for row in rows)
        raise ConfigError(f"audience of '{item}': no size has a lift of {lift:g}; the highest is {best:.1f}")
    return float(max(large))


def features_of_people(w: Tables, item: str) -> DataFrame:
    """What the audience, the seeds and their groups have more often than everyone; see `Workspace.why`."""
    rows = of_audience(w, "audience_features", item)[0]
    return rows.drop(*KEYS, "vocabulary_version").orderBy("people", "rank")


def features_of_user(w: Tables, item: str, user: object) -> DataFrame:
    """The features of the nearest group of seeds that a user has; see `Workspace.why`."""
    from pyspark.sql import functions as F

    groups, row = of_audience(w, "audience_groups", item)
    features = of_audience(w, "audience_features", item)[0]
    # With one group, what the seeds have is what it has.
    people = F.lit("seeds") if row["groups"] == 1 else F.concat(F.lit("group "), "group")
    at = (F.col("as_of") == F.lit(w.as_of)) & (F.col("user_id") == user)
    vectors = w.table("user_embeddings").where(at).select("model_version", "embedding")
    product = F.aggregate(F.zip_with("vector", "embedding", lambda a, b: a * b), F.lit(0.0), lambda a, b: a + b)
    near = groups.join(vectors, "model_version").withColumn("likeness", product + F.col("offset"))
    nearest = near.orderBy(F.desc("likeness"), "group").limit(1).select("group", people.alias("people"))
    listed = features.select("condition", "vocabulary_version").distinct().collect()  # a few dozen per group
    for one in listed:
        if not is_condition(one["condition"]):
            raise DataError(
                f"table 'audience_features': a condition that this project does not write: {one['condition']}"
            )
    held = F.array(*(F.when(F.expr(one["condition"]), F.lit(one["condition"])) for one in listed))
    held = held if listed else F.array(F.lit(None).cast("string"))
    versions = [one["vocabulary_version"] for one in listed]
    own = w.table("user_fields").where(at & F.col("vocabulary_version").isin(versions))
    conditions = own.select(F.explode(held).alias("condition")).where("condition IS NOT NULL").distinct()
    found = features.join(F.broadcast(nearest), "people").join(F.broadcast(conditions), "condition")
    return found.select("group", "rank", "feature", "share", "everyone", "lift").orderBy("rank")
