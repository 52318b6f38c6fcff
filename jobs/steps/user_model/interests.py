"""The components of the users' interest vectors."""

from __future__ import annotations

from collections.abc import Sequence

from jobs.steps.users.vocabularies import load_sizes
from ralm.baselines.als_training import history_space
from ralm.baselines.interests import MARKER, InterestModel, components, read_interests, write_interests
from ralm.errors import ConfigError, DataError
from ralm.features.hashing import chosen
from ralm.runs.context import Context
from ralm.runs.step import RunningStep, Step

STEP = "train_interests"
# Places of histories that the driver holds, filled or not: 4 bytes each.
PLACES = 100_000_000


def current_model(context: Context) -> str:
    """The folder of the current components.

    Raises:
        MissingInputError: they are not there.
        ConfigError: they belong to another vocabulary.
    """
    path = context.models("interests", context.require(STEP, "a1").version)
    if read_interests(path).vocabulary_version != load_sizes(context).version:
        raise ConfigError(f"{path}: fitted on another vocabulary than the current one; run '{STEP}' again")
    return path


def _train(step: RunningStep) -> None:
    context, config = step.context, step.context.config
    settings, sizes = config.user_model, load_sizes(context)
    space = history_space(sizes.user_fields)
    users = step.at("user_fields", as_of=step.as_of, vocabulary_version=sizes.version)
    most = min(settings.interest_users, PLACES // sum(sizes.user_fields.widths[name] for name in space.columns))
    share = min(1.0, most / max(1, users.count()))
    drawn = users.where(chosen("interest user", config.seed, share, "user_id")).select(*space.columns)
    table = drawn.toArrow().combine_chunks()  # at most PLACES numbers
    sets = space.matrix(table)
    active = sets[sets.getnnz(axis=1) > 0]
    if not active.shape[0]:
        raise DataError(
            f"{STEP}: none of {table.num_rows} users did anything before {step.as_of}; check fields and dates"
        )
    found = components(active, settings.interest_dim, config.seed)
    step.counts |= {"users": active.shape[0], "things": found.shape[0], "dimensions": found.shape[1]}
    write_interests(
        context.models("interests", step.version),
        InterestModel(vocabulary_version=sizes.version, space=space),
        found,
    )


def steps(context: Context) -> Sequence[Step]:
    """One step: the components are fitted once and used as of any later date."""
    return [
        Step(
            STEP,
            _train,
            ("fields", "user_model", "evaluation", "dates"),
            as_of="a1",
            after=(("build_vocabularies", "a1"), ("build_user_fields", "a1")),
            inputs=("user_fields",),
            models=lambda version: [f"{context.models('interests', version)}/{MARKER}"],
        )
    ]
