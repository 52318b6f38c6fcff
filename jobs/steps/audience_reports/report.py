"""The step that reports on one audience: four tables and a page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from pyspark.sql import functions as F

from jobs.steps.audience_reports.first_users import first_users
from jobs.steps.audience_reports.hidden import Tested, tested
from jobs.steps.audience_reports.overlaps import Overlaps, overlaps
from jobs.steps.audience_reports.request import Asked, scored_by
from jobs.steps.audience_reports.rows import (
    report_row,
    write_features,
    write_groups,
    write_report_row,
    write_sizes,
)
from jobs.steps.audience_reports.seeds import Seeds, known_users, seeds_of
from jobs.steps.audience_reports.tastes import kinds
from jobs.steps.audience_reports.who import who
from jobs.steps.audiences.made_with import left_out
from jobs.steps.audiences.own_audiences import warned
from jobs.steps.audiences.own_list import step_name as made_by_step
from jobs.steps.lookalike.variants import final_step
from jobs.steps.seeds.item_seeds import step_name as seeds_step
from jobs.steps.sources.item_names import ItemName, item_names, shown_name
from jobs.steps.sources.known_events import source
from jobs.steps.systems.contract import System
from jobs.steps.systems.inputs import after_embeddings, after_fields
from jobs.steps.systems.prerequisites import prerequisites
from jobs.steps.systems.registry import system
from ralm.config.names import SYSTEM
from ralm.errors import DataError
from ralm.ingest.list_files import list_state
from ralm.insight.few_people import shown_counts, shown_sizes
from ralm.insight.small_counts import said as words
from ralm.insight.small_counts import shown
from ralm.insight.verdict import LEAST_SEEDS, verdict
from ralm.report.audience_data import AudiencePage, Group
from ralm.report.audience_page import page_name, render_audience
from ralm.runs.context import Context
from ralm.runs.step import RunningStep, Step
from ralm.storage.path import StoragePath

INPUTS = ("audiences", "impressions", "item_seeds", "items", "thresholds", "user_embeddings", "user_fields")
# Folder of the pages, under the warehouse.
FOLDER = "_audience_reports"
# Share of a list's ids that are known users, below which the page warns.
FEW_MATCHED = 0.5


def _report(found: System, asked: Asked, step: RunningStep) -> None:
    item, system_name, now = asked.item_id, found.name, dt.datetime.now(dt.UTC).replace(tzinfo=None)
    minimum = step.context.config.privacy.minimum
    rows = step.at("audiences", as_of=step.as_of, system=system_name).where(F.col("item_id") == item)
    audience = rows.select("user_id", "score", "scored_at").persist()
    reached, users = audience.count(), known_users(step).count()
    if reached < minimum:
        raise DataError(f"audience of {item}: fewer than {minimum:,} users (privacy.minimum), nothing is shown of it")
    scored_at = audience.agg(F.max("scored_at")).first()
    ids = audience.select("user_id")
    seeds = seeds_of(step, asked)
    looks = kinds(step, seeds, ids, users, reached).shown(minimum)
    found_again = tested(step, found, seeds, item, users)
    traits = who(step, seeds, looks, ids, users, reached, item)
    common = overlaps(step, ids, reached, seeds.users, item, system_name)
    said = verdict(seeds.counts, looks.near, looks.groups.sizes.tolist(), minimum)
    seeds = replace(seeds, counts=shown_counts(seeds.counts, minimum))
    expected = shown_sizes(found_again.sizes, found_again.hidden, minimum)
    cutoff = _cutoff(step, system_name, item)
    names = item_names(step.context.spark, step.read("items"), [item, *(one.item_id for one in common.others)])
    own = names.get(item, ItemName(None, None, ()))
    hints = [*_of_its_making(step, system_name, asked), *warnings(seeds, found_again, common, reached, minimum)]
    hidden_as_of = step.context.dates[seeds.date]
    row = report_row(seeds, looks, common, minimum) | {
        "verdict": said.kind,
        "says": said.says,
        "advice": said.advice,
        "audience": reached,
        "users": users,
        "stability": found_again.stability,
        "hidden": shown(found_again.hidden, minimum),
        "hidden_as_of": hidden_as_of,
        "cutoff": cutoff,
        "warnings": hints,
        "made_at": now,
    }
    write_sizes(step, system_name, item, expected)
    write_groups(step, system_name, item, looks)
    write_features(step, system_name, item, traits)
    write_report_row(step, system_name, item, row)
    few = f"fewer than {minimum:,} hidden seeds were found in every size (privacy.minimum)"
    groups = [
        Group(number + 1, int(size), float(size / max(1, len(looks.ids))), float(looks.audience[number]))
        for number, size in enumerate(looks.groups.sizes)
    ]
    page = AudiencePage(
        item=item,
        system=system_name,
        as_of=step.as_of or now.date(),
        made_at=now,
        scored_at=scored_at[0] if scored_at else now,
        verdict=said,
        counts=seeds.counts,
        is_list=bool(asked.lists),
        newest_seed=seeds.newest,
        near=looks.near,
        groups=groups,
        audience=reached,
        users=users,
        sizes=expected,
        hidden=found_again.hidden,
        hidden_as_of=hidden_as_of,
        why_not=found_again.why_not or (few if found_again.sizes and not expected else ""),
        stability=found_again.stability,
        cutoff=cutoff,
        traits=[trait._asdict() for trait in traits],
        seeds_inside=common.seeds,
        overlaps=[
            vars(one) | {"title": names[one.item_id].title if one.item_id in names else None} for one in common.others
        ],
        last=common.last,
        kept=common.kept,
        warnings=hints,
        minimum=minimum,
        first=first_users(step, audience, looks, traits, system_name) if minimum < 2 else (),
        title=own.title,
        url=own.url,
        categories=own.categories,
        image=own.image,
    )
    path = _write_page(step.context, page)
    for frame in (audience, seeds.users, seeds.described, seeds.tested):
        frame.unpersist()
    step.say(f"{shown_name(item, names) if own.title else item}: {said.says}")
    step.say(said.advice)
    step.say(f"page: {path}")


def warnings(seeds: Seeds, found: Tested, common: Overlaps, reached: int, minimum: int) -> list[str]:
    """What to keep in mind, in sentences."""
    counts = seeds.counts
    said = []
    ids = counts.matched + counts.unmatched
    if counts.matched < FEW_MATCHED * ids:
        said.append(f"Only {words(counts.matched, minimum)} of {words(ids, minimum)} ids are known users.")
    if not seeds.clean:
        said.append(
            f"Fewer than {LEAST_SEEDS} seeds clicked lately, so seeds are described with their click on this item: "
            "they look more alike, and are found more easily, than they should."
        )
    if found.why_not:
        said.append(f"What to expect of each size was not measured: {found.why_not}.")
    if common.kept is not None and common.kept < 0.5:
        said.append(f"The audience has changed: it keeps {100 * common.kept:.0f} % of that of {common.last}.")
    if reached == 0:
        said.append("The audience is empty.")
    return said


def _of_its_making(step: RunningStep, system_name: str, asked: Asked) -> list[str]:
    """What was found when the audience was made, and what it was made with that the report's figures leave out."""
    ledger = step.context.ledger
    made = ledger.last(made_by_step(system_name, asked.item_id if asked.lists else None), step.as_of, "done")
    if made is None:
        return []
    night = ledger.last("score_users", step.as_of, "done")
    if not asked.lists and night is not None and night.outputs.get("audiences", 0) > made.outputs.get("audiences", 0):
        return []  # made anew since
    return [*warned(step.context, made), *left_out(made.counts)]


