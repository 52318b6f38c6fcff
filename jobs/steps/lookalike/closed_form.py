"""What a look-alike training starts from, and what it is judged on: the closed form, and validation items."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobs.steps.lookalike.clustering import Weights
from jobs.steps.user_model import als_factors
from jobs.steps.users.population import in_population
from jobs.steps.users.vocabularies import load_sizes
from ralm.arrow.arrays import matrix
from ralm.features.hashing import uniform
from ralm.features.seeds import clicks, is_validation_item
from ralm.models.item_classifier import ItemClassifier
from ralm.models.plda import DEFAULT_RIDGE, DEFAULT_SPREAD, PREFIX, Plda, fit_plda, seed_means
from ralm.runs.step import RunningStep
from ralm.training.judged_items import JudgedItems, choose
from ralm.training.seed_draws import row_item

# λ and δ, then the weight of the classifiers, then w are chosen among these on the validation items: another value
# than the first, or than the default, must be better by more than its standard error.
RIDGES = (0.3, 1.0, 3.0, 10.0, 30.0)
SPREADS = (0.0, 0.01, 0.03, 0.1, 0.3)
CLASSIFIERS = (0.0, 1.0, 2.0)
COMMON = (0.0, 0.2, 0.5, 1.0, 2.0)
# Sampled users that validation items are judged against, and clickers judged per item and draw.
JUDGED_USERS = 10_000
JUDGED_CLICKERS = 100
# An item is judged on at least so many clickers.
LEAST_CLICKERS = 3
# Rows (items times draws) that are judged at most; the driver gets the clickers of twice as many.
JUDGED_ROWS = 400


def write_closed_form(
    step: RunningStep, items: Sequence[str], arrays: Weights, embedding_version: str, folder: Path
) -> None:
    """Fit the closed form on the training items and a sample of all users, and write it beside the validation items.

    Args:
        step: has the inputs `user_embeddings`, `lookalike_samples`, `impressions` and `user_fields`; as of A1.
        items: the training items, by index.
        arrays: `centroids` and `sizes` of the items' seeds, per draw.
        embedding_version: of the user embeddings.
        folder: gets `closed_form.npz` and `judged.npz`.
    """
    config = step.context.config
    embeddings = step.at("user_embeddings", as_of=step.as_of, model_version=embedding_version)
    table = embeddings.where(in_population(step)).select("user_id", "embedding").toArrow()  # about `population` rows
    table = table.sort_by("user_id").combine_chunks()
    table = table.take(np.random.default_rng(config.seed).permutation(table.num_rows))
    users = matrix(table, "embedding").astype(np.float32)
    means, counts = seed_means(arrays["centroids"], arrays["sizes"])  # (draws · items, d), (draws · items,)
    held_out = _validation(step, items)
    trained = ~held_out[row_item(np.arange(len(counts)), len(items))] & (counts > 0)
    judged = _judged(step, items, embedding_version, table.slice(0, JUDGED_USERS), held_out, len(counts))
    classifier = None
    if not judged.enough:
        model = fit_plda(users, means[trained], counts[trained])
    else:
        judge = _Judge(judged, arrays["centroids"][judged.rows], arrays["sizes"][judged.rows])
        model, said = _numbers(users, means[trained], counts[trained], judge)
        classifier, also = _classifier(step, users, model, judge)
        model, weight = _common(model, classifier, judge)
        step.say(f"closed form: {said}{also}{weight}")
    step.counts |= {"population": len(users), "validation items": len(np.unique(judged.number))}
    folder.mkdir(parents=True, exist_ok=True)
    found = model.arrays() | ({} if classifier is None else classifier.arrays(PREFIX))
    np.savez(folder / "closed_form.npz", allow_pickle=False, **found)
    judged.save(folder / "judged.npz")


@dataclass(frozen=True)
class _Judge:
    """Judges a closed form on the validation items, whose seeds are `centroids` (rows, k, d) and `sizes` (rows, k)."""

    judged: JudgedItems
    centroids: NDArray[Any]
    sizes: NDArray[Any]

    def values(self, model: Plda, classifier: ItemClassifier | None = None) -> NDArray[np.float64]:
        """The figures of each item (items, figures)."""
        judged = self.judged
        classifiers = 0.0 if classifier is None else classifier.directions(self.centroids, self.sizes)
        directions = model.directions(*seed_means(self.centroids, self.sizes), classifiers)
        every = model.coordinates(judged.users) @ directions.T  # (users, rows)
        own = (model.coordinates(judged.clickers) * directions[judged.item]).sum(axis=1)
        values = [
            judged.value(own[judged.item == place], scores[~judged.known[place]])
            for place, scores in enumerate(every.T)
        ]
        return judged.per_item(np.array(values))


def _numbers(
    users: NDArray[Any], means: NDArray[np.float64], counts: NDArray[np.int64], judge: _Judge
) -> tuple[Plda, str]:
    """The model of the λ and δ that validation items want, the defaults unless others are better, and what to say."""
    fitted = {ridge: fit_plda(users, means, counts, ridge, spread=0.0) for ridge in RIDGES}
    pairs = sorted(itertools.product(RIDGES, SPREADS), key=lambda pair: pair != (DEFAULT_RIDGE, DEFAULT_SPREAD))
    ridge, spread = pairs[choose([judge.values(fitted[one].spread(other)) for one, other in pairs])]
    return fitted[ridge].spread(spread), f"λ {ridge:g}, δ {spread:g}"


def _classifier(
    step: RunningStep, users: NDArray[Any], model: Plda, judge: _Judge
) -> tuple[ItemClassifier | None, str]:
    """A classifier per item beside the closed form, if factors are stacked and it helps; and what to say of it."""
    config = step.context.config
    if "factors" not in config.user_model.stacked:
        return None, ""
    settings = als_factors.current_model(step.context)[1].settings
    after = len(config.fields.history) if "activity" in config.user_model.stacked else 0
    start = users.shape[1] - after - settings.factors
    total = step.at("user_fields", as_of=step.as_of, vocabulary_version=load_sizes(step.context).version).count()
    fitted = ItemClassifier.of_users(
        users, model.basis, start, settings.factors, total, settings.alpha, settings.regularisation
    )
    weight = CLASSIFIERS[choose([judge.values(model, fitted.weighing(weight)) for weight in CLASSIFIERS])]
    return (fitted.weighing(weight), f", classifiers {weight:g}") if weight else (None, "")


def _common(model: Plda, classifier: ItemClassifier | None, judge: _Judge) -> tuple[Plda, str]:
    """With the w that validation items want, and what to say of it."""
    values = [judge.values(model.with_common(weight), classifier) for weight in COMMON]
    best = choose(values)
    return model.with_common(COMMON[best]), f", w {COMMON[best]:g}, {values[best].mean():.4f} on validation items"


def _validation(step: RunningStep, items: Sequence[str]) -> NDArray[np.bool_]:
    """(items,) whether a training item is kept for validation."""
    config = step.context.config
    frame = step.context.spark.createDataFrame(list(enumerate(items)), "item_index int, item_id string")
    kept = frame.where(is_validation_item(config.user_samples.validation_share, config.seed))
    found = np.zeros(len(items), dtype=bool)
    found[[row["item_index"] for row in kept.select("item_index").collect()]] = True
    return found


def _judged(
    step: RunningStep,
    items: Sequence[str],
    version: str,
    population: pa.Table,
    held_out: NDArray[np.bool_],
    rows: int,
) -> JudgedItems:
    """The validation items with their clickers that are no seeds, and who clicked them among the sampled users."""
    candidates = np.flatnonzero(held_out[row_item(np.arange(rows), len(items))])
    candidates = np.random.default_rng(step.context.config.seed).permutation(candidates)[: 2 * JUDGED_ROWS]
    own, clickers = _drawn(step, version, 1, candidates)
    enough = np.flatnonzero(np.bincount(own, minlength=rows) >= LEAST_CLICKERS)
    enough = np.sort(candidates[np.isin(candidates, enough)][:JUDGED_ROWS])
    feed = step.context.config.objective == "feed"
    if feed:
        shown_to, users = _drawn(step, version, 0, enough)
        known = enough[:, None] != shown_to
        seen = ~known.all(axis=1)
        enough, known = enough[seen], known[seen]
    else:
        users = matrix(population, "embedding").astype(np.float32)
        clicked = np.zeros((len(items), len(users)), dtype=bool)
        for row in _clicked(step, items, held_out, population).toLocalIterator():
            clicked[row["item_index"], row["place"]] = True
        known = clicked[row_item(enough, len(items))]
    kept = np.isin(own, enough)
    return JudgedItems(
        users=users,
        rows=enough,
        number=row_item(enough, len(items)),
        clickers=clickers[kept],
        item=np.searchsorted(enough, own[kept]),
        known=known,
        feed=np.array(feed),
    )


def _drawn(
    step: RunningStep, version: str, label: int, rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Rows (m,) and embeddings (m, d) of pairs of a label: at most `JUDGED_CLICKERS` of each of the rows, by hash."""
    samples = step.at("lookalike_samples", as_of=step.as_of, model_version=version)
    hashed = uniform("judged pair", step.context.config.seed, "item_index", "embedding")
    place = F.row_number().over(Window.partitionBy("item_index").orderBy(hashed))
    wanted = F.col("validation") & (F.col("label") == label) & F.col("item_index").isin(rows.tolist())
    pairs = samples.where(wanted).select("item_index", "embedding")
    found = pairs.withColumn("place", place).where(F.col("place") <= JUDGED_CLICKERS).drop("place").toArrow()
    return found.column("item_index").to_numpy().astype(np.int64), matrix(found, "embedding").astype(np.float32)


def _clicked(step: RunningStep, items: Sequence[str], held_out: NDArray[np.bool_], population: pa.Table) -> DataFrame:
    """(item_index, place): which sampled users clicked which validation items before A2."""
    context = step.context
    places = pa.table({"user_id": population.column("user_id"), "place": np.arange(population.num_rows)})
    chosen_items = [(index, items[index]) for index in np.flatnonzero(held_out).tolist()]
    indices = context.spark.createDataFrame(chosen_items, "item_index int, item_id string")
    clicked = clicks(step.read("impressions"), context.dates.a2).select("user_id", "item_id")
    found = clicked.join(F.broadcast(indices), "item_id").join(
        F.broadcast(context.spark.createDataFrame(places)), "user_id"
    )
    return found.select("item_index", "place").distinct()
