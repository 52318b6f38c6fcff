"""What a look-alike training starts from, and what it is judged on: the closed form, and validation items.

The numbers of the closed form are chosen by cross-validation: every item is judged by a model that was fitted without
it, so that all training items have their say. What is learnt from there is judged on validation items, and on users
whom no training saw: with few users, a training learns who clicks much rather than who is alike. Both in two situations
(`ralm.training.judged_items`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.steps.lookalike.clustering import Weights
from jobs.steps.lookalike.fold_judge import FOLDS, FoldJudge
from jobs.steps.lookalike.judged_items import gather, gather_past, sampled_users, validation_items
from jobs.steps.user_model import als_factors
from jobs.steps.users.vocabularies import load_sizes
from ralm.arrow.arrays import matrix
from ralm.config import Lookalike
from ralm.models.item_classifier import ItemClassifier
from ralm.models.lookalike import INITIAL_ATTENTION, LookalikeModel, Pooling
from ralm.models.lookalike_start import LookalikeStart
from ralm.models.plda import Plda, block_units, fit_plda, seed_means
from ralm.runs.step import RunningStep
from ralm.storage.path import StoragePath
from ralm.training.judged_items import Figures, Situation, beats, choose_number, mean_figure
from ralm.training.seed_draws import row_item

# The best λ and δ are taken, of those beside classifiers of the usual weight and of those without; then the unit of the
# trained representations, the weight of the classifiers, w and the weight of attention are chosen: there another value
# than the first, the usual one, must beat it by more than its error. Attention is counted in standard deviations over
# users, as the closed form is.
RIDGES = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
SPREADS = (0.0, 0.01, 0.03, 0.1, 0.3)
# For a feed: how many times the unit of the other blocks of users' vectors that of the trained representations is.
TRAINED = (1.0, 2.0, 4.0, 8.0)
CLASSIFIERS = (2.0, 0.0, 1.0, 4.0)
COMMON = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0, 20.0)
ATTENTION = (0.0, 1.0, 0.5, 2.0)
# Files of the validation items: with seeds drawn from the label window, and with the clicks before it.
SITUATIONS = ("judged.npz", "judged_past.npz")


def write_closed_form(
    step: RunningStep,
    items: Sequence[str],
    arrays: Weights,
    past: tuple[Sequence[str], Weights],
    embedding_version: str,
    model: Lookalike,
    pooling: Pooling,
    folder: StoragePath,
) -> None:
    """Fit the closed form on the training items and a sample of all users, and write it beside the validation items.

    Args:
        step: has the inputs `user_embeddings`, `lookalike_samples`, `impressions` and `user_fields`; as of A1.
        items: the training items, by index.
        arrays: `centroids` and `sizes` of the items' seeds, per draw.
        past: items and the same of the clicks before A1; see `past_clicks`.
        embedding_version: of the user embeddings.
        model: settings of the model that starts from it.
        pooling: of that model.
        folder: gets `closed_form.npz` and the files of the validation items.
    """
    population = sampled_users(step, embedding_version)
    users = matrix(population, "embedding").astype(np.float32)
    held_out = validation_items(step, items)
    means, counts = seed_means(arrays["centroids"], arrays["sizes"])  # (draws · items, d), (draws · items,)
    item = row_item(np.arange(len(counts)), len(items))
    trained = ~held_out[item] & (counts > 0)

    def situations(validation: bool) -> tuple[Situation, Situation]:
        chosen = population.filter(population.column("held_out")) if validation else population
        drawn = gather(step, items, held_out == validation, embedding_version, chosen, validation)
        before = gather_past(step, items, past[0], embedding_version, chosen, validation)
        return Situation.of(drawn, arrays), Situation.of(before, past[1])

    judge = FoldJudge.of(*situations(validation=False))
    attention, attends = INITIAL_ATTENTION, False
    blocks = _blocks(step, users.shape[1])
    units, of_all = block_units(users, list(blocks.values())), _classifier(step, users, blocks)
    if not judge.situations:
        models = [fit_plda(users, means[trained], counts[trained], units=units)]
        classifiers = [of_all.within(models[0].basis).weighing(CLASSIFIERS[0])]
    else:
        parts = [trained, *(trained & (item % FOLDS != fold) for fold in range(FOLDS))]
        representations = _trained(blocks)

        def fit(times: float) -> list[Plda]:
            shrunk = units / np.where(np.arange(len(units)) < representations, times, 1.0)
            return [fit_plda(users, means[part], counts[part], ridge=1.0, spread=0.0, units=shrunk) for part in parts]

        models, said = _numbers(fit, judge, TRAINED if judge.feed and representations else TRAINED[:1], of_all)
        classifiers, also = _classifiers(of_all, models, judge)
        activity = range(users.shape[1] - blocks.get("activity", 0), users.shape[1])
        models, weight = _common(models, classifiers, judge, activity)
        attention, attends, more = _attention(model, pooling, models, classifiers, judge)
        step.say(f"closed form: {said}{also}{weight}; {more}")
    validation = situations(validation=True)
    step.counts |= {"population": len(users), "judged items": judge.items}
    step.counts["validation items"] = len(np.unique(np.concatenate([one.judged.number for one in validation])))
    start = LookalikeStart(models[0], classifiers[0] if classifiers else None, attention, attends)
    (folder / "closed_form.npz").write(lambda path: np.savez(path, allow_pickle=False, **start.arrays()))
    for name, situation in zip(SITUATIONS, validation, strict=True):
        (folder / name).write(situation.save)


def _numbers(
    fit: Callable[[float], Sequence[Plda]], judge: FoldJudge, units: Sequence[float], of_all: ItemClassifier
) -> tuple[list[Plda], str]:
    """The models, first that of all items, with the λ, the δ and the unit that judged items want; and what to say.

    Args:
        fit: the models with a λ of 1 and a δ of 0, by the unit of the trained representations.
        judge: of all but the first of them.
        units: those to choose from, first the usual one.
        of_all: the classifier that stands beside the models, within no basis yet.
    """
    pairs = list(itertools.product(RIDGES, SPREADS))
    (ridge, more), usual, models = _best_numbers(fit(units[0]), judge, pairs, of_all)
    others = [_best_numbers(fit(unit), judge, [(ridge, more) for ridge in RIDGES], of_all) for unit in units[1:]]
    best = choose_number([usual, *(values for _, values, _ in others)])
    if best:
        (ridge, more), _, models = others[best - 1]
    said = f"λ {ridge:g}, δ {more:g}"
    return models, f"{said}, trained representations times {units[best]:g}" if best else said


def _best_numbers(
    fitted: Sequence[Plda], judge: FoldJudge, pairs: Sequence[tuple[float, float]], of_all: ItemClassifier
) -> tuple[tuple[float, float], Figures, list[Plda]]:
    """Of pairs of λ and δ the best, the figures that it has, and the models with it.

    Each is judged with and without classifiers of the usual weight: with them, items need another λ and δ than without.
    """
    own = [of_all.within(model.basis).weighing(CLASSIFIERS[0]) for model in fitted[1:]]
    ridged = {ridge: [model.with_ridge(ridge) for model in fitted] for ridge, _ in pairs}
    beside = {ridge: judge.beside(models[1:], own) for ridge, models in ridged.items()}
    ways = list(itertools.product(pairs, (False, True)))
    values = [
        judge.values([model.spread(more) for model in ridged[ridge][1:]], beside[ridge] if classified else ())
        for (ridge, more), classified in ways
    ]
    best = int(np.argmax([mean_figure(figures) for figures in values]))
    (ridge, more), _ = ways[best]
    return (ridge, more), values[best], [model.spread(more) for model in ridged[ridge]]


def _classifier(step: RunningStep, users: NDArray[Any], blocks: Mapping[str, int]) -> ItemClassifier:
    """The classifier of items among users whose vectors have these blocks, within no basis yet."""
    total = step.at("user_fields", as_of=step.as_of, vocabulary_version=load_sizes(step.context).version).count()
    numbers: tuple[int, int, int, float, float] = 0, 0, total, 1.0, 1.0
    if "factors" in blocks:
        settings = als_factors.current_model(step.context)[1].settings
        start = users.shape[1] - blocks.get("activity", 0) - settings.factors
        numbers = start, settings.factors, total, settings.alpha, settings.regularisation
    interests = slice(_trained(blocks), _trained(blocks) + blocks.get("interests", 0))
    return ItemClassifier.of_users(users, *numbers, interests)


def _classifiers(of_all: ItemClassifier, models: Sequence[Plda], judge: FoldJudge) -> tuple[list[ItemClassifier], str]:
    """A classifier per item beside each model, if it helps; and what to say of it."""
    fitted = [of_all.within(model.basis) for model in models]
    beside = judge.beside(models[1:], [one.weighing(1.0) for one in fitted[1:]])
    # Made for items with many seeds: those with more than most decide, and they by much, for they have too few as well.
    values = [judge.values(models[1:], [weight * own for own in beside], judge.seeded) for weight in CLASSIFIERS]
    weight = CLASSIFIERS[choose_number(values) if values[0] else 0]
    return ([one.weighing(weight) for one in fitted], f", classifiers {weight:g}") if weight else ([], "")


def _blocks(step: RunningStep, width: int) -> dict[str, int]:
    """How many columns of users' vectors (n, width) were made in each way, in their order; no block is empty."""
    config = step.context.config
    stacked = config.user_model.stacked
    blocks = {f"representation {name}": config.user_model.user_dim for name in config.user_model.representations}
    factors = als_factors.current_model(step.context)[1].settings.factors if "factors" in stacked else 0
    activity = len(config.fields.history) if "activity" in stacked else 0
    blocks |= {"interests": width - sum(blocks.values()) - factors - activity, "factors": factors, "activity": activity}
    return {name: columns for name, columns in blocks.items() if columns}


