"""Seeds hidden from the system and found again, and how stable its audience is, from one sample of scored users."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.steps.audience_reports.seeds import Seeds, known_users
from jobs.steps.audience_reports.tastes import sample_of
from jobs.steps.audiences.scored_users import Scored
from jobs.steps.audiences.stability import LEAST_SEEDS, LEAST_TOP, audience_share, drawn_names, resampled_seeds
from jobs.steps.systems.contract import System, Task
from ralm.dates import DateName
from ralm.errors import DataError, MissingInputError
from ralm.evaluation.stability import kept_share
from ralm.features.hashing import uniform
from ralm.insight.found_again import TURNS, Size, places, sizes
from ralm.runs.step import RunningStep
from ralm.storage.path import StoragePath

# Users who stand for all, hidden seeds whose places are looked at, and draws of the seeds with replacement.
SAMPLE, HIDDEN, DRAWS = 50_000, 5_000, 5


@dataclass(frozen=True)
class Tested:
    """What the scores of the sample say.

    Attributes:
        sizes: what to expect of audiences of several sizes; empty: not measured.
        hidden: seeds that were hidden, each once.
        stability: share of the audience that another draw of the seeds would keep; None: not measured.
        why_not: why something was not measured; empty: it was.
    """

    sizes: list[Size]
    hidden: int
    stability: float | None
    why_not: str = ""


def tested(step: RunningStep, found: System, seeds: Seeds, item: str, users: int) -> Tested:
    """Score a sample by the system with a fifth of the seeds hidden in turn, and with other draws of the seeds.

    Args:
        step: the running step.
        found: the system.
        seeds: of the audience.
        item: its id.
        users: how many users there are.
    """
    config = step.context.config
    if not found.from_seeds:
        return Tested([], 0, None, f"{found.name} does not look at seeds")
    if seeds.counts.used < LEAST_SEEDS:
        return Tested([], 0, None, f"fewer than {LEAST_SEEDS} seeds")
    others = known_users(step).join(seeds.users, "user_id", "left_anti")
    sample = sample_of(others, users, SAMPLE, "report sample", config.seed).persist()
    try:
        where = _places(step, found, seeds, item, sample)
        whole = resampled_seeds(_numbered(seeds.described, item), DRAWS, config.seed)
        names = drawn_names(item, DRAWS)
        scores = _scores(step, found, "a3", whole, names, sample)[1]
    except (DataError, MissingInputError) as error:
        return Tested([], 0, None, f"{found.name} could not be tested with fewer seeds: {error}")
    finally:
        sample.unpersist()
    candidates = max(1, users - seeds.counts.used)
    now = scores[np.isfinite(scores[:, 0])]
    share = audience_share(config.scoring, candidates)
    share = share if len(scores) >= candidates else min(1.0, max(share, LEAST_TOP / max(1, len(scores))))
    kept = kept_share(scores[:, 0], scores[:, 1:], share)
    return Tested(sizes(where, now[:, 0], candidates), len(where), None if math.isnan(kept) else kept)


def _places(step: RunningStep, found: System, seeds: Seeds, item: str, sample: DataFrame) -> NDArray[np.float64]:
    """The place of each hidden seed among the sample, by the scorer that has not seen it."""
    seed = step.context.config.seed
    turn = F.floor(uniform("hidden seed", seed, "user_id") * TURNS).cast("int")
    drawn = seeds.tested.join(seeds.described, "user_id", "left_semi").withColumn("turn", turn).persist()
    shown = F.filter(F.sequence(F.lit(0), F.lit(TURNS - 1)), lambda one: one != F.col("turn"))
    rest = drawn.select("user_id", F.explode(shown).alias("item_index"))
    rest = rest.select(
        F.concat(F.lit(f"{item}#without "), F.col("item_index")).alias("item_id"), "item_index", "user_id"
    )
    looked = drawn.orderBy(uniform("hidden", seed, "user_id"), "user_id").limit(HIDDEN)
    turns = {row["user_id"]: row["turn"] for row in looked.collect()}  # HIDDEN at most
    pool = looked.select("user_id").unionByName(sample)
    ids, scores = _scores(step, found, seeds.date, rest, [f"{item}#without {t}" for t in range(TURNS)], pool)
    drawn.unpersist()
    row = {name: at for at, name in enumerate(ids)}
    others = np.array([at for at, name in enumerate(ids) if name not in turns], np.int64)
    where = []
    for hidden in range(TURNS):
        own = [name for name, of in turns.items() if of == hidden]
        values = np.array([scores[row[name], hidden] if name in row else -np.inf for name in own])
        where.append(places(values, scores[others, hidden]))
    return np.concatenate(where)


def _numbered(users: DataFrame, item: str) -> DataFrame:
    return users.select(F.lit(item).alias("item_id"), F.lit(0).alias("item_index"), "user_id")


def _scores(
    step: RunningStep, found: System, date: DateName, seeds: DataFrame, names: Sequence[str], pool: DataFrame
) -> tuple[list[Any], NDArray[np.float64]]:
    """Ids (n,) and scores (n, names) of the users of a pool that fits on the driver, sorted by id."""
    context, config = step.context, step.context.config
    folder = context.models("work", f"report-{step.version}-{date}-{len(names)}")
    seeds = seeds.persist()
    try:
        prepared = found.prepare(Task(step, date, names, seeds, folder))
        if prepared.unknown:
            raise DataError("it knows only the items of its training")
        targets = prepared.users.join(F.broadcast(pool), "user_id", "left_semi")
        scored = Scored(targets, 0, names, prepared.state, folder, config.user_id_type, config.scoring.block)
        ids, scores = scored.sample_users(1, config.seed)  # of no users in all: nobody is left out
    finally:
        seeds.unpersist()
        StoragePath.at(folder).remove()
    order = np.argsort(ids)
    return ids[order].tolist(), scores[order]
