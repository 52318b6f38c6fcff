"""All systems under the same protocols: the tables `comparisons` and `metrics`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.steps.evaluation.by_seed_count import by_seeds, switch_lines
from jobs.steps.evaluation.comparison_pairs import Cell, Counted, in_memory, users_date
from jobs.steps.evaluation.comparisons import judged_values
from jobs.steps.evaluation.later_clicks import INPUTS as LATER_INPUTS
from jobs.steps.evaluation.later_clicks import SECTIONS as LATER_SECTIONS
from jobs.steps.evaluation.later_clicks import draw_later_pairs, later_cells, later_counted
from jobs.steps.evaluation.metrics import difference_rows, metric_rows, write_metrics
from jobs.steps.evaluation.new_items import INPUTS as NEW_ITEMS_INPUTS
from jobs.steps.evaluation.new_items import SECTIONS, cells, counted, draw_pairs
from jobs.steps.evaluation.published_protocols import FAMILIES as PUBLISHED
from jobs.steps.evaluation.published_protocols import SECTIONS as PUBLISHED_SECTIONS
from jobs.steps.evaluation.published_protocols import cells as published_cells
from jobs.steps.evaluation.published_protocols import counted as published_counted
from jobs.steps.evaluation.published_protocols import draw as draw_published
from jobs.steps.evaluation.shown_users import shown_values
from jobs.steps.evaluation.terminal_tables import show_protocol
from jobs.steps.report.page import report_comparison
from jobs.steps.seeds.item_seeds import step_name as seeds_step
from jobs.steps.sources.known_events import source
from jobs.steps.systems.contract import Dependency, System
from jobs.steps.systems.prerequisites import prerequisites
from jobs.steps.systems.registry import system, systems
from jobs.steps.user_model import als_factors
from ralm.config import Comparison, Config
from ralm.config.names import COLD_START
from ralm.dates import DateName
from ralm.errors import DataError
from ralm.evaluation.first_figure import AMONG_SHOWN, first_figures
from ralm.report.comparison_section import in_order, main_metric
from ralm.report.data import Compared, Difference, MetricRow
from ralm.runs.context import Context
from ralm.runs.step import RunningStep, Step
from ralm.storage.path import StoragePath
from ralm.warehouse.warehouse import matching

LATER = "later_clicks"
# A system's values do not depend on which other systems or protocols are compared.
JUDGED = (
    *(f"comparison.{name}" for name in Comparison.model_fields if name not in ("systems", "protocols")),
    "scoring.audience.top_fraction",
)


@dataclass(frozen=True)
class Family:
    """A family of protocols, which differ in the number of seeds.

    Attributes:
        name: `new_items`, `later_clicks`, or one of the published protocols.
        date: users are described as of this date.
        draw: writes its part of `comparison_pairs`.
        counted: the items of each of its protocols, from its pairs.
        cells: the pairs as cells, of the protocols with enough items.
        sections: what the pairs depend on.
        after: the steps that the pairs need, besides the users' fields.
        inputs: tables of the pairs and cells, besides the impressions.
        values: the figures of a system on a cell, with a folder for files.
    """

    name: str
    date: DateName
    draw: Callable[[RunningStep], None]
    counted: Callable[[RunningStep], list[Counted]]
    cells: Callable[[RunningStep], list[Cell]]
    sections: tuple[str, ...]
    after: tuple[Dependency, ...] = ()
    inputs: tuple[str, ...] = ()
    values: Callable[[System, Cell, RunningStep, DateName, str], pd.DataFrame] = judged_values

    def step_name(self, what: str) -> str:
        """The step that makes the `pairs`, or judges a system."""
        return f"compare[{what}]" if self.name == "new_items" else f"compare[{what}, {self.name.replace('_', ' ')}]"

    def systems(self, config: Config) -> list[System]:
        """The configured systems that can take part: some cannot score new items."""
        asked, every = config.comparison.systems, systems(config)
        if asked == "variants":
            asked = list(config.variants)
        if asked == "all":
            chosen = [found for found in every.values() if not found.repeats]
        else:
            chosen = [system(config, name) for name in asked]
        return [found for found in chosen if found.new_items or self.name == LATER]


def families(config: Config) -> list[Family]:
    """The configured protocols."""
    date = users_date(config.comparison.window)
    new_items = Family("new_items", date, draw_pairs, counted, cells, SECTIONS, inputs=NEW_ITEMS_INPUTS)
    every = (new_items, _later(), *(_published(name) for name in PUBLISHED))
    return [family for family in every if family.name in config.comparison.protocols]


def _later() -> Family:
    after: tuple[Dependency, ...] = ((seeds_step("evaluate"), "a2"),)
    return Family(LATER, "a2", draw_later_pairs, later_counted, later_cells, LATER_SECTIONS, after, LATER_INPUTS)


def _published(name: str) -> Family:
    return Family(
        name,
        "a2",
        partial(draw_published, name),
        partial(published_counted, name),
        partial(published_cells, name),
        PUBLISHED_SECTIONS,
        values=shown_values,
    )


def _count(found: Sequence[Family], step: RunningStep) -> None:
    """Say which protocols are judged.

    Raises:
        DataError: none has `comparison.min_items` items.
    """
    config = step.context.config
    least, every = config.comparison.min_items, []
    for family in found:
        at = replace(step, as_of=step.context.dates[family.date])  # the pairs of each family have a date of their own
        every += family.counted(at)
    for protocol in every:
        judged = "" if protocol.enough else f", comparison.min_items is {least}: not judged"
        step.say(f"{protocol.protocol}: {len(protocol.items):,} items have {protocol.have}{judged}")
    if not any(protocol.enough for protocol in every):
        listed = ", ".join(f"{protocol.protocol} has {len(protocol.items):,}" for protocol in every)
        raise DataError(
            f"compare: no protocol has comparison.min_items = {least} items of the {config.comparison.split} split: "
            f"{listed}; lower it, comparison.min_users or evaluation.min_labels"
        )


def first_of(values: pd.DataFrame, config: Config) -> str:
    """The first figure that a protocol's values hold: on new items the item_auc is already against all users."""
    there = set(values["metric"])
    return next((metric for metric in first_figures(config) if metric in there), AMONG_SHOWN)


