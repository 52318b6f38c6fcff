"""Gathers what the report shows from the tables and the models, and writes it (no job itself)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np
from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from jobs.build_vocabularies import load_sizes
from jobs.evaluation_pairs import weak_users
from jobs.train_user_model import folder as user_folder
from jobs.train_user_model import merges
from jobs.train_user_model import step_name as user_step
from jobs.variants import lookalike_folder, rounds
from ralm.errors import MissingInputError
from ralm.evaluation.diversity import gini, lorenz, tail_share
from ralm.evaluation.exposure import recommended_categories, recommended_exposure
from ralm.evaluation.report_data import (
    AudienceExample,
    Compared,
    Difference,
    Exposure,
    FieldAttention,
    FieldHistogram,
    MetricRow,
    RealisedShares,
    ReportData,
    StepTime,
    TrainingHistory,
    UserModelRow,
)
from ralm.evaluation.report_files import update_report
from ralm.evaluation.tensorboard_events import Events
from ralm.features.hashing import uniform
from ralm.runs import Context, RunningStep
from ralm.scoring.realised import promised_shares
from ralm.training.checkpoints import finished, model_folder
from udfs.embed import field_attention

EXAMPLES = 3
ATTENTION_USERS = 20_000
COUNTED = ("users", "items", "events", "impressions", "audiences", "recommendations")


def _production(step: RunningStep, table: str) -> DataFrame:
    return step.read(table).where((F.col("as_of") == F.lit(step.context.dates.a3)) & (F.col("system") == "ralm"))


def _histories(context: Context) -> list[TrainingHistory]:
    """Losses and validation AUC of every model; a look-alike model's rounds follow each other."""
    found = []

    def history(model: str, kind: str, entries: Sequence[dict[str, float]]) -> TrainingHistory:
        areas = [entry["val_auc"] for entry in entries if entry.get("val_auc") is not None]
        return TrainingHistory(
            model,
            kind,
            "epoch",
            list(range(1, len(entries) + 1)),
            [entry["loss"] for entry in entries],
            areas if len(areas) == len(entries) else (),
        )

    for representation in context.config.user_model.representations:
        for merge in merges(context):
            name = merge if len(context.config.user_model.representations) == 1 else f"{merge} {representation}"
            entries = finished(user_folder(context, merge, representation))["history"]
            found.append(history(name, "User model", entries))
    for variant in context.config.variants:
        entries = []
        for number in range(1, rounds(context.config, variant) + 1):
            entries += finished(lookalike_folder(context, variant, number))["history"]
        found.append(history(variant, "Look-alike model", entries))
    return found


def _attention(step: RunningStep) -> list[FieldAttention]:
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


def _histograms(context: Context) -> list[FieldHistogram]:
    """The parameters that read each weak history field, at the end of training, under both merge layers."""
    config = context.config
    weak = [f.domain for f in config.fields.history if f.domain != config.fields.strong_domain]
    representation = config.user_model.representations[0]
    found = []
    for merge in merges(context):
        version = context.require(user_step(merge, representation), "a0").version
        folder = model_folder(context.models("tensorboard", f"user-{merge}-{representation}-{version}"))
        try:
            events = Events(folder)
            for domain in weak:
                last = events.histograms(f"field/{domain}/table")[-1]
                found.append(FieldHistogram(domain, merge, list(last.edges), list(last.counts)))
        except MissingInputError:
            continue
    return found


def _exposure(step: RunningStep, users: int) -> list[Exposure]:
    """How the log and the recommendations spread over the scored items."""
    items = step.read("items")
    recommendations = _production(step, "recommendations")
    if recommendations.isEmpty():
        return []
    scored = _production(step, "thresholds").select("item_id")
    shown = step.read("impressions").groupBy("item_id").count().withColumnRenamed("count", "exposure")
    logged = scored.join(shown, "item_id", "left").select(F.coalesce("exposure", F.lit(0)).alias("exposure"))
    recommended = recommended_exposure(recommendations, scored).select("exposure")
    share = min(1.0, 100_000 / max(1, users))
    varied = recommended_categories(recommendations, items, share).first()
    found = []
    for name, frame, distinct in (
        ("logged", logged, None),
        ("recommended", recommended, varied["distinct"] if varied else None),
    ):
        counts = np.array([row["exposure"] for row in frame.collect()], dtype=float)  # the scored items
        if counts.sum() > 0:
            curve = lorenz(counts)
            found.append(
                Exposure(name, list(curve.items), list(curve.exposure), gini(counts), tail_share(counts), distinct)
            )
    return found


