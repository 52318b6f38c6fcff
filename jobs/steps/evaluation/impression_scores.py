"""The compared systems: a score for every labelled pair, and the best users of every item."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.steps.audiences.ranking import LeftOut, rank_users
from jobs.steps.audiences.scored_users import Scored
from jobs.steps.evaluation.all_users import UserSample
from jobs.steps.evaluation.judged_impressions import Judged
from jobs.steps.lookalike.clustering import current_clusters
from jobs.steps.lookalike.variants import lookalike_folder, lookalike_version
from jobs.steps.systems.ralm import lookalike_scorer
from ralm.errors import DataError
from ralm.evaluation.first_figure import recall_shares
from ralm.evaluation.frame_metrics import ranking_depth
from ralm.features.hashing import chosen
from ralm.runs.step import RunningStep
from ralm.simulation.oracle import click_probability
from ralm.training.checkpoints import dated_weights, model_folder
from udfs.score import score_pairs

PAIR_TYPES = {"protocol": "string", "item_id": "string", "label": "int", "weak": "boolean"}


@dataclass(frozen=True)
class VariantScores:
    """What a look-alike model gives.

    Attributes:
        pairs: (system, protocol, item_id, label, weak, score), all labelled pairs.
        ranked: the ranked heads (system, item_id, user_id, score).
        users: how many candidates were ranked.
        sample: the scores of users drawn from all users.
    """

    pairs: DataFrame
    ranked: DataFrame
    users: int
    sample: UserSample


def variant_scores(step: RunningStep, variant: str, judged: Judged, work: str) -> VariantScores:
    """One look-alike model.

    Args:
        step: the running evaluation.
        variant: which model.
        judged: pairs, labels, earlier clickers.
        work: the model's own folder, removed by `finish`.
    """
    context, config = step.context, step.context.config
    weights = dated_weights(lookalike_folder(context, variant), step.as_of)
    items, state = lookalike_scorer(weights, current_clusters(step, variant, "evaluate"), judged.all_items)
    if state is None:
        raise DataError(f"evaluation: no judged item has clusters of {variant}; run job 'cluster_seeds'")
    targets = step.at(
        "target_embeddings", as_of=context.dates.a2, model_version=lookalike_version(context, variant)
    ).select("user_id", "bias", "embedding")
    candidates, users = candidate_users(step, targets, judged)
    scored = Scored(candidates, users, items, state, work, config.user_id_type, config.scoring.block)
    indices = context.spark.createDataFrame(list(enumerate(items)), "item_index int, item_id string")
    rows = judged.pairs.join(F.broadcast(indices), "item_id").join(targets, "user_id")
    pairs = rows.mapInArrow(*score_pairs(scored.bundle("pairs"), PAIR_TYPES))
    depth = ranking_depth(users, fractions=recall_shares(config))
    ids, sample = scored.sample_users(config.scoring.sample, config.seed)
    ranking = rank_users(scored, sample, dict.fromkeys(items, depth), LeftOut.of(judged.earlier))
    ranked = ranking.best.select(F.lit(variant).alias("system"), "item_id", "user_id", "score")
    if candidates is not targets:
        # Every held-out clicker is a candidate: a sample of the candidates would hold too many of them.
        everyone = replace(scored, targets=targets, users=targets.count())
        ids, sample = everyone.sample_users(config.scoring.sample, config.seed)
    drawn = UserSample(variant, items, ids, sample)
    return VariantScores(pairs.withColumn("system", F.lit(variant)), ranked, users, drawn)


def candidate_users(step: RunningStep, targets: DataFrame, judged: Judged) -> tuple[DataFrame, int]:
    """About `evaluation.max_users` users at most, by hash, besides every held-out clicker; and their number."""
    total, config = targets.count(), step.context.config
    if total <= config.evaluation.max_users:
        return targets, total
    share = config.evaluation.max_users / total
    held_out = judged.labels.select("user_id").distinct().withColumn("held_out", F.lit(True))
    flagged = targets.join(held_out, "user_id", "left")
    keep = chosen("evaluation user", config.seed, share, "user_id") | F.coalesce("held_out", F.lit(False))
    kept = flagged.where(keep).drop("held_out")
    return kept, kept.count()


def baseline_pairs(step: RunningStep, judged: Judged) -> DataFrame:
    """Scores of popularity, user activity and, in the built-in world, the oracle."""
    config = step.context.config
    columns = ["system", "protocol", "item_id", "label", "weak", "score"]
    popular = judged.pairs.join(F.broadcast(judged.popularity), "item_id").withColumns(
        {"system": F.lit("popularity"), "score": F.col("clicks").cast("double")}
    )
    active = judged.pairs.join(judged.activity, "user_id", "left").withColumns(
        {"system": F.lit("user_activity"), "score": F.coalesce("events", F.lit(0)).cast("double")}
    )
    parts = [popular.select(columns), active.select(columns)]
    if config.simulate is not None:
        known = click_probability(judged.pairs, config.simulate, config.seed)
        named = known.withColumns({"system": F.lit("oracle"), "score": F.col("click_probability")})
        parts.append(named.select(columns))
    return reduce(DataFrame.unionByName, parts)


def baseline_rankings(step: RunningStep, judged: Judged) -> DataFrame:
    """The best users by activity, and by popularity, which scores all users alike: ties by user_id.

    Except for its earlier clickers, every item has the same best users, so the list is cut before the join with items.
    """
    context = step.context
    targets = step.at(
        "target_embeddings", as_of=context.dates.a2, model_version=lookalike_version(context, "ralm")
    ).select("user_id")
    candidates, users = candidate_users(step, targets, judged)
    most_earlier = judged.earlier.groupBy("item_id").count().agg(F.max("count")).first()
    depth = ranking_depth(users, fractions=recall_shares(step.context.config)) + int(
        (most_earlier[0] if most_earlier else 0) or 0
    )
    items = context.spark.createDataFrame([(item,) for item in judged.all_items], "item_id string")
    active = candidates.join(judged.activity, "user_id", "left").select(
        F.lit("user_activity").alias("system"), "user_id", F.coalesce("events", F.lit(0)).cast("double").alias("score")
    )
    anyone = candidates.select(F.lit("popularity").alias("system"), "user_id", F.lit(0.0).alias("score"))
    heads = [frame.orderBy(F.desc("score"), "user_id").limit(depth) for frame in (active, anyone)]
    listed = heads[0].unionByName(heads[1]).crossJoin(F.broadcast(items))
    return listed.join(judged.earlier, ["item_id", "user_id"], "left_anti").select(
        "system", "item_id", "user_id", "score"
    )


def finish(work: str) -> None:
    """Remove what the scoring kept."""
    shutil.rmtree(model_folder(work), ignore_errors=True)
