"""RALM and simple baselines on the test split: the figures of the report and of the release."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.steps.evaluation.all_users import all_users_values
from jobs.steps.evaluation.impression_scores import baseline_pairs, baseline_rankings, finish, variant_scores
from jobs.steps.evaluation.judged_impressions import LATER_CLICKS, NEW_ITEMS, Judged, TooFewItemsError, judged
from jobs.steps.evaluation.metrics import difference_rows, metric_rows, write_metrics
from jobs.steps.evaluation.user_model_quality import user_model_rows
from jobs.steps.lookalike.seed_clusters import step_name as clusters_step
from jobs.steps.lookalike.target_embeddings import step_name as targets_step
from jobs.steps.report.page import write_report
from jobs.steps.seeds.item_seeds import step_name as seeds_step
from jobs.steps.sources.known_events import source
from ralm.config import Config
from ralm.evaluation.first_figure import first_figures, recall_shares
from ralm.evaluation.frame_metrics import head_items, impression_item_metrics, pooled_auc, ranking_metrics
from ralm.evaluation.metric_names import PAIRED
from ralm.report.data import Difference, MetricRow, UserModelRow
from ralm.runs.context import Context
from ralm.runs.step import RunningStep, Step

SPLIT = "test"


def per_item_values(step: RunningStep, found: Judged) -> tuple[pd.DataFrame, list[MetricRow], int]:
    """(system, protocol, item_id, segment, metric, value), one row per item; the pooled AUC; candidates ranked."""
    context = step.context
    work = context.models("work", f"evaluate-{step.version}")
    models = [variant_scores(step, name, found, f"{work}/{name}") for name in context.config.variants]
    users = models[-1].users
    rankings = [*(model.ranked for model in models), baseline_rankings(step, found)]
    scored = reduce(DataFrame.unionByName, [baseline_pairs(step, found), *(model.pairs for model in models)])
    path = f"{work}/pairs"
    scored.write.mode("overwrite").parquet(path)
    scored = context.spark.read.parquet(path)
    by_impression = impression_item_metrics(scored, context.config.evaluation.min_labels)
    shares = recall_shares(context.config)
    by_rank = ranking_metrics(reduce(DataFrame.unionByName, rankings), found.labels, users, fractions=shares)
    columns = ["system", "item_id", "segment", "metric", "value"]
    values = by_impression.select(columns).unionByName(by_rank.select(columns)).toPandas()  # items x metrics
    against_all = all_users_values(step, found, scored, [model.sample for model in models])
    values = pd.concat([values, against_all[columns]], ignore_index=True)
    pooled = [
        MetricRow(row["system"], protocol, "auc", row["value"], segment=row["segment"])
        for protocol in (NEW_ITEMS, LATER_CLICKS)
        for row in pooled_auc(scored.where(F.col("protocol") == protocol)).collect()
        if row["value"] is not None
    ]
    finish(work)
    protocols = {item: name for name, items in found.items.items() for item in items}
    values["protocol"] = values["item_id"].map(protocols)
    return _with_head_and_tail(values, found), pooled, users


def _with_head_and_tail(values: pd.DataFrame, found: Judged) -> pd.DataFrame:
    """The values of all users again, as segment `head` or `tail` of the item."""
    head = {row["item_id"] for row in head_items(found.popularity).where("head").collect()}
    again = values[values["segment"] == "all"].copy()
    again["segment"] = again["item_id"].map(lambda item: "head" if item in head else "tail")
    return pd.concat([values, again], ignore_index=True)


def differences(values: pd.DataFrame, config: Config) -> list[Difference]:
    """RALM against every other system, paired over items."""
    first, resamples, seed = first_figures(config), config.evaluation.bootstrap, config.seed
    shown = values["metric"].isin({*PAIRED, *first}) & (values["segment"] == "all")
    shown |= (values["metric"] == first[0]) & values["segment"].isin(["weak", "tail"])
    return difference_rows(values[shown & (values["system"] != "oracle")], resamples, seed)


def _evaluate(step: RunningStep) -> None:
    rows: list[MetricRow] = []
    paired: list[Difference] = []
    user_rows: list[UserModelRow] = []
    notes = []
    if not step.context.config.evaluation.judge:
        notes.append("Nothing was judged: the evaluation is off.")
    else:
        try:
            rows, paired = _figures(step, judged(step))
        except TooFewItemsError as error:
            notes.append(f"Too few items to be judged: {error}.")
            step.say(f"warning: too few items to be judged: {error}; lower them or set other dates for figures")
        user_rows = user_model_rows(step)
    every = [
        *rows,
        *(difference.metric_row for difference in paired),
        *(metric for row in user_rows for metric in _as_metrics(row)),
    ]
    # Without figures the earlier ones go as well: they are of other data.
    write_metrics(step, SPLIT, [NEW_ITEMS, LATER_CLICKS, "user_model"], every)
    write_report(step, rows, paired, user_rows, notes)


def _figures(step: RunningStep, found: Judged) -> tuple[list[MetricRow], list[Difference]]:
    """The figures of all systems, and RALM's differences from the others."""
    config = step.context.config
    for protocol, items in found.items.items():
        step.counts[f"items ({protocol.replace('_', ' ')})"] = len(items)
    values, pooled, step.counts["candidates"] = per_item_values(step, found)
    found.shown.unpersist()
    rows = [*metric_rows(values, config.evaluation.bootstrap, config.seed), *pooled]
    return rows, differences(values, config)


def _as_metrics(row: UserModelRow) -> list[MetricRow]:
    values = {f"precision@{row.k}": row.precision, f"recall@{row.k}": row.recall, "auc": row.auc}
    system = f"user_model_{row.merge}/{row.representation}"
    return [
        MetricRow(system, "user_model", metric, value, items=row.count, segment=row.users)
        for metric, value in values.items()
    ]


def steps(context: Context) -> Sequence[Step]:
    """One step; the report includes production scores if there are any."""
    variants = context.config.variants
    return [
        Step(
            "evaluate",
            _evaluate,
            ("evaluation", "scoring", "dates"),
            as_of="a2",
            after=(
                source(context),
                (seeds_step("evaluate"), "a2"),
                *((targets_step(variant), "a2") for variant in variants),
                *((clusters_step(variant, "evaluate"), "a2") for variant in variants),
                ("score_users", "a3"),
            ),
            inputs=(
                "impressions",
                "events",
                "users",
                "items",
                "item_seeds",
                "user_fields",
                "user_embeddings",
                "vocabularies",
                "seed_clusters",
                "target_embeddings",
                "audiences",
                "recommendations",
                "thresholds",
                "score_histograms",
            ),
        )
    ]
