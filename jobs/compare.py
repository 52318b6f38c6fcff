"""Compare all look-alike systems on new items by one protocol; write `comparisons`, `metrics` and the report."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import functions as F

from jobs import train_als
from jobs.application import run
from jobs.arguments import Arguments, run_job
from jobs.build_vocabularies import source
from jobs.comparison_cells import SECTIONS, Cell, cells, draw_pairs, in_memory, users_date
from jobs.metrics_table import difference_rows, metric_rows, write_metrics
from jobs.ranking import Scored, rank_users
from jobs.report_sections import report_comparison
from jobs.systems.contract import System, Task
from jobs.systems.registry import system, systems
from ralm.config import Comparison
from ralm.evaluation.comparison_section import seeds_of
from ralm.evaluation.ranking import ranking_depth, ranking_metrics
from ralm.evaluation.report_data import Compared, Difference, MetricRow
from ralm.evaluation.sampled_auc import sampled_item_auc
from ralm.runs import Context, RunningStep, Step
from ralm.training.checkpoints import model_folder
from udfs.score import score_pairs

PAIRS = "compare[pairs]"
# Which other systems are compared changes nothing for one.
JUDGED = tuple(f"comparison.{setting}" for setting in Comparison.model_fields if setting != "systems")
SHOWN = ("item_auc", "prec@10", "prec@50", "recall@1%", "recall@5%")


def step_name(name: str) -> str:
    """The step that judges one system."""
    return f"compare[{name}]"


def _judge(found: System, step: RunningStep) -> None:
    context = step.context
    split = context.config.comparison.split
    parts = []
    for cell in cells(step):
        with in_memory(cell):
            parts.append(_values(found, cell, step))
        mean = parts[-1].query("metric == 'item_auc' and segment == 'all'")["value"].mean()
        step.say(f"{cell.protocol}: {len(cell.items)} items, item_auc {mean:.4f}")
    values = pd.concat(parts, ignore_index=True)
    values = values[np.isfinite(values["value"])]
    frame = context.spark.createDataFrame(values).withColumns(
        {"as_of": F.lit(step.as_of), "split": F.lit(split), "system": F.lit(found.name)}
    )
    step.replace("comparisons", frame, "values", as_of=step.as_of, split=split, system=found.name)


def _values(found: System, cell: Cell, step: RunningStep) -> pd.DataFrame:
    """(protocol, item_id, segment, metric, value) of one system and number of seeds: items x metrics rows."""
    config = step.context.config
    folder = step.context.models("work", f"compare-{step.version}")
    date = users_date(config.comparison.window)
    prepared = found.prepare(Task(step, date, cell.items, cell.seeds, folder))
    users = prepared.users.persist()
    scored = Scored(users, users.count(), cell.items, prepared.state, folder, config.user_id_type, config.scoring.block)
    ids, sample = scored.sample_users(config.comparison.sample, config.seed)
    ranking = rank_users(scored, sample, dict.fromkeys(cell.items, ranking_depth(scored.users)), cell.seed_half)
    ranked = ranking.best.withColumn("system", F.lit(found.name))
    held_out = cell.held_out.select("item_id", "user_id", "weak")
    by_rank = ranking_metrics(ranked, held_out, scored.users).select("item_id", "segment", "metric", "value").toPandas()
    areas = _areas(scored, cell, ids, sample, config.comparison.sample)
    users.unpersist()
    shutil.rmtree(model_folder(folder), ignore_errors=True)
    values = pd.concat([by_rank, areas], ignore_index=True)
    return values.assign(protocol=cell.protocol)


def _areas(scored: Scored, cell: Cell, ids: NDArray[Any], sample: NDArray[np.float64], most: int) -> pd.DataFrame:
    """item_auc of the held-out users, and of the weak and strong ones, against all sampled users.

    To the driver come the scores of at most `most` held-out users an item, by hash, and the sampled users' own items.
    """
    drawn = cell.held_out.where(F.col("position") <= most)
    udf = score_pairs(scored.bundle("pairs"), {"item_index": "int", "user_id": scored.user_id_type})
    scores = drawn.join(scored.targets, "user_id").mapInArrow(*udf)
    every = drawn.join(scores, ["item_index", "user_id"], "left").select("item_index", "weak", "score").toPandas()
    every["score"] = every["score"].fillna(-np.inf)  # who cannot be scored is below everyone who can
    known = _known(cell, ids, sample)
    groups = {"all": every, "weak": every[every["weak"]], "strong": every[~every["weak"]]}
    parts = []
    for segment, rows in groups.items():
        area = sampled_item_auc(rows["item_index"].to_numpy(), rows["score"].to_numpy(), sample, known)
        parts.append(pd.DataFrame({"item_id": cell.items, "segment": segment, "metric": "item_auc", "value": area}))
    return pd.concat(parts, ignore_index=True)


def _known(cell: Cell, ids: NDArray[Any], sample: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(users, items) whether a sampled user is one of the item's own."""
    places = pa.table({"user_id": ids, "place": np.arange(len(ids))})
    own = cell.held_out.select("item_index", "user_id").unionByName(cell.seed_half.select("item_index", "user_id"))
    found = own.join(F.broadcast(own.sparkSession.createDataFrame(places)), "user_id").toPandas()
    known = np.zeros(sample.shape, dtype=bool)
    known[found["place"], found["item_index"]] = True
    return known