def _realised(step: RunningStep) -> RealisedShares | None:
    """What the thresholds of production let through; None where every user was probed."""
    found = _production(step, "thresholds").where("realised IS NOT NULL").orderBy("item_id").collect()  # scored items
    if not found:
        return None
    asked = found[0]["top_fraction"]
    probe, users = (int(np.median([row[name] for row in found])) for name in ("probe_size", "realised_users"))
    shares, low, high = ([row[name] for row in found] for name in ("realised", "realised_low", "realised_high"))
    return RealisedShares(asked, probe, shares, low, high, promised_shares(asked, probe, users))


def _examples(step: RunningStep) -> list[AudienceExample]:
    """A few items with their audiences: those with the most seeds of the scored ones."""
    thresholds = _production(step, "thresholds").select("item_id", "cutoff")
    seeds = step.at("item_seeds", as_of=step.context.dates.a3, purpose="production").select("item_id", "seed_count")
    chosen = (
        thresholds.join(seeds, "item_id")
        .join(step.read("items").select("item_id", "categories"), "item_id", "left")
        .orderBy(F.desc("seed_count"), "item_id")
        .limit(EXAMPLES)
        .collect()
    )
    ids = [row["item_id"] for row in chosen]
    audiences = _production(step, "audiences").where(F.col("item_id").isin(ids))
    sizes = {row["item_id"]: row["count"] for row in audiences.groupBy("item_id").count().collect()}
    bins = _production(step, "score_histograms").where(F.col("item_id").isin(ids)).orderBy("bin").collect()
    examples = []
    for row in chosen:
        top = audiences.where(F.col("item_id") == row["item_id"]).orderBy(F.desc("score"), "user_id").limit(5)
        own = [b for b in bins if b["item_id"] == row["item_id"]]
        edges, counts = _filled(own)
        examples.append(
            AudienceExample(
                row["item_id"],
                row["categories"] or [],
                row["seed_count"],
                sizes.get(row["item_id"], 0),
                row["cutoff"],
                [(str(r["user_id"]), r["score"]) for r in top.collect()],
                edges,
                counts,
            )
        )
    return examples


def _filled(bins: Sequence[Row]) -> tuple[list[float], list[float]]:
    """Edges and counts with the empty bins between the filled ones."""
    if not bins:
        return [], []
    first, last = bins[0]["bin"], bins[-1]["bin"]
    width = bins[0]["high"] - bins[0]["low"]
    counts = [0.0] * (last - first + 1)
    for row in bins:
        counts[row["bin"] - first] = float(row["count"])
    return [bins[0]["low"] + width * i for i in range(len(counts) + 1)], counts


def _notes(context: Context, metrics: Sequence[MetricRow]) -> list[str]:
    config, notes = context.config, []
    if config.ingest is not None and "clicked" not in config.ingest.impressions.columns:
        per_click = config.ingest.sampled_negatives.per_click
        notes.append(
            f"This log holds clicks only: {per_click} non-clicks a click were sampled by popularity from the items "
            "alive in the same bucket, so AUC compares clickers with the clickers of other items."
        )
    if config.ingest is not None and config.ingest.untimed:
        notes.append("This log has no times: histories, seeds and labels are disjoint parts by hash.")
    if not any(row.protocol == "new_items" for row in metrics):
        notes.append("No held-out item had enough seeds and labels: there is no result on new items.")
    return notes


def write_report(
    step: RunningStep,
    metrics: Sequence[MetricRow],
    differences: Sequence[Difference],
    user_model: Sequence[UserModelRow],
) -> None:
    """Write `<warehouse>/report.html`; what `compare` gave to an earlier one stays."""
    context, dates = step.context, step.context.dates
    counts = {name: step.read(name).count() for name in COUNTED}
    times = [StepTime(title, seconds, counts) for title, seconds, counts in context.times]
    update_report(
        model_folder(context.warehouse.path),
        heading(context),
        tables=counts,
        dates={"A0": dates.a0, "A1": dates.a1, "A2": dates.a2, "A3": dates.a3},
        strong_domain=context.config.fields.strong_domain,
        metrics=metrics,
        differences=differences,
        user_model=user_model,
        histories=_histories(context),
        attention=_attention(step),
        histograms=_histograms(context),
        exposure=_exposure(step, counts["users"]),
        audiences=_examples(step),
        realised=_realised(step),
        steps=times,
        notes=_notes(context, metrics),
    )


def report_comparison(context: Context, compared: Compared) -> None:
    """Write `<warehouse>/report.html` with this comparison; what `evaluate` gave to an earlier one stays."""
    update_report(model_folder(context.warehouse.path), heading(context), compared=compared)


def heading(context: Context) -> ReportData:
    """Title, configuration and time of the report."""
    name = context.config.name
    return ReportData(f"Look-alike audiences: {name}", name, dt.datetime.now(dt.UTC))
