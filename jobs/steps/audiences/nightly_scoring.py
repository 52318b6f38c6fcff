"""The night's scoring: all users against the chosen items."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from pyspark.sql import DataFrame

from jobs.steps.audiences.audiences import clear_audiences, write_audiences
from jobs.steps.audiences.chosen_items import spread_items
from jobs.steps.audiences.scored_users import Scored
from jobs.steps.lookalike import cold_start_model
from jobs.steps.lookalike.clustering import current_clusters
from jobs.steps.lookalike.seed_clusters import step_name as clusters_step
from jobs.steps.lookalike.target_embeddings import step_name as targets_step
from jobs.steps.lookalike.variants import lookalike_folder, lookalike_version
from jobs.steps.seeds.item_seeds import listed_seeds
from jobs.steps.systems.ralm import lookalike_scorer
from ralm.config.names import COLD_START, SYSTEM
from ralm.dates import DateName
from ralm.errors import DataError
from ralm.runs.context import Context
from ralm.runs.step import RunningStep, Step
from ralm.scoring.contract import ScorerState
from ralm.training.checkpoints import dated_weights, model_folder


def _score(step: RunningStep) -> None:
    spread = spread_items(step, until=step.as_of)
    if spread.ralm:
        clusters = current_clusters(step, SYSTEM, "production")
        weights = dated_weights(lookalike_folder(step.context, SYSTEM), step.as_of)
        items, state = lookalike_scorer(weights, clusters, spread.ralm)
        if state is None:
            raise DataError(
                f"score_users: none of {len(spread.ralm)} chosen items has clusters; run job 'cluster_seeds'"
            )
        score(step, SYSTEM, items, state)
    if step.context.config.cold_start is not None:
        if spread.cold:
            linear = cold_start_model.current_model(step.context).state(list(spread.cold.values()))
            score(step, COLD_START, list(spread.cold), linear)
        for system, items in ((SYSTEM, spread.ralm), (COLD_START, list(spread.cold))):
            if not items:
                clear_audiences(step, system)


def score(
    step: RunningStep,
    system: str,
    items: list[str],
    state: ScorerState,
    seeds: DataFrame | None = None,
    model: str | None = None,
    *,
    only_items: bool = False,
) -> None:
    """Score all target users against items and write the results.

    Args:
        step: has the inputs `target_embeddings` and, without `seeds`, `item_seeds`.
        system: as in the column `system`.
        items: in the order of the scorer.
        state: the scorer.
        seeds: (item_id, seeds); None: those of the batch, for production.
        model: version of the target embeddings; None: the current one.
        only_items: keep the rows of the system's other items.
    """
    context, config = step.context, step.context.config
    version = lookalike_version(context, SYSTEM) if model is None else model
    targets = step.at("target_embeddings", as_of=step.as_of, model_version=version)
    folder = context.models("work", f"{step.step.name}-{system}-{step.version}")
    columns = ["user_id", *state.scorer.columns]
    scored = Scored(
        targets.select(*columns),
        targets.count(),
        items,
        state,
        folder,
        config.user_id_type,
        config.scoring.block,
        scan=True,
    )
    excluded = None
    if not config.scoring.audience.include_seeds:
        excluded = listed_seeds(step, items, seeds).join(targets.select("user_id"), "user_id", "left_semi")
    write_audiences(step, system, scored, excluded, only_items=only_items)
    shutil.rmtree(model_folder(folder), ignore_errors=True)


def steps(context: Context) -> Sequence[Step]:
    """One step, for the date of production."""
    cold = context.config.cold_start is not None
    trained: list[tuple[str, DateName | None]] = [(cold_start_model.STEP, "a1")] if cold else []
    return [
        Step(
            "score_users",
            _score,
            ("scoring", "cold_start") if cold else ("scoring",),
            as_of="a3",
            after=(
                (targets_step(SYSTEM), "a3"),
                (clusters_step(SYSTEM, "production"), "a3"),
                *trained,
            ),
            inputs=("target_embeddings", "seed_clusters", "item_seeds", "items"),
        )
    ]
