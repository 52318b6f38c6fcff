"""Build the user model's training set: fields as of A0, positives of [A0, A1), log-uniform negatives."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from pyspark.sql import functions as F

from jobs.application import run
from jobs.arguments import Arguments, run_job
from jobs.build_vocabularies import current_vocabulary, known_events, load_sizes, source
from jobs.training_sets import write_training_set
from jobs.user_samples import build_user_samples
from ralm.features.samples import events_between, user_positives
from ralm.runs import Context, RunningStep, Step


def step_name(representation: str) -> str:
    """The step that makes a representation's samples."""
    return f"build_user_samples[{representation}]"


def _build(representation: str, step: RunningStep) -> None:
    config, dates = step.context.config, step.context.dates
    sizes = load_sizes(step.context)
    vocabulary = current_vocabulary(step, sizes)
    events = known_events(step)
    step.refuse_empty(
        events_between(events, representation, dates.a0, dates.a1),
        f"user_samples: no event of domain '{representation}' in [{dates.a0}, {dates.a1}); check "
        "user_model.representations and dates",
    )
    positives = user_positives(events, vocabulary, representation, dates.a0, dates.a1, config.user_samples, config.seed)
    items = vocabulary.where(F.col("field") == representation).count()
    fields = step.at("user_fields", as_of=step.as_of, vocabulary_version=sizes.version)
    samples = build_user_samples(
        fields.drop("as_of", "vocabulary_version"), positives, items, config.user_samples, config.seed
    )
    keys = ["user_key", "positives"]
    write_training_set(step, "user_samples", samples, keys, config.user_training, "rows", representation=representation)


def steps(context: Context) -> Sequence[Step]:
    """One step a representation."""
    return [
        Step(
            step_name(representation),
            partial(_build, representation),
            ("fields", "user_samples", "evaluation", "dates"),
            as_of="a0",
            after=(source(context), ("build_vocabularies", "a1"), ("build_user_fields", "a0")),
            inputs=("events", "user_fields", "vocabularies"),
        )
        for representation in context.config.user_model.representations
    ]


def main(arguments: Arguments) -> None:
    """Run the job."""
    run(arguments, "build_user_samples", steps)


if __name__ == "__main__":
    run_job(main, __doc__ or "")
