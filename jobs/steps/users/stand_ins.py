"""The checks `stand-in:<field>`: how well excluded fields can be guessed from those that are used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.steps.sources.known_events import source
from jobs.steps.users.vocabularies import load_sizes
from ralm.baselines.feature_space import FeatureSpace
from ralm.features.hashing import chosen
from ralm.insight.stand_ins import StandIn, stand_in
from ralm.runs.context import Context
from ralm.runs.step import RunningStep, Step

STEP = "measure_stand_ins"
# Users who are looked at, by hash, and values of a field that are guessed, the most frequent ones.
SAMPLE, VALUES = 20_000, 5

Values = dict[str, NDArray[np.bool_]]


def _measure(step: RunningStep) -> None:
    context = step.context
    sizes = load_sizes(context)
    space = FeatureSpace(fields=sizes.user_fields)
    fields = step.at("user_fields", as_of=step.as_of, vocabulary_version=sizes.version)
    share = min(1.0, SAMPLE / max(1, fields.count()))
    drawn = fields if share == 1.0 else fields.where(chosen("stand-in user", context.config.seed, share, "user_id"))
    table = drawn.select("user_id", *space.columns).toArrow().combine_chunks().sort_by("user_id")  # SAMPLE users
    ids = table.column("user_id").to_pylist()
    sample = context.spark.createDataFrame(pa.table({"user_id": table.column("user_id")})).persist()
    features, columns = space.matrix(table), _columns(space)
    for name in context.config.privacy.excluded_fields:
        values = _values(step, name, sample, ids)
        found = stand_in(features, columns, values, context.config.seed)
        _tell(step, name, found)
    sample.unpersist()


def _tell(step: RunningStep, name: str, found: StandIn | None) -> None:
    if found is None:
        line = f"excluded field '{name}': no value is had and lacked by enough users to see whether it can be guessed"
        step.check(f"stand-in:{name}", True, None, line)
    else:
        line = found.says(name)
        step.check(f"stand-in:{name}", not found.stands_in, found.auc, line)
    step.say(line)


def _columns(space: FeatureSpace) -> dict[str, NDArray[np.integer]]:
    """Field -> its features; each numeric for itself."""
    found: dict[str, NDArray[np.integer]] = {}
    start = 0
    for spec in space.fields.specs:
        names = space.fields.numerics if spec.column == "numeric" else [spec.title]
        for name, width in zip(names, spec.feature_widths, strict=True):
            found[name] = np.arange(start, start + width)
            start += width
    return found


def _values(step: RunningStep, name: str, sample: DataFrame, ids: list[object]) -> Values:
    """Value of an excluded field -> (users,) who has it; none if neither table holds the field."""
    users = step.read("users")
    if name in users.columns:
        rows = users.select("user_id", name).join(F.broadcast(sample), "user_id").collect()  # SAMPLE at most
        known = {row["user_id"]: row[name] for row in rows}
        return _of_profile(name, [known.get(one) for one in ids])
    events = step.read("events").where((F.col("domain") == name) & (F.col("event_time") < F.lit(step.as_of)))
    acted = events.join(F.broadcast(sample), "user_id").select("user_id", "feature_id").distinct().persist()
    top = acted.groupBy("feature_id").count().orderBy(F.desc("count"), "feature_id").limit(VALUES).collect()
    masks = {f"anything in {name}": {row["user_id"] for row in acted.select("user_id").distinct().collect()}}
    for one in (row["feature_id"] for row in top):
        having = acted.where(F.col("feature_id") == one).select("user_id").collect()
        masks[f"{name} = {one}"] = {row["user_id"] for row in having}
    acted.unpersist()
    return {value: np.array([one in having for one in ids], bool) for value, having in masks.items()}


def _of_profile(name: str, values: Sequence[object]) -> Values:
    """The most frequent values of a category, or above the median of a number."""
    known = [value for value in values if value is not None]
    if known and isinstance(known[0], float):
        middle = float(np.median(np.array(known, float)))
        return {f"{name} above its median": np.array([v is not None and float(str(v)) > middle for v in values], bool)}
    counts = Counter(known)
    top = sorted(counts, key=lambda value: (-counts[value], str(value)))[:VALUES]
    return {f"{name} = {value}": np.array([one == value for one in values], bool) for value in top}


def steps(context: Context) -> Sequence[Step]:
    """One step if anything is excluded, else none."""
    if not context.config.privacy.excluded_fields:
        return []
    return [
        Step(
            STEP,
            _measure,
            ("fields", "privacy.excluded_fields"),
            as_of="a3",
            after=(source(context), ("build_user_fields", "a3")),
            inputs=("users", "events", "user_fields"),
        )
    ]
