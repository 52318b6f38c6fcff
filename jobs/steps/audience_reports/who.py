"""Who the audience, the seeds and their groups are: features counted over samples of users, against everyone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.steps.audience_reports.seeds import Seeds, known_users
from jobs.steps.audience_reports.tastes import Kinds, sample_of
from jobs.steps.sources.item_names import ItemName, item_names
from jobs.steps.systems.contract import Task
from jobs.steps.systems.information_values import users_by_feature
from jobs.steps.systems.inputs import feature_names, feature_space, field_users
from ralm.insight.traits import LEAST_PEOPLE, traits
from ralm.runs.step import RunningStep

# Users of each sample, and features that are listed per group of people.
EVERYONE, PEOPLE, LISTED = 200_000, 100_000, 30
RARE = " = (rare "  # what the names of shared indices hold
NUMERIC = re.compile(r"^(.+?) ((?:at least|below) .+) deviations from the mean$")


class Trait(NamedTuple):
    """A feature that people have more often than everyone; `people` is audience, seeds or `group 1`, …"""

    people: str
    rank: int
    feature: str
    share: float
    everyone: float
    seeds: float
    lift: float
    low: float
    condition: str


def who(
    step: RunningStep, seeds: Seeds, kinds: Kinds, audience: DataFrame, users: int, reached: int, item: str
) -> list[Trait]:
    """Count and choose the features (tables: user_fields, vocabularies, items)."""
    seed, least = step.context.config.seed, max(LEAST_PEOPLE, step.context.config.privacy.minimum)
    task = Task(step, "a3", [item], seeds.described, "")
    space, names = feature_space(task), feature_names(task)
    groups = kinds.groups.count if kinds.groups.count > 1 else 0
    people = ["everyone", "audience", "seeds", *(f"group {number + 1}" for number in range(groups))]
    parts = [
        sample_of(known_users(step), users, EVERYONE, "everyone", seed),
        sample_of(audience, reached, PEOPLE, "reached", seed),
        sample_of(seeds.users, seeds.counts.used, PEOPLE, "seed", seed),
    ]
    members = None
    for number, part in enumerate(parts):
        named = part.select("user_id", F.lit(number).alias("member"))
        members = named if members is None else members.unionByName(named)
    assert members is not None
    if groups:
        own = pa.table({"user_id": kinds.ids, "member": pa.array(kinds.groups.of + 3, pa.int32())})
        own = own.filter(pa.array(kinds.groups.of >= 0))
        members = members.unionByName(step.context.spark.createDataFrame(own).select(*members.columns))
    lists = members.groupBy("user_id").agg(F.collect_set("member").alias("members"))
    counted = users_by_feature(field_users(task).join(lists, "user_id"), space, "members", len(people)).persist()
    # At most (users · features per user / least) rows, whatever the vocabulary.
    listed = counted.where((F.col("item_index") > 0) & (F.col("users") >= least))
    base = counted.where("item_index = 0").join(listed.select("feature").distinct(), "feature", "left_semi")
    sums = counted.where(F.col("feature") == space.size)
    table = listed.unionByName(base.select(*listed.columns)).unionByName(sums).distinct().toArrow()
    counted.unpersist()
    having = np.zeros((len(people), space.size + 1), np.int64)
    index, feature, count = (table[name].to_numpy() for name in ("item_index", "feature", "users"))
    having[index, feature] = count
    totals, own_features = having[:, -1], {f"{domain} = {item}" for domain in step.context.config.fields.item_domains}
    # An index that rare values share names none of them, and may stand for the item itself.
    told = [name not in own_features and RARE not in name for name in names]
    others = np.array([at for at, _ in enumerate(names) if told[at] and having[1:, at].any()], int)
    rows = []
    for number, name in enumerate(people[1:], start=1):
        found = traits(others, having[number, others], totals[number], having[0, others], totals[0], LISTED, least)
        for rank, at in enumerate(found.feature.tolist()):
            share_of_seeds = float(having[2, at] / max(1, totals[2]))
            share, everyone = float(found.share[rank]), float(found.everyone[rank])
            lift, low, condition = float(found.lift[rank]), float(found.low[rank]), space.condition(at)
            rows.append(Trait(name, rank + 1, names[at], share, everyone, share_of_seeds, lift, low, condition))
    values = [row.feature.partition(" = ")[2] for row in rows]
    about = item_names(step.context.spark, step.read("items"), values)
    return [row._replace(feature=readable(row.feature, about)) for row in rows]


def readable(name: str, about: Mapping[str, ItemName]) -> str:
    """A feature in words: `reading: A story (i0012; sports)`, `age: well above average`."""
    numeric = NUMERIC.match(name)
    if numeric is not None:
        return f"{numeric[1]}: {_level(numeric[2])}"
    title, _, value = name.partition(" = ")
    item = about.get(value, ItemName(None, None, ()))
    named = item.title is not None and item.title != value
    beside = "; ".join(part for part in (value if named else "", ", ".join(item.categories)) if part)
    return f"{title}: {item.title if named else value}" + (f" ({beside})" if beside else "")


def _level(bounds: str) -> str:
    """A bin of a numeric in words; its edges are counted in standard deviations from the mean."""
    numbers = [float(text) for text in re.findall(r"-?\d+(?:\.\d+)?", bounds)]
    if bounds.startswith("below"):
        numbers.insert(0, -np.inf)
    middle = numbers[0] if len(numbers) == 1 else max(min(sum(numbers) / 2, 9.0), -9.0)
    words = ("about average", "a little", "somewhat", "well", "far")
    size = abs(middle)
    word = words[0 if size < 0.1 else 1 if size < 0.5 else 2 if size < 1 else 3 if size < 1.5 else 4]
    return word if word == words[0] else f"{word} {'above' if middle > 0 else 'below'} average"
