"""The linear model of target embedding x categories, for items without seeds."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import functions as F

from jobs.steps.lookalike.variants import final_step, lookalike_folder
from jobs.steps.sources.known_events import source
from jobs.steps.user_model.user_embeddings import model_version
from jobs.steps.user_model.user_embeddings import step_name as embedding_step
from ralm.baselines.cold_start import FILE, ColdStartModel, fit_cold_start
from ralm.config.names import SYSTEM
from ralm.features.hashing import chosen
from ralm.features.holdout import is_new_item
from ralm.features.seeds import shown_between, unseen_pairs
from ralm.runs.context import Context
from ralm.runs.step import RunningStep, Step
from ralm.scoring.scorer import target_width
from ralm.training.checkpoints import load_weights
from udfs.targets import target_embeddings

STEP = "train_cold_start"
VARIANT = SYSTEM


def current_model(context: Context) -> ColdStartModel:
    """The model of the last finished run."""
    return ColdStartModel.load(context.models("cold_start", context.require(STEP, "a1").version))


def _train(step: RunningStep) -> None:
    context, config, dates = step.context, step.context.config, step.context.dates
    settings = config.cold_start
    assert settings is not None
    about = step.read("items").where(F.size("categories") > 0).select("item_id", "categories")
    step.refuse_empty(about, f"{STEP}: no item has categories; leave the section `cold_start` out, or map them")
    impressions = step.read("impressions")
    shown = shown_between(impressions, dates.a1, dates.a2).count()
    share = min(1.0, settings.max_rows / max(1, shown))
    pairs = unseen_pairs(impressions, dates.a1, dates.a2)
    pairs = pairs.where(~is_new_item("item_id", config.evaluation.new_item_share, config.seed))
    pairs = pairs.where(chosen("cold start pair", config.seed, share, "user_id", "item_id")).join(about, "item_id")
    pairs = pairs.persist()
    version = model_version(context, config.variants[VARIANT].merge)
    embeddings = step.at("user_embeddings", as_of=dates.a1, model_version=version).select("user_id", "embedding")
    users = embeddings.join(F.broadcast(pairs.select("user_id").distinct()), "user_id", "left_semi")
    weights = load_weights(lookalike_folder(context, VARIANT))
    towered = users.mapInArrow(*target_embeddings(weights, config.user_id_type))
    # The tower's part: fitted on the closed form's coordinates as well, the model would have five times the parameters.
    tower = F.slice("embedding", 1, len(weights["tower_bias"])).alias("embedding")
    rows = pairs.join(towered.select("user_id", tower), "user_id").persist()
    labels = {row["label"]: row["count"] for row in rows.groupBy("label").count().collect()}
    step.refuse_empty(
        rows.where(F.lit(len(labels) == 2)),
        f"{STEP}: clicks and non-clicks in [{dates.a1}, {dates.a2}) on items with categories needed; found {labels}",
    )
    step.counts |= {"pairs": sum(labels.values()), "clicks": labels[1]}
    model = fit_cold_start(rows, settings).widened(target_width(weights))
    step.counts["categories"] = len(model.categories)
    model.save(context.models("cold_start", step.version))
    rows.unpersist()
    pairs.unpersist()


def steps(context: Context) -> Sequence[Step]:
    """One step, or none without the section `cold_start`."""
    if context.config.cold_start is None:
        return []
    return [
        Step(
            STEP,
            _train,
            ("cold_start", "evaluation.new_item_share", "dates"),
            as_of="a1",
            after=(
                source(context),
                (embedding_step(context.config.variants[VARIANT].merge), "a1"),
                (final_step(context.config, VARIANT), "a1"),
            ),
            inputs=("impressions", "items", "user_embeddings"),
            models=lambda version: [f"{context.models('cold_start', version)}/{FILE}"],
        )
    ]
