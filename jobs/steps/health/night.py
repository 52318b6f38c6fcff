"""The checks of a night, a step each, at their places between the other steps."""

from __future__ import annotations

from collections.abc import Sequence

from jobs.steps.health.described_users import check_users
from jobs.steps.health.rows import check_inputs
from jobs.steps.health.scores_and_clusters import check_audiences
from jobs.steps.lookalike.seed_clusters import step_name as clusters_step
from jobs.steps.sources.known_events import source
from jobs.steps.user_model.user_samples import step_name as samples_step
from ralm.config.names import SYSTEM
from ralm.dates import DateName
from ralm.runs.context import Context
from ralm.runs.step import Step


def inputs(context: Context) -> Sequence[Step]:
    """The log, before anything is made from it."""
    name = "check_health[inputs]"
    return [
        Step(name, check_inputs, ("health", "dates"), "a3", (source(context),), inputs=("events", "impressions")),
    ]


def users(context: Context) -> Sequence[Step]:
    """Users, before models are trained on them."""
    samples: list[tuple[str, DateName | None]] = [
        (samples_step(name), "a0") for name in context.config.user_model.representations
    ]
    return [
        Step(
            "check_health[users]",
            check_users,
            ("health", "fields"),
            as_of="a3",
            after=(("build_vocabularies", "a1"), ("build_user_fields", "a3"), *samples),
            inputs=("users", "user_fields", "vocabularies", "user_samples"),
        )
    ]


def audiences(context: Context) -> Sequence[Step]:
    """Scores and clusters, before the release."""
    return [
        Step(
            "check_health[audiences]",
            check_audiences,
            ("health",),
            as_of="a3",
            after=(("score_users", "a3"), (clusters_step(SYSTEM, "production"), "a3")),
            inputs=("thresholds", "seed_clusters"),
        )
    ]


def steps(context: Context) -> Sequence[Step]:
    """All of them."""
    return [*inputs(context), *users(context), *audiences(context)]