def _summarise(names: Sequence[str], step: RunningStep) -> None:
    config = step.context.config
    split = config.comparison.split
    stored = step.read("comparisons").where((F.col("as_of") == F.lit(step.as_of)) & (F.col("split") == split))
    values = stored.where(F.col("system").isin(list(names))).drop("as_of", "split").toPandas()  # items x metrics
    resamples, seed = config.evaluation.bootstrap, config.seed
    rows = metric_rows(values, resamples, seed)
    differences = difference_rows(_shown(values), resamples, seed)
    protocols = sorted(values["protocol"].unique(), key=seeds_of)
    write_metrics(step, split, protocols, [*rows, *(difference.metric_row for difference in differences)])
    for protocol in protocols:
        _show(
            step,
            protocol,
            [row for row in rows if row.protocol == protocol and row.segment == "all"],
            {d.baseline: d for d in differences if (d.protocol, d.metric, d.segment) == (protocol, "item_auc", "all")},
        )
    report_comparison(step.context, Compared(rows, differences, split, step.as_of))


def _shown(values: pd.DataFrame) -> pd.DataFrame:
    """All metrics of all users, and the first one of weak and strong users."""
    return values[(values["segment"] == "all") | (values["metric"] == "item_auc")]


def _show(step: RunningStep, protocol: str, rows: Sequence[MetricRow], against: Mapping[str, Difference]) -> None:
    found = {(row.system, row.metric): row.value for row in rows if row.value is not None}
    names = sorted({row.system for row in rows}, key=lambda name: (-found.get((name, "item_auc"), 0.0), name))
    step.say(f"{protocol}, {max(row.items or 0 for row in rows)} items, {step.context.config.comparison.split} split")
    step.say(f"{'':<34}" + "".join(f"{metric:>12}" for metric in SHOWN) + ("   ralm − it, item_auc" if against else ""))
    for name in names:
        figures = "".join(f"{found.get((name, metric), float('nan')):>12.4f}" for metric in SHOWN)
        step.say(f"{name:<34}{figures}{_difference(against.get(name))}".rstrip())
    if against:
        step.say("*: the 95 % interval of the paired difference excludes 0")


def _difference(found: Difference | None) -> str:
    if found is None:
        return ""
    return f"{found.mean:>+20.4f}{' *' if found.outcome in ('better', 'worse') else ''}"


def compared(context: Context) -> list[System]:
    """The systems of `comparison.systems` that can score new items."""
    asked = context.config.comparison.systems
    chosen = systems(context.config).values() if asked == "all" else [system(context.config, name) for name in asked]
    return [found for found in chosen if found.new_items]


def steps(context: Context) -> Sequence[Step]:
    """The pairs, one step a system, one that summarises; before them the factorisation, if a system needs it."""
    date = users_date(context.config.comparison.window)
    found = compared(context)
    factorised = any(name == train_als.STEP for entry in found for name, _ in entry.after(context, date))
    before = train_als.steps(context) if factorised else []
    pairs = Step(
        PAIRS,
        draw_pairs,
        SECTIONS,
        as_of=date,
        after=(source(context), ("build_user_fields", date)),
        inputs=("impressions", "user_fields"),
    )
    judged = [
        Step(
            step_name(entry.name),
            partial(_judge, entry),
            tuple(dict.fromkeys((*JUDGED, "dates", "lookalike", *entry.sections))),
            as_of=date,
            after=((PAIRS, date), *entry.after(context, date)),
            inputs=tuple(sorted({"comparison_pairs", *entry.inputs})),
        )
        for entry in found
    ]
    names = [entry.name for entry in found]
    summary = Step(
        "compare",
        partial(_summarise, names),
        ("comparison", "evaluation"),
        as_of=date,
        after=tuple((step.name, date) for step in judged),
        inputs=("comparisons",),
    )
    return [*before, pairs, *judged, summary]


def main(arguments: Arguments) -> None:
    """Run the job."""
    run(arguments, "compare", steps)


if __name__ == "__main__":
    run_job(main, __doc__ or "")
