"""How near the seeds are to each other, and their groups: from samples of seeds and users on the driver."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.steps.audience_reports.seeds import Seeds, known_users
from jobs.steps.lookalike.variants import lookalike_folder
from jobs.steps.user_model.user_embeddings import model_version
from ralm.arrow.arrays import matrix
from ralm.config.names import SYSTEM
from ralm.dates import DateName
from ralm.errors import DataError
from ralm.features.hashing import chosen, uniform
from ralm.insight.groups import Groups, groups_of
from ralm.insight.nearness import Nearness, nearness
from ralm.insight.small_counts import shown_share
from ralm.insight.tastes import taste_directions, tastes
from ralm.models.plda import Plda, fit_plda
from ralm.runs.step import RunningStep
from ralm.training.checkpoints import load_weights

# Sampled by hash: seeds, users who are no seeds, users of the audience.
SEEDS, USERS, AUDIENCE = 2_000, 4_000, 2_000


@dataclass(frozen=True)
class Kinds:
    """What the sample says of the seeds.

    Attributes:
        near: how near they are to each other; None: too few to tell.
        groups: of the sampled seeds.
        ids: (n,) the sampled seeds.
        vectors: (groups, d): a user's embedding x is most like the group with the highest x · vector + offset.
        offsets: (groups,).
        audience: (groups,) share of the sampled audience that is most like each group.
        version: of the user embeddings.
        reached: users of the sampled audience.
    """

    near: Nearness | None
    groups: Groups
    ids: list[Any]
    vectors: NDArray[np.float64]
    offsets: NDArray[np.float64]
    audience: NDArray[np.float64]
    version: str
    reached: int

    def shown(self, minimum: int) -> Kinds:
        """Without groups of fewer seeds; shares of fewer users of the audience are 0."""
        groups = self.groups.of_at_least(minimum) if minimum else self.groups
        kept = groups.count
        share = np.array([shown_share(one, self.reached, minimum) for one in self.audience[:kept].tolist()], float)
        return replace(self, groups=groups, vectors=self.vectors[:kept], offsets=self.offsets[:kept], audience=share)


def sample_of(users: DataFrame, count: int, size: int, salt: str, seed: int) -> DataFrame:
    """(user_id): about `size` of `count` users, by hash."""
    drawn = users.select("user_id")
    if count > 2 * size:  # all but a few go before anything is sorted
        drawn = drawn.where(chosen(salt, seed, min(1.0, 1.5 * size / count), "user_id"))
    return drawn.orderBy(uniform(salt, seed, "user_id"), "user_id").limit(size)


def kinds(step: RunningStep, seeds: Seeds, audience: DataFrame, users: int, reached: int) -> Kinds:
    """Measure it (tables: user_embeddings, user_fields).

    Args:
        step: the running step.
        seeds: of the audience.
        audience: (user_id) of the audience.
        users: how many users there are.
        reached: how many of them are in the audience.
    """
    seed = step.context.config.seed
    own = sample_of(seeds.tested, seeds.tested.count(), SEEDS, "looked at", seed)
    others = known_users(step).join(seeds.users, "user_id", "left_anti")
    parts = {
        "seed": own,
        "user": sample_of(others, users, USERS, "compared", seed),
        "audience": sample_of(audience, reached, AUDIENCE, "reached", seed),
    }
    ids = None
    for part, frame in parts.items():
        named = frame.withColumn("part", F.lit(part))
        ids = named if ids is None else ids.unionByName(named)
    assert ids is not None
    ids = ids.persist()
    then = _embedded(step, ids, seeds.date)
    model = _closed_form(step, then["user"][1])
    points = {part: tastes(rows, *taste_directions(model, then["user"][1])) for part, (_, rows) in then.items()}
    near = nearness(points["seed"], points["user"], seed)
    groups = groups_of(points["seed"], [then["seed"][1]], seed)
    now = then if seeds.date == "a3" else _embedded(step, ids, "a3")
    ids.unpersist()
    mean, directions = taste_directions(model, now["user"][1])
    place = dict(zip(now["seed"][0], tastes(now["seed"][1], mean, directions), strict=True))
    centres = []
    for group in range(groups.count):
        members = [name for name, of in zip(then["seed"][0], groups.of, strict=True) if of == group and name in place]
        centre = np.mean([place[name] for name in members], axis=0) if members else np.zeros(len(mean))
        centres.append(centre / max(float(np.linalg.norm(centre)), 1e-12))
    vectors = np.stack(centres) @ directions.T  # (groups, d)
    offsets = -vectors @ mean
    like = (now["audience"][1] @ vectors.T + offsets).argmax(axis=1) if len(now["audience"][0]) else np.zeros(0, int)
    reach = np.bincount(like, minlength=groups.count) / max(1, len(like))
    version = model_version(step.context, step.context.config.variants[SYSTEM].merge)
    return Kinds(near, groups, list(then["seed"][0]), vectors, offsets, reach, version, len(like))


def _embedded(step: RunningStep, ids: DataFrame, date: DateName) -> dict[str, tuple[list[Any], NDArray[np.float64]]]:
    """part -> ids (n,) and embeddings (n, d), in an order that does not depend on the shuffle."""
    context = step.context
    version = model_version(context, context.config.variants[SYSTEM].merge)
    rows = step.at("user_embeddings", as_of=context.dates[date], model_version=version)
    table = rows.select("user_id", "embedding").join(F.broadcast(ids), "user_id").toArrow()
    table = table.sort_by([("part", "ascending"), ("user_id", "ascending")]).combine_chunks()
    width = len(table["embedding"][0]) if table.num_rows else 0
    found = {}
    parts = np.array(table["part"].to_pylist())
    for part in ("seed", "user", "audience"):
        some = table.filter(pa.array(parts == part)).combine_chunks()
        values = matrix(some, "embedding", width) if some.num_rows else np.zeros((0, width))
        found[part] = (some["user_id"].to_pylist(), np.asarray(values, np.float64))
    if not found["seed"][0] or len(found["user"][0]) < 2:
        raise DataError("audience_report: no seeds, or no other users, have an embedding as of the users' date")
    return found


def _closed_form(step: RunningStep, users: NDArray[np.float64]) -> Plda:
    """The released model's; without one, the users' own spread."""
    model = Plda.of_arrays(load_weights(lookalike_folder(step.context, SYSTEM)))
    return model or fit_plda(users, np.zeros((0, users.shape[1])), np.zeros(0))
