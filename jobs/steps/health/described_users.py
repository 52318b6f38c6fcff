"""Whether users are described: looked at before models are trained on them."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.steps.health.findings import Finding, action, conclude
from jobs.steps.users.vocabularies import current_vocabulary, load_sizes
from ralm.features.hashing import chosen
from ralm.field_specs import UserFields
from ralm.runs.step import RunningStep


def described(fields: DataFrame, specs: UserFields, known: dict[str, int]) -> dict[str, float]:
    """How well users are described.

    Args:
        fields: rows of `user_fields`.
        specs: which of its columns hold what.
        known: field -> features that the vocabulary knows; larger indices stand for others.

    Returns:
        `without`: share of users without any history or category; `<domain>`: share of the entries of its history that
        the vocabulary does not know, where there are entries.
    """
    empty = F.lit(True)
    for history in specs.histories:
        empty &= F.get(F.col(history.column), F.lit(0)) == 0
    for category in specs.categories:
        empty &= F.col(category.column) == 0
    columns = [F.avg(empty.cast("double")).alias("without")]
    for history in specs.histories:
        entries, others = _larger(history.column, 0), _larger(history.column, known.get(history.domain, 0))
        columns.append(F.try_divide(F.sum(others), F.sum(entries)).alias(f"in {history.domain}"))
    row = fields.agg(*columns).first()
    assert row is not None
    return {name.removeprefix("in "): value for name, value in row.asDict().items() if value is not None}


def _larger(column: str, index: int) -> Column:
    return F.size(F.filter(F.col(column), lambda entry: entry > index))


def positives_per_user(samples: DataFrame) -> float | None:
    """Mean positives of a user in the training set, users counted within 2 %; None: there is no row."""
    row = samples.agg(
        F.sum(_larger("positives", 0)).alias("positives"), F.approx_count_distinct("user_key", 0.02).alias("users")
    ).first()
    return None if row is None or not row["users"] else row["positives"] / row["users"]


def check_users(step: RunningStep) -> None:
    """Users without any field, entries out of the vocabulary, positives per user."""
    settings, sizes = step.context.config.health, load_sizes(step.context)
    found: list[Finding] = []
    fields = step.at("user_fields", as_of=step.as_of, vocabulary_version=sizes.version)
    if action(step, "without_fields") != "off" or action(step, "out_of_vocabulary") != "off":
        share = min(1.0, settings.sample / max(1, step.read("users").count()))
        sampled = fields if share == 1 else fields.where(chosen("health", step.context.config.seed, share, "user_id"))
        ranks = current_vocabulary(step, sizes).groupBy("field").agg(F.max("index").alias("known")).collect()
        shares = described(sampled, sizes.user_fields, {row["field"]: row["known"] for row in ranks})
        found += _of_users(step, shares)
    if action(step, "positives") != "off":
        found += _of_samples(step, step.context.config.user_model.representations)
    conclude(step, found)


def _of_users(step: RunningStep, shares: dict[str, float]) -> list[Finding]:
    settings, found = step.context.config.health, []
    for about, share in shares.items():
        key, most = "out_of_vocabulary", settings.out_of_vocabulary_share
        text = f"{share:.1%} of the entries are not in the vocabulary (limit {most:.0%})"
        if about == "without":
            key, most = "without_fields", settings.without_fields_share
            text = f"{share:.1%} of the users have no field (limit {most:.0%})"
        if action(step, key) != "off":
            found.append(Finding(key, "" if about == "without" else about, share, share <= most, text))
    return found


def _of_samples(step: RunningStep, representations: Sequence[str]) -> list[Finding]:
    least, found = step.context.config.health.positives_least, []
    for name in representations:
        samples = step.read("user_samples").where(F.col("representation") == name)
        mean = positives_per_user(samples.where(F.col("as_of") == F.lit(step.context.dates.a0)))
        if mean is not None:
            text = f"{mean:.2f} positives per user (at least {least:g})"
            found.append(Finding("positives", name, mean, mean >= least, text))
    return found
