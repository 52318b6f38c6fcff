"""The rows of the report's four tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from typing import Any

from pyspark.sql import DataFrame

from jobs.steps.audience_reports.overlaps import Overlaps
from jobs.steps.audience_reports.seeds import Seeds
from jobs.steps.audience_reports.tastes import Kinds
from jobs.steps.audience_reports.who import Trait
from jobs.steps.users.vocabularies import load_sizes
from ralm.insight.found_again import Size
from ralm.insight.small_counts import shown
from ralm.runs.step import RunningStep
from ralm.warehouse.schemas import TABLES


def _frame(step: RunningStep, name: str, rows: list[tuple[Any, ...]]) -> DataFrame:
    """Rows of one of the tables, in the order of its columns."""
    return step.context.spark.createDataFrame(rows, TABLES[name].schema(step.context.warehouse.user_id))


def write_report_row(step: RunningStep, system: str, item: str, row: dict[str, Any]) -> None:
    """Write the row of `audience_reports`; `row`: column -> value, but for the keys."""
    keyed = {"as_of": step.as_of, "system": system, "item_id": item, **row}
    schema = TABLES["audience_reports"].schema(step.context.warehouse.user_id)
    frame = step.context.spark.createDataFrame([tuple(keyed[name] for name in schema.names)], schema)
    step.replace("audience_reports", frame, as_of=step.as_of, system=system, item_id=item)


def write_sizes(step: RunningStep, system: str, item: str, found: Sequence[Size]) -> None:
    """Write `audience_sizes`."""
    rows = [(step.as_of, system, item, *astuple(size)) for size in found]
    step.replace("audience_sizes", _frame(step, "audience_sizes", rows), as_of=step.as_of, system=system, item_id=item)


def write_groups(step: RunningStep, system: str, item: str, kinds: Kinds) -> None:
    """Write `audience_groups`."""
    total = max(1, len(kinds.ids))
    rows = [
        (
            step.as_of,
            system,
            item,
            number + 1,
            int(size),
            float(size / total),
            float(kinds.audience[number]),
            float(kinds.offsets[number]),
            kinds.version,
            kinds.vectors[number].tolist(),
        )
        for number, size in enumerate(kinds.groups.sizes)
    ]
    step.replace(
        "audience_groups", _frame(step, "audience_groups", rows), as_of=step.as_of, system=system, item_id=item
    )


def write_features(step: RunningStep, system: str, item: str, traits: Sequence[Trait]) -> None:
    """Write `audience_features`."""
    version = load_sizes(step.context).version
    rows = [(step.as_of, system, item, *trait, version) for trait in traits]
    step.replace(
        "audience_features", _frame(step, "audience_features", rows), as_of=step.as_of, system=system, item_id=item
    )


def report_row(seeds: Seeds, kinds: Kinds, common: Overlaps, minimum: int) -> dict[str, Any]:
    """The columns of `audience_reports` that seeds, groups and overlaps give; counts below the minimum are 0."""
    counts, near = seeds.counts, kinds.near
    return {
        "seeds_read": shown(counts.read, minimum),
        "seeds_matched": shown(counts.matched, minimum),
        "seeds_duplicate": shown(counts.duplicates, minimum),
        "seeds_unknown": shown(counts.unmatched, minimum),
        "heaviest_user": counts.heaviest_user,
        "effective_users": counts.effective_users,
        "heaviest_day": counts.heaviest_day,
        "seed_days": counts.days,
        "newest_seed": seeds.newest,
        "near": near and near.share,
        "near_low": near and near.low,
        "near_high": near and near.high,
        "near_chance": near and near.chance,
        "near_chance_high": near and near.chance_high,
        "groups": kinds.groups.count,
        "seeds_inside": common.seeds,
        "overlaps": [astuple(one) for one in common.others],
        "last_as_of": common.last,
        "kept": common.kept,
    }