def _trained(blocks: Mapping[str, int]) -> int:
    """How many columns, the first ones, are of trained representations."""
    return sum(columns for name, columns in blocks.items() if name.startswith("representation "))


def _common(
    models: Sequence[Plda], classifiers: Sequence[ItemClassifier], judge: FoldJudge, activity: Sequence[int]
) -> tuple[list[Plda], str]:
    """The models with the w that judged items want, and what to say of it.

    Args:
        models: first that of all items, then those of the folds.
        classifiers: of the models, or none.
        judge: of the models.
        activity: the columns of users' vectors that hold it, if any do: what else w may be a weight of.
    """
    # Nothing of either is the same, so it is judged once.
    none: Sequence[int] = ()
    ways = [*((weight, none) for weight in COMMON), *((weight, activity) for weight in COMMON if weight and activity)]
    weighed = [[model.with_common(*way) for model in models] for way in ways]
    beside = judge.beside(models[1:], classifiers[1:]) if classifiers else ()
    values = [judge.values(found[1:], beside) for found in weighed]
    best = choose_number(values)
    # Activity alone is not a little more of the same, so it needs to be better beyond doubt, and by no margin.
    if not best and activity and beats(values[-1], values[0], margin=0.0):
        best = len(ways) - 1
    (weight, columns), mean = ways[best], mean_figure(values[best])
    of = " of activity" if columns else ""
    return weighed[best], f", w {weight:g}{of}, {mean:.4f} on items that it was not fitted on"


def _attention(
    settings: Lookalike,
    pooling: Pooling,
    models: Sequence[Plda],
    classifiers: Sequence[ItemClassifier],
    judge: FoldJudge,
) -> tuple[float, bool, str]:
    """The weight of attention before any training, whether judged items want it, and what to say of it."""
    starts = [LookalikeModel(len(model.mean), settings, pooling, closed_form=True) for model in models[1:]]
    for start, model, classifier in itertools.zip_longest(starts, models[1:], classifiers[1:]):
        start.start_from(model, classifier, attention=1.0)
    parts = judge.parts(starts)
    unit = 1.0 / max(float(np.mean([others[1].std() for rows in parts for _, others in rows])), 1e-6)
    weights = [np.array([1.0, multiple * unit]) for multiple in ATTENTION]
    values = [
        [
            situation.judged.values([(weight @ own, weight @ others) for own, others in rows])
            for situation, rows in zip(judge.situations, parts, strict=True)
        ]
        for weight in weights
    ]
    best = choose_number(values)
    multiple = ATTENTION[best] or 1.0
    return multiple * unit, best > 0, f"with attention times {ATTENTION[best]:g}, {mean_figure(values[best]):.4f}"