def _judge(judged: System, family: Family, step: RunningStep) -> None:
    context = step.context
    split = context.config.comparison.split
    parts, folder = [], context.models("work", f"compare-{step.version}")
    for cell in family.cells(step):
        with in_memory(cell):
            parts.append(family.values(judged, cell, step, family.date, folder).assign(protocol=cell.protocol))
        StoragePath.at(folder).remove()
        everyone = parts[-1][parts[-1]["segment"] == "all"]
        metric = first_of(everyone, context.config)
        found = everyone.loc[everyone["metric"] == metric, "value"]
        step.say(f"{cell.protocol}: {len(found)} of {len(cell.items)} items, {metric} {found.mean():.4f}")
    values = pd.concat(parts, ignore_index=True) if parts else None
    frame = context.spark.createDataFrame(
        [] if values is None else values[np.isfinite(values["value"])],
        "item_id string, segment string, metric string, value double, protocol string",
    ).withColumns(
        {
            "as_of": F.lit(step.as_of),
            "split": F.lit(split),
            "family": F.lit(family.name),
            "system": F.lit(judged.name),
        }
    )
    step.replace("comparisons", frame, "values", as_of=step.as_of, split=split, family=family.name, system=judged.name)


def _stored(step: RunningStep, family: Family) -> DataFrame:
    """The latest values of all systems on the current pairs, whichever systems are judged now."""
    context = step.context
    where = {"as_of": context.dates[family.date], "split": context.config.comparison.split, "family": family.name}
    return matching(step.read("comparisons"), where).drop(*where)


