"""The report's attention on user fields."""

from __future__ import annotations

from pyspark.sql import functions as F

from jobs.steps.user_model.training import folder as user_folder
from jobs.steps.user_model.training import merges
from jobs.steps.users.user_fields import weak_users
from jobs.steps.users.vocabularies import load_sizes
from ralm.features.hashing import uniform
from ralm.report.data import FieldAttention
from ralm.runs.step import RunningStep
from udfs.embed import field_attention

ATTENTION_USERS = 20_000


def attention_on_fields(step: RunningStep) -> list[FieldAttention]:
    """Mean attention on each field, for a sample of users with and without the strong domain, as of A2."""
    context, config = step.context, step.context.config
    if "attention" not in merges(context):
        return []
    sizes = load_sizes(context)
    fields = step.at("user_fields", as_of=context.dates.a2, vocabulary_version=sizes.version)
    sample = fields.orderBy(uniform("attention user", config.seed, "user_id")).limit(ATTENTION_USERS)
    sample = sample.select("user_id", *sizes.user_fields.columns)
    found = []
    for representation in config.user_model.representations:
        udf = field_attention(user_folder(context, "attention", representation), sizes.user_fields, config.user_id_type)
        weights = sample.mapInArrow(*udf).join(weak_users(step, context.dates.a2), "user_id")
        names = sizes.user_fields.names
        means = [F.avg(F.get("weights", F.lit(i))).alias(str(i)) for i in range(len(names))]
        rows = {
            row["weak"]: [row[str(i)] for i in range(len(names))]
            for row in weights.groupBy("weak").agg(*means).collect()
        }
        if {True, False} <= rows.keys():
            found.append(FieldAttention(representation, config.fields.strong_domain, names, rows[False], rows[True]))
    return found
