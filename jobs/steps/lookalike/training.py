"""The look-alike models, trained in rounds under TorchDistributor."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from pyspark.sql import functions as F

from jobs.steps.lookalike.closed_form import SITUATIONS, write_closed_form
from jobs.steps.lookalike.clustering import centroid_arrays, cluster, past_arrays
from jobs.steps.lookalike.lookalike_samples import step_name as samples_step
from jobs.steps.lookalike.lookalike_samples import training_items
from jobs.steps.lookalike.variants import lookalike_folder, rounds, training_step, variant_lookalike, version_of
from jobs.steps.seeds.item_seeds import step_name as seeds_step
from jobs.steps.user_model.user_embeddings import model_version
from jobs.steps.user_model.user_embeddings import step_name as embedding_step
from ralm.config import Config, Training
from ralm.errors import DataError
from ralm.models.clicked_bits import clicked_words
from ralm.runs.context import Context
from ralm.runs.step import RunningStep, Step
from ralm.storage.path import StoragePath
from ralm.training.checkpoints import MARKER, MODEL, WEIGHTS, load_lookalike_spec, load_weights
from ralm.training.distributed import launch
from ralm.training.judged_items import Situation
from ralm.training.lookalike import brought_nothing, judged_situations, train_lookalike, worth_training
from ralm.training.specs import LookalikeTrainingSpec

# How the numbers of the closed form are found: models of an earlier version have others, and are made anew.
CHOSEN_BY = "units of blocks, discriminants, numbers beside classifiers"


def clustering_step(variant: str, round_: int) -> str:
    """The step that clusters the training seeds before a round."""
    return f"train_lookalike[{variant}/{round_} clusters]"


def _cluster(variant: str, round_: int, step: RunningStep) -> None:
    context = step.context
    weights = previous = None
    if round_ > 1:
        model = lookalike_folder(context, variant, round_ - 1)
        if brought_nothing(model):
            step.say(f"round {round_ - 1} brought nothing: its clusters stay")
            return
        weights = load_weights(model)
        before = context.require(clustering_step(variant, round_ - 1), "a1").version
        previous = step.at(
            "seed_clusters", as_of=step.as_of, purpose="train", model_version=version_of(variant, before)
        )
    version = version_of(variant, step.version)
    frame = cluster(step, variant, "train", weights, previous, round_).withColumn("model_version", F.lit(version))
    step.replace("seed_clusters", frame, "items", as_of=step.as_of, purpose="train", model_version=version)


def _budget(config: Config, variant: str) -> tuple[Training, int | None]:
    """Settings and batches of one round: a variant with one round trains as long as the others do in all rounds."""
    training, batches = config.lookalike_training, variant_lookalike(config, variant).batches_per_round
    times = max(1, config.lookalike.rounds // rounds(config, variant))
    longer = training.model_copy(update={"epochs": training.epochs * times})
    return longer, None if batches is None else batches * times


def _write_centroids(step: RunningStep, variant: str, round_: int, folder: str) -> tuple[str, str]:
    """The centroids of the round as memory-mapped files, in the order of the samples' item indices.

    With the first round's, also the closed form that the variant starts from; with every round's, the validation items
    by the clusters of the round.
    """
    context = step.context
    version = version_of(variant, context.require(clustering_step(variant, round_), "a1").version)
    items = training_items(context, step.at("item_seeds", as_of=step.as_of, purpose="train"))
    clusters = step.at("seed_clusters", as_of=step.as_of, purpose="train", model_version=version)
    found, arrays = centroid_arrays(clusters, items, context.config.lookalike.seed_draws)
    if found != items:
        raise DataError(
            f"seed_clusters: {len(items) - len(found)} of {len(items)} training items have no seed with an embedding "
            f"(in every draw) as of {step.as_of}; check dates"
        )
    target = StoragePath.at(folder)
    for name, array in arrays.items():
        (target / f"{name}.npy").write(partial(np.save, arr=array))
    settings, model = context.config.variants[variant], variant_lookalike(context.config, variant)
    if model.closed_form:
        past = past_arrays(clusters)
        if round_ == 1:
            embeddings = model_version(context, settings.merge)
            write_closed_form(step, items, arrays, past, embeddings, model, settings.pooling, target)
        else:
            first = StoragePath.at(lookalike_folder(context, variant, 1))
            for name, of_all in zip(SITUATIONS, (arrays, past[1]), strict=True):
                (target / name).write(Situation.of(Situation.load((first / name).local()).judged, of_all).save)
    return str(target / "centroids.npy"), str(target / "sizes.npy")


def _seeds(step: RunningStep, variant: str, round_: int, folder: str) -> tuple[str, str, list[str]]:
    """Files of what a round trains on: centroids, sizes, validation items.

    They are those of the round before where it brought nothing.
    """
    context = step.context
    if round_ > 1 and brought_nothing(before := lookalike_folder(context, variant, round_ - 1)):
        spec = load_lookalike_spec(before)
        return spec.centroids, spec.sizes, spec.judged
    centroids, sizes = _write_centroids(step, variant, round_, folder)
    judged = SITUATIONS if variant_lookalike(context.config, variant).closed_form else ()
    return centroids, sizes, [f"{folder}/{name}" for name in judged]


def _train(variant: str, round_: int, step: RunningStep) -> None:
    context, config = step.context, step.context.config
    version = version_of(variant, step.version)
    output = context.models("lookalike", version)
    centroids, sizes, judged = _seeds(step, variant, round_, output)
    embeddings = model_version(context, config.variants[variant].merge)

    def files(validation: bool) -> list[str]:
        pinned = step.record.inputs["lookalike_samples"]
        return context.warehouse.files(
            "lookalike_samples", pinned, as_of=step.as_of, model_version=embeddings, validation=validation
        )

    training, batches = _budget(config, variant)
    model = variant_lookalike(config, variant)
    start = lookalike_folder(context, variant, 1) if round_ > 1 else output
    rows, _, width = np.load(StoragePath.at(centroids).local(), mmap_mode="r").shape
    spec = LookalikeTrainingSpec(
        train_files=files(False),
        validation_files=files(True),
        training=training,
        output=output,
        tensorboard=context.models("tensorboard", f"lookalike-{version}"),
        seed=config.seed_of(training),
        version=version,
        centroids=centroids,
        sizes=sizes,
        input_dim=width,
        clicked_words=clicked_words(rows // model.seed_draws, model.clicked_cap),
        pooling=config.variants[variant].pooling,
        model=model,
        closed_form=f"{start}/closed_form.npz" if model.closed_form else None,
        judged=judged,
        round_number=round_,
        rounds=rounds(config, variant),
        start_from=lookalike_folder(context, variant, round_ - 1) if round_ > 1 else None,
        batches=batches,
    )
    if not worth_training(
        spec, judged_situations(spec)
    ):  # the start is written by one process, without asking executors for slots
        training = training.model_copy(update={"processes": 1, "local_mode": True, "device": "cpu"})
        spec = spec.model_copy(update={"training": training})
    result = launch(context.spark, train_lookalike, spec, training)
    step.counts["rows"] = int(result["rows"])
    last = result["history"][-1]
    if "kept" in last:
        best = max(result["history"], key=lambda entry: entry.get("val_audience") or 0.0)
        step.say(f"kept: {best['kept']}")


def _made(context: Context, variant: str, version: str) -> list[str]:
    folder = context.models("lookalike", version_of(variant, version))
    return [f"{folder}/{name}" for name in (MARKER, MODEL, WEIGHTS)]


def steps(context: Context) -> Sequence[Step]:
    """For each variant and round, one step that clusters and one that trains."""
    made = []
    first = ("impressions", "user_embeddings", "user_fields")  # what the closed form is fitted on
    for variant, settings in context.config.variants.items():
        for round_ in range(1, rounds(context.config, variant) + 1):
            before = ((training_step(variant, round_ - 1), "a1"),) if round_ > 1 else ()
            made.append(
                Step(
                    clustering_step(variant, round_),
                    partial(_cluster, variant, round_),
                    ("lookalike", f"variants.{variant}"),
                    as_of="a1",
                    after=((seeds_step("train"), "a1"), (embedding_step(settings.merge), "a1"), *before),
                    inputs=("item_seeds", "user_embeddings", *(("seed_clusters",) if before else ())),
                )
            )
            made.append(
                Step(
                    training_step(variant, round_),
                    partial(_train, variant, round_),
                    ("lookalike", "lookalike_training", f"variants.{variant}"),
                    as_of="a1",
                    after=((clustering_step(variant, round_), "a1"), (samples_step(settings.merge), "a1")),
                    inputs=("item_seeds", "seed_clusters", "lookalike_samples", *(first if round_ == 1 else ())),
                    models=partial(_made, context, variant),
                    extra=lambda: CHOSEN_BY,
                )
            )
    return made
