"""The user models, trained under TorchDistributor."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from jobs.steps.user_model.user_samples import step_name as samples_step
from jobs.steps.users.vocabularies import load_sizes
from ralm.config import Merge
from ralm.features.vocabularies import FieldSizes
from ralm.runs.context import Context
from ralm.runs.step import RunningStep, Step
from ralm.training.checkpoints import MARKER, MODEL
from ralm.training.distributed import launch
from ralm.training.specs import UserTrainingSpec
from ralm.training.user import train_user_model


def step_name(merge: Merge, representation: str) -> str:
    """The step that trains a user model."""
    return f"train_user_model[{merge}/{representation}]"


def merges(context: Context) -> list[Merge]:
    """The merge layers that the configured variants need, in a fixed order."""
    return sorted({variant.merge for variant in context.config.variants.values()})


def folder(context: Context, merge: Merge, representation: str) -> str:
    """The folder of the current user model."""
    version = context.require(step_name(merge, representation), "a0").version
    return context.models("user", f"{merge}-{representation}-{version}")


def label_count(context: Context, sizes: FieldSizes, representation: str) -> int:
    """Items of a label domain: its vocabulary size without padding and out-of-vocabulary rows."""
    shared = next(f.out_of_vocabulary for f in context.config.fields.history if f.domain == representation)
    return next(h.size for h in sizes.user_fields.histories if h.domain == representation) - 1 - shared


def _train(merge: Merge, representation: str, step: RunningStep) -> None:
    config, context = step.context.config, step.context
    sizes = load_sizes(context)

    def files(validation: bool) -> list[str]:
        return context.warehouse.files(
            "user_samples",
            step.record.inputs["user_samples"],
            representation=representation,
            as_of=step.as_of,
            validation=validation,
        )

    output = context.models("user", f"{merge}-{representation}-{step.version}")
    spec = UserTrainingSpec(
        train_files=files(False),
        validation_files=files(True),
        training=config.user_training,
        output=output,
        tensorboard=context.models("tensorboard", f"user-{merge}-{representation}-{step.version}"),
        seed=config.seed_of(config.user_training),
        version=step.version,
        fields=sizes.user_fields,
        item_count=label_count(context, sizes, representation) + 1,
        representation=representation,
        merge=merge,
        model=config.user_model,
        positives_per_row=config.user_samples.positives_per_row,
        negatives=config.user_samples.negatives,
    )
    result = launch(context.spark, train_user_model, spec, config.user_training)
    step.counts["rows"] = int(result["rows"])


def _made(context: Context, merge: Merge, representation: str, version: str) -> list[str]:
    return [f"{context.models('user', f'{merge}-{representation}-{version}')}/{name}" for name in (MARKER, MODEL)]


def steps(context: Context) -> Sequence[Step]:
    """One step per merge layer and representation."""
    return [
        Step(
            step_name(merge, representation),
            partial(_train, merge, representation),
            ("fields", "user_samples", "user_model", "user_training"),
            as_of="a0",
            after=((samples_step(representation), "a0"),),
            inputs=("user_samples",),
            models=partial(_made, context, merge, representation),
        )
        for merge in merges(context)
        for representation in context.config.user_model.representations
    ]
