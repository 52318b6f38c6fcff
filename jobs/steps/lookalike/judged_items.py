"""Items with clickers who are no seeds of theirs, gathered from the samples, to be judged on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobs.steps.users.population import in_population
from ralm.arrow.arrays import matrix
from ralm.features.hashing import uniform
from ralm.features.seeds import LEAST_CLICKERS, clicks, is_validation_item, is_validation_user, unseen_pairs
from ralm.runs.step import RunningStep
from ralm.training.judged_items import JudgedItems
from ralm.training.seed_draws import draw_row, row_item

# Sampled users that items are judged against, and clickers judged per item and draw.
USERS = 10_000
CLICKERS = 100
# Rows (an item with a draw of its seeds) that are judged at most; the driver gets the clickers of twice as many.
ROWS = 400


def sampled_users(step: RunningStep, version: str) -> pa.Table:
    """(user_id, embedding, held_out) of the population as of the step's date, in a random order.

    `held_out` are the validation users, whom no training sees.
    """
    config = step.context.config
    embeddings = step.at("user_embeddings", as_of=step.as_of, model_version=version)
    held_out = is_validation_user(config.user_samples.validation_share, config.seed).alias("held_out")
    table = embeddings.where(in_population(step)).select("user_id", "embedding", held_out).toArrow()
    table = table.sort_by("user_id").combine_chunks()  # about `population` rows
    return table.take(np.random.default_rng(config.seed).permutation(table.num_rows))


def validation_items(step: RunningStep, items: Sequence[str]) -> NDArray[np.bool_]:
    """(items,) whether a training item is kept for validation."""
    config = step.context.config
    frame = step.context.spark.createDataFrame(list(enumerate(items)), "item_index int, item_id string")
    kept = frame.where(is_validation_item(config.user_samples.validation_share, config.seed))
    found = np.zeros(len(items), dtype=bool)
    found[[row["item_index"] for row in kept.select("item_index").collect()]] = True
    return found


def gather(
    step: RunningStep, items: Sequence[str], chosen: NDArray[np.bool_], version: str, users: pa.Table, validation: bool
) -> JudgedItems:
    """The chosen items with those of their clickers who are no seeds, and who clicked them among the sampled users.

    Args:
        step: has the inputs `lookalike_samples` and `impressions`; as of A1.
        items: the training items, by index.
        chosen: (items,), which of them to judge; at most `ROWS` rows of them, many items before many draws.
        version: of the user embeddings.
        users: of `sampled_users`, to rank the clickers among.
        validation: whether the clickers are those of the samples' validation rows, or of the rows to train on.
    """
    config = step.context.config
    rng = np.random.default_rng(config.seed)
    order, draws = rng.permutation(np.flatnonzero(chosen)), config.lookalike.seed_draws
    first = np.arange(len(order)) % draws  # another draw of each item comes first
    candidates = np.concatenate([draw_row((first + turn) % draws, order, len(items)) for turn in range(draws)])
    samples = step.at("lookalike_samples", as_of=step.as_of, model_version=version)
    pairs = samples.where(F.col("validation") == validation).select("item_index", "label", "embedding")
    names = {int(row): items[row_item(row, len(items))] for row in candidates[: 2 * ROWS].tolist()}
    numbers = {row: row_item(row, len(items)) for row in names}
    return _judged(step, pairs, names, numbers, users)


def gather_past(
    step: RunningStep, items: Sequence[str], past: Sequence[str], version: str, users: pa.Table, validation: bool
) -> JudgedItems:
    """The items whose seeds are the clicks before A1, with users who clicked them in [A1, A2) and not before.

    Args:
        step: has the inputs `user_embeddings` and `impressions`; as of A1.
        items: the training items, by index.
        past: the items with clusters of `past_clicks`, by index; at most `PAST_ITEMS`.
        version: of the user embeddings.
        users: as in `gather`.
        validation: whether to take validation items and what validation users did, or the others of both.
    """
    config, dates = step.context.config, step.context.dates
    indices = step.context.spark.createDataFrame(list(enumerate(past)), "item_index int, item_id string")
    share, seed = config.user_samples.validation_share, config.seed
    of_kind = is_validation_item(share, seed) == F.lit(validation)
    of_items = step.read("impressions").join(F.broadcast(indices.where(of_kind)), "item_id", "left_semi")
    pairs = unseen_pairs(of_items, dates.a1, dates.a2).where(is_validation_user(share, seed) == F.lit(validation))
    embeddings = step.at("user_embeddings", as_of=step.as_of, model_version=version).select("user_id", "embedding")
    labelled = pairs.join(F.broadcast(indices), "item_id").join(embeddings, "user_id")
    index = {item: place for place, item in enumerate(items)}
    # An item that is trained on keeps its number, so that it is judged by a model that was fitted without it.
    numbers = {row: index.get(item, len(items) + row) for row, item in enumerate(past)}
    names = {row: past[row] for row in np.random.default_rng(seed).permutation(len(past)).tolist()}
    return _judged(step, labelled.select("item_index", "label", "embedding"), names, numbers, users)


def _judged(
    step: RunningStep, pairs: DataFrame, names: Mapping[int, str], numbers: Mapping[int, int], users: pa.Table
) -> JudgedItems:
    """Those of the rows that have clickers enough.

    Args:
        step: as in `gather`.
        pairs: (item_index, label, embedding).
        names: the item of each row that may be judged, those to be preferred first.
        numbers: of those items.
        users: as in `gather`.
    """
    config = step.context.config
    candidates = np.array(list(names), dtype=np.int64)
    own, clickers = _drawn(step, pairs, 1, candidates)
    have = np.bincount(own, minlength=1 + candidates.max(initial=0))[candidates] if len(candidates) else candidates
    rows = np.sort(candidates[have >= LEAST_CLICKERS][:ROWS])
    feed = config.objective == "feed"
    if feed:
        shown_to, others = _drawn(step, pairs, 0, rows)
        known = rows[:, None] != shown_to
        seen = ~known.all(axis=1)
        rows, known = rows[seen], known[seen]
    else:
        sampled = users.slice(0, USERS)
        others = matrix(sampled, "embedding").astype(np.float32)
        known = _clicked(step, [names[row] for row in rows.tolist()], sampled)
    kept = np.isin(own, rows)
    return JudgedItems(
        users=others,
        rows=rows,
        number=np.array([numbers[row] for row in rows.tolist()], dtype=np.int64),
        clickers=clickers[kept],
        item=np.searchsorted(rows, own[kept]),
        known=known,
        feed=np.array(feed),
    )


def _drawn(
    step: RunningStep, pairs: DataFrame, label: int, rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Rows (m,) and embeddings (m, d) of pairs of a label: at most `CLICKERS` of each of the rows, by hash."""
    hashed = uniform("judged pair", step.context.config.seed, "item_index", "embedding")
    place = F.row_number().over(Window.partitionBy("item_index").orderBy(hashed))
    wanted = pairs.where((F.col("label") == label) & F.col("item_index").isin(rows.tolist()))
    found = wanted.withColumn("place", place).where(F.col("place") <= CLICKERS)
    table = found.select("item_index", "embedding").toArrow()
    return table.column("item_index").to_numpy().astype(np.int64), matrix(table, "embedding").astype(np.float32)


def _clicked(step: RunningStep, items: Sequence[str], users: pa.Table) -> NDArray[np.bool_]:
    """(rows, users): which sampled users clicked the item of which row before A2."""
    context = step.context
    numbers, place = np.unique(np.array(items, dtype=object), return_inverse=True)
    found = np.zeros((len(numbers), users.num_rows), dtype=bool)
    if not found.size:
        return found[place]
    places = pa.table({"user_id": users.column("user_id"), "user": np.arange(users.num_rows)})
    wanted = list(enumerate(numbers.tolist()))
    clicked = clicks(step.read("impressions"), context.dates.a2).select("user_id", "item_id")
    pairs = clicked.join(
        F.broadcast(context.spark.createDataFrame(wanted, "item int, item_id string")), "item_id"
    ).join(F.broadcast(context.spark.createDataFrame(places)), "user_id")
    for row in pairs.select("item", "user").distinct().toLocalIterator():
        found[row["item"], row["user"]] = True
    return found[place]
