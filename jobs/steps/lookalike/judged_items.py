"""Items with clickers who are no seeds of theirs, gathered from the samples, to be judged on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import Window
from pyspark.sql import functions as F

from jobs.steps.users.population import in_population
from ralm.arrow.arrays import matrix
from ralm.features.hashing import uniform
from ralm.features.seeds import clicks, is_validation_item, is_validation_user
from ralm.runs.step import RunningStep
from ralm.training.judged_items import JudgedItems
from ralm.training.seed_draws import draw_row, row_item

# Sampled users that items are judged against, and clickers judged per item and draw.
USERS = 10_000
CLICKERS = 100
# An item is judged on at least so many clickers.
LEAST_CLICKERS = 3
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
    candidates = candidates[: 2 * ROWS]
    own, clickers = _drawn(step, version, 1, candidates, validation)
    rows = candidates[np.bincount(own, minlength=draws * len(items))[candidates] >= LEAST_CLICKERS]
    rows = np.sort(rows[:ROWS])
    feed = config.objective == "feed"
    if feed:
        shown_to, others = _drawn(step, version, 0, rows, validation)
        known = rows[:, None] != shown_to
        seen = ~known.all(axis=1)
        rows, known = rows[seen], known[seen]
    else:
        sampled = users.slice(0, USERS)
        others = matrix(sampled, "embedding").astype(np.float32)
        known = _clicked(step, items, rows, sampled)
    kept = np.isin(own, rows)
    return JudgedItems(
        users=others,
        rows=rows,
        number=row_item(rows, len(items)),
        clickers=clickers[kept],
        item=np.searchsorted(rows, own[kept]),
        known=known,
        feed=np.array(feed),
    )


def _drawn(
    step: RunningStep, version: str, label: int, rows: NDArray[np.int64], validation: bool
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Rows (m,) and embeddings (m, d) of pairs of a label: at most `CLICKERS` of each of the rows, by hash."""
    samples = step.at("lookalike_samples", as_of=step.as_of, model_version=version)
    hashed = uniform("judged pair", step.context.config.seed, "item_index", "embedding")
    place = F.row_number().over(Window.partitionBy("item_index").orderBy(hashed))
    of_rows = F.col("item_index").isin(rows.tolist())
    wanted = (F.col("validation") == validation) & (F.col("label") == label) & of_rows
    pairs = samples.where(wanted).select("item_index", "embedding")
    found = pairs.withColumn("place", place).where(F.col("place") <= CLICKERS).drop("place").toArrow()
    return found.column("item_index").to_numpy().astype(np.int64), matrix(found, "embedding").astype(np.float32)


def _clicked(step: RunningStep, items: Sequence[str], rows: NDArray[np.int64], users: pa.Table) -> NDArray[np.bool_]:
    """(rows, users): which sampled users clicked the item of which row before A2."""
    context = step.context
    numbers, place = np.unique(row_item(rows, len(items)), return_inverse=True)
    found = np.zeros((len(numbers), users.num_rows), dtype=bool)
    if not found.size:
        return found[place]
    places = pa.table({"user_id": users.column("user_id"), "user": np.arange(users.num_rows)})
    wanted = [(at, items[number]) for at, number in enumerate(numbers.tolist())]
    clicked = clicks(step.read("impressions"), context.dates.a2).select("user_id", "item_id")
    pairs = clicked.join(
        F.broadcast(context.spark.createDataFrame(wanted, "item int, item_id string")), "item_id"
    ).join(F.broadcast(context.spark.createDataFrame(places)), "user_id")
    for row in pairs.select("item", "user").distinct().toLocalIterator():
        found[row["item"], row["user"]] = True
    return found[place]
