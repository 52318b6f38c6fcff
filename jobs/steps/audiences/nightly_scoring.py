"""The night's scoring: all users against the chosen items."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from pyspark.sql import DataFrame

from jobs.steps.audiences.audiences import clear_audiences, write_audiences
from jobs.steps.audiences.chosen_items import spread_items
from jobs.steps.audiences.scored_users import Scored
from jobs.steps.lookalike import cold_start_model
from jobs.steps.lookalike.clustering import current_clusters
from jobs.steps.lookalike.seed_clusters import step_name as clusters_step
from jobs.steps.lookalike.target_embeddings import step_name as targets_step
from jobs.steps.seeds.item_seeds import listed_seeds
from jobs.steps.systems.contract import Task
from jobs.steps.systems.production import production_system
from jobs.steps.systems.registry import system
from ralm.config.names import COLD_START, SYSTEM
from ralm.dates import DateName
from ralm.runs.context import Context
from ralm.runs.step import RunningStep, Step
from ralm.storage.path import StoragePath

STEP = "score_users"


def _score(step: RunningStep) -> None:
    chosen = production_system(step.context)
    if chosen.why:
        step.say(f"scoring.system auto: {chosen.name}: {chosen.why}")
    if chosen.name != SYSTEM:
        clear_audiences(step, SYSTEM)  # of an earlier run for the same date
    clusters = partial(current_clusters, step, purpose="production")
    for name, items in spread_items(step, until=step.as_of).items():
        if items:
            score(step, name, items, clusters if name in (SYSTEM, COLD_START) else None)
        else:
            clear_audiences(step, name)


def score(
    step: RunningStep,
    name: str,
    items: Sequence[str],
    clusters: Callable[[str], DataFrame] | None,
    seeds: DataFrame | None = None,
    model: str | None = None,
    only_items: bool = False,
    least: Mapping[str, float] | None = None,
) -> None:
    """Score all users against items by a system and write the results.

    Args:
        step: has the inputs of the system and, without `seeds`, `item_seeds`.
        name: of the system.
        items: in the order of the scorer; those whose seeds the system cannot use are left out.
        clusters: variant -> clusters of the items' seeds; None: the system clusters them itself.
        seeds: (item_id, seeds); None: those of the batch, for production.
        model: version of the look-alike model; None: the current one.
        only_items: keep the rows of the system's other items.
        least: item -> score from which users are in its audience; None: as `scoring.audience` says.
    """
    context, config = step.context, step.context.config
    found, listed = system(config, name), listed_seeds(step, items, seeds)
    folder = context.models("work", f"{step.step.name}-{name}-{step.version}")
    task = Task(step, "a3", items, listed, folder, clusters, model)
    prepared = found.prepare(task)
    if found.from_seeds and prepared.unknown:
        known = [item for item in items if item not in set(prepared.unknown)]
        score(step, name, known, clusters, seeds, model, only_items, least)
        return
    users = prepared.users
    scored = Scored.of(task, prepared, users, scan=prepared.scan)
    excluded = None
    if not config.scoring.audience.include_seeds:
        excluded = listed.join(users.select("user_id"), "user_id", "left_semi").select("item_id", "user_id")
    write_audiences(step, name, scored, excluded, only_items=only_items, least=least)
    StoragePath.at(folder).remove()


def steps(context: Context) -> Sequence[Step]:
    """One step, for the date of production."""
    cold = context.config.cold_start is not None
    trained: list[tuple[str, DateName | None]] = [(cold_start_model.STEP, "a1")] if cold else []
    name = production_system(context).name
    other = None if name == SYSTEM else system(context.config, name)
    inputs = ("target_embeddings", "seed_clusters", "item_seeds", "items", *(other.inputs if other else ()))
    return [
        Step(
            STEP,
            _score,
            ("scoring", *(("cold_start",) if cold else ()), *context.config.privacy.sections),
            as_of="a3",
            after=(
                (targets_step(SYSTEM), "a3"),
                (clusters_step(SYSTEM, "production"), "a3"),
                *trained,
                *(other.after(context, "a3") if other else ()),
            ),
            inputs=tuple(dict.fromkeys(inputs)),
        )
    ]