def _summarise(found: Sequence[Family], step: RunningStep) -> None:
    config = step.context.config
    split = config.comparison.split
    resamples, seed = config.evaluation.bootstrap, config.seed
    rows: list[MetricRow] = []
    differences: list[Difference] = []
    for family in found:
        values = _stored(step, family).toPandas()  # items x metrics
        if values.empty:
            continue
        metric = first_of(values, config)
        compared = _shown(values, metric)
        if family.name == LATER and COLD_START in set(values["system"]):
            segments = by_seeds(values, _seed_counts(step), metric)
            values, compared = pd.concat([values, segments]), pd.concat([compared, segments])
        own = metric_rows(values, resamples, seed)
        paired = difference_rows(compared, resamples, seed)
        protocols = in_order(values["protocol"].unique())
        every = [*own, *(difference.metric_row for difference in paired)]
        lines = list(switch_lines(own, paired, COLD_START, metric)) if family.name == LATER else []
        write_metrics(step, split, protocols, every, step.context.dates[family.date])
        rows, differences = [*rows, *own], [*differences, *paired]
        if lines:
            step.say(f"clickers vs. non-clickers among users shown the item, by number of seeds ({split} split)")
            step.say(f"{metric:<20}{'ralm':>10}{COLD_START:>12}{'difference':>12}")
        for line in lines:
            step.say(line)
    for protocol in in_order({row.protocol for row in rows}):
        there = [row for row in rows if row.protocol == protocol]
        metric = main_metric(there, first_figures(config)) or AMONG_SHOWN
        against = {d.baseline: d for d in differences if (d.protocol, d.metric, d.segment) == (protocol, metric, "all")}
        show_protocol(step, protocol, there, against, metric)
    named = {row.protocol.partition("@")[0] for row in rows}
    as_of = {family.name: step.context.dates[family.date] for family in found if family.name in named}
    report_comparison(step.context, Compared(rows, differences, split, as_of))


def _seed_counts(step: RunningStep) -> dict[str, int]:
    """Item -> its seeds before A2, of the items that were judged."""
    judged = _stored(step, _later()).select("item_id").distinct()
    seeds = step.at("item_seeds", as_of=step.context.dates.a2, purpose="evaluate").select("item_id", "seed_count")
    return {row["item_id"]: row["seed_count"] for row in seeds.join(F.broadcast(judged), "item_id").collect()}


def _shown(values: pd.DataFrame, metric: str) -> pd.DataFrame:
    """All metrics of all users, and the first metric of weak and strong users."""
    return values[(values["segment"] == "all") | (values["metric"] == metric)]


def steps(context: Context) -> Sequence[Step]:
    """Draw the pairs, count the items of all protocols, judge (one step per system), summarise.

    What systems need and a night leaves out is made after the count: it is the first step that takes long.
    """
    found = families(context.config)
    drawn = [_pairs_step(context, family) for family in found]
    judged = [step for family in found for step in _judging_steps(context, family)]
    needed = {dependency for step in judged for dependency in step.after}
    factorised = any(name == als_factors.STEP for name, _ in needed)
    count = Step(
        "compare[items]",
        partial(_count, found),
        ("comparison", "lookalike.min_seeds", "evaluation.min_labels"),
        as_of=found[0].date,
        after=tuple((step.name, step.as_of) for step in drawn),
        inputs=("comparison_pairs",),
    )
    summary = Step(
        "compare",
        partial(_summarise, found),
        ("comparison", "evaluation"),
        as_of=found[0].date,
        after=tuple((step.name, step.as_of) for step in (*drawn, *judged)),
        inputs=("comparisons", *(("item_seeds",) if any(family.name == LATER for family in found) else ())),
    )
    before = als_factors.steps(context) if factorised else []
    before = [*before, *(step for step in prerequisites(context, needed) if step.name != als_factors.STEP)]
    return [*drawn, count, *before, *judged, summary]


def _pairs_step(context: Context, family: Family) -> Step:
    return Step(
        family.step_name("pairs"),
        family.draw,
        family.sections,
        as_of=family.date,
        after=(source(context), ("build_user_fields", family.date), *family.after),
        inputs=tuple(dict.fromkeys(("impressions", "user_fields", *family.inputs))),
    )


def _judging_steps(context: Context, family: Family) -> list[Step]:
    date, pairs = family.date, family.step_name("pairs")
    return [
        Step(
            family.step_name(entry.name),
            partial(_judge, entry, family),
            tuple(dict.fromkeys((*JUDGED, "dates", "lookalike", *entry.sections))),
            as_of=date,
            after=((pairs, date), *family.after, *entry.after(context, date)),
            inputs=tuple(sorted({"comparison_pairs", *family.inputs, *entry.inputs})),
        )
        for entry in family.systems(context.config)
    ]