def _cutoff(step: RunningStep, system_name: str, item: str) -> float | None:
    rows = step.read("thresholds").where((F.col("as_of") == F.lit(step.as_of)) & (F.col("item_id") == item))
    row = rows.where(F.col("system") == system_name).select("cutoff").first()
    return None if row is None else row["cutoff"]


def _write_page(context: Context, page: AudiencePage) -> StoragePath:
    place = StoragePath.at(context.warehouse.path) / FOLDER / page_name(page.item, page.system)
    place.write_text(render_audience(page))
    return place


def steps(context: Context, asked: Asked) -> Sequence[Step]:
    """What the system needs and a night leaves out, then the report.

    Raises:
        ConfigError: neither an item nor a list, or several systems made an audience.
        MissingInputError: there is no such audience.
    """
    asked.check()
    found = system(context.config, scored_by(context, asked))
    needed = tuple(
        dict.fromkeys(
            [
                *found.after(context, "a2"),
                *found.after(context, "a3"),
                *after_fields(context, "a3"),
                *after_embeddings(context, "a2"),
                *after_embeddings(context, "a3"),
                (final_step(context.config, SYSTEM), "a1"),
            ]
        )
    )

    def extra() -> str:
        listed = [list_state(context.spark, path) for path in asked.lists]
        return f"{asked} {listed} {context.warehouse.version('audiences')}"

    return [
        *prerequisites(context, needed),
        Step(
            f"audience_report[{found.name}/{asked.item_id}]",
            partial(_report, found, asked),
            tuple(dict.fromkeys(("scoring", "lookalike", *context.config.privacy.sections, *found.sections))),
            as_of="a3",
            after=(source(context), (seeds_step("production"), "a3"), *needed),
            inputs=tuple(sorted({*INPUTS, "vocabularies", *found.inputs})),
            extra=extra,
            models=lambda version: [f"{context.warehouse.path}/{FOLDER}/{page_name(asked.item_id, found.name)}"],
        ),
    ]
