"""RALM and simple baselines on the test split: the figures of the report and of the release."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from pyspark.sql import functions as F

from jobs.steps.evaluation.comparison_pairs import in_memory, persisted
from jobs.steps.evaluation.comparisons import judge
from jobs.steps.evaluation.customers import Customers, customers_of
from jobs.steps.evaluation.judged_impressions import LATER_CLICKS, NEW_ITEMS, Judged, TooFewItemsError, judged
from jobs.steps.evaluation.later_clicks import later_pairs
from jobs.steps.evaluation.metrics import difference_rows, metric_rows, write_metrics
from jobs.steps.evaluation.user_model_quality import user_model_rows
from jobs.steps.lookalike.seed_clusters import step_name as clusters_step
from jobs.steps.lookalike.target_embeddings import step_name as targets_step
from jobs.steps.report.page import write_report
from jobs.steps.seeds.item_seeds import step_name as seeds_step
from jobs.steps.sources.known_events import source
from jobs.steps.systems.contract import System
from jobs.steps.systems.oracle import NAME as ORACLE
from jobs.steps.systems.oracle import oracle_systems
from jobs.steps.systems.production import production_system
from jobs.steps.systems.ralm import variant_systems
from jobs.steps.systems.registry import system
from jobs.steps.systems.without_seeds import ACTIVITY, POPULARITY
from ralm.config import Config
from ralm.evaluation.first_figure import AMONG_ALL, AMONG_SHOWN, first_figures
from ralm.evaluation.frame_metrics import head_items, pooled_auc
from ralm.evaluation.metric_names import PAIRED, recall_name
from ralm.report.data import Difference, MetricRow, UserModelRow
from ralm.runs.context import Context
from ralm.runs.step import RunningStep, Step
from ralm.spark.frames import union
from ralm.storage.path import StoragePath

SPLIT = "test"


def judged_systems(context: Context) -> list[System]:
    """Every variant of RALM, the system of production, what needs no seeds and, in the built-in world, the oracle."""
    config = context.config
    own = [*variant_systems(config), POPULARITY, ACTIVITY]
    production = production_system(context).name
    other = [] if production in {found.name for found in own} else [system(config, production)]
    return [*own, *other, *oracle_systems(config)]


def per_item_values(step: RunningStep, found: Judged) -> tuple[pd.DataFrame, list[MetricRow], Customers]:
    """(system, protocol, item_id, segment, metric, value), a row per item; the pooled AUC; production in customers."""
    context, customers = step.context, Customers()
    production = production_system(context).name
    folder = context.models("work", f"evaluate-{step.version}")
    parts, pairs = [], []
    with in_memory(found.cell):
        for one in judged_systems(context):
            own = judge(one, found.cell, step, "a2", f"{folder}/{one.name}")
            parts.append(own.values.assign(system=one.name))
            pairs.append(own.pairs.withColumn("system", F.lit(one.name)))
            step.counts["candidates"] = own.candidates
            if one.name == production:
                customers = customers_of(context.config, own.pairs, found.cell.held_out, own.values, found.items)
    scored = union(pairs)
    pooled = [
        MetricRow(row["system"], protocol, "auc", row["value"], segment=row["segment"])
        for protocol, items in found.items.items()
        for row in pooled_auc(scored.where(F.col("item_id").isin(items))).collect()
        if row["value"] is not None
    ]
    StoragePath.at(folder).remove()
    values = pd.concat(parts, ignore_index=True).dropna(subset=["value"])
    # Of the oracle, what the page shows: how far from chance to the truth a system is.
    shown = [AMONG_SHOWN, AMONG_ALL, recall_name(context.config.scoring.audience.top_fraction)]
    values = values[(values["system"] != ORACLE) | values["metric"].isin(shown)]
    protocols = {item: name for name, items in found.items.items() for item in items}
    return _with_head_and_tail(values.assign(protocol=values["item_id"].map(protocols)), step), pooled, customers


def _with_head_and_tail(values: pd.DataFrame, step: RunningStep) -> pd.DataFrame:
    """The values of all users again, as segment `head` or `tail` of the item."""
    least = step.context.config.lookalike.min_seeds
    seeds = step.at("item_seeds", as_of=step.as_of, purpose="evaluate").where(F.col("seed_count") >= least)
    ranked = head_items(seeds.select("item_id", F.col("clickers").alias("clicks")))
    head = {row["item_id"] for row in ranked.where("head").collect()}
    again = values[values["segment"] == "all"].copy()
    again["segment"] = again["item_id"].map(lambda item: "head" if item in head else "tail")
    return pd.concat([values, again], ignore_index=True)


def differences(values: pd.DataFrame, config: Config) -> list[Difference]:
    """RALM against every other system, paired over items."""
    first, resamples, seed = first_figures(config), config.evaluation.bootstrap, config.seed
    shown = values["metric"].isin({*PAIRED, *first}) & (values["segment"] == "all")
    shown |= (values["metric"] == first[0]) & values["segment"].isin(["weak", "tail"])
    return difference_rows(values[shown & (values["system"] != ORACLE)], resamples, seed)


def _evaluate(step: RunningStep) -> None:
    rows: list[MetricRow] = []
    paired: list[Difference] = []
    user_rows: list[UserModelRow] = []
    notes, customers = [], Customers()
    if not step.context.config.evaluation.judge:
        notes.append("Nothing was judged: the evaluation is off.")
    else:
        try:
            with persisted(later_pairs(step)) as pairs:
                rows, paired, customers = _figures(step, judged(step, pairs))
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
    write_report(step, rows, paired, user_rows, notes, customers.found, customers.share, customers.rates)


def _figures(step: RunningStep, found: Judged) -> tuple[list[MetricRow], list[Difference], Customers]:
    """The figures of all systems, RALM's differences from the others, and the system of production in customers."""
    config = step.context.config
    for protocol, items in found.items.items():
        step.counts[f"items ({protocol.replace('_', ' ')})"] = len(items)
    values, pooled, customers = per_item_values(step, found)
    rows = [*metric_rows(values, config.evaluation.bootstrap, config.seed), *pooled]
    return rows, differences(values, config), customers


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
    name = production_system(context).name
    other = None if name in variants else system(context.config, name)
    return [
        Step(
            "evaluate",
            _evaluate,
            ("evaluation", "scoring", "dates", *context.config.privacy.sections),
            as_of="a2",
            after=(
                source(context),
                (seeds_step("evaluate"), "a2"),
                *((targets_step(variant), "a2") for variant in variants),
                *((clusters_step(variant, "evaluate"), "a2") for variant in variants),
                ("score_users", "a3"),
                *(other.after(context, "a2") if other else ()),
            ),
            inputs=tuple(
                dict.fromkeys(
                    (
                        *(other.inputs if other else ()),
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
                    )
                )
            ),
        )
    ]
