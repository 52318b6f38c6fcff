"""The look-alike model of a release, and a list's seeds as what it scores with."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ralm.errors import ConfigError, MissingInputError
from ralm.notebook.loading import loaded

if TYPE_CHECKING:
    import datetime as dt

    import numpy as np
    from numpy.typing import NDArray
    from pyspark.sql import SparkSession

    from ralm.scoring.contract import ScorerState

# Without the closed form, a model has no mean of the users.
CENTRED = "closed_mean"


@dataclass(frozen=True)
class Settings:
    """What a release's configuration says of scoring a list.

    Attributes:
        clusters: of the seeds, at most.
        iterations: of the clustering, at most.
        seed: of the project.
        seed_cap: seeds that describe a list, at most.
        min_seeds: seeds that a list needs.
        block: users per matrix product.
        include_seeds: whether the seeds themselves are in the audience.
        mode: how large an audience is if nothing is asked for: top_n, top_fraction, threshold.
        top_n: users, for top_n.
        share: of the candidates, for the other two.
        minimum: fewest people that may be shown: `privacy.minimum`; 0 where the release has no such setting.
    """

    clusters: int
    iterations: int
    seed: int
    seed_cap: int
    min_seeds: int
    block: int
    include_seeds: bool
    mode: str
    top_n: int
    share: float
    minimum: int = 0

    @staticmethod
    def of(configuration: Mapping[str, Any]) -> Settings:
        """Those of `Workspace.configuration`.

        Raises:
            ConfigError: another system than RALM scores the release.
        """
        from ralm.config.names import SYSTEM

        scoring, variant = configuration["scoring"], configuration["variants"][SYSTEM]
        if scoring["system"] != SYSTEM:
            raise ConfigError(
                f"'{scoring['system']}' scores this release, and here only {SYSTEM} can: run job `extend_audience` or "
                f"`score_users` with it; `extend_audience --system {SYSTEM}` scores with {SYSTEM} all the same"
            )
        lookalike, audience = configuration["lookalike"] | variant["settings"], scoring["audience"]
        return Settings(
            clusters=1 if variant["pooling"] == "average" else lookalike["clusters"],
            iterations=lookalike["cluster_iterations"],
            seed=configuration["seed"],
            seed_cap=lookalike["seed_cap"],
            min_seeds=lookalike["min_seeds"],
            block=scoring["block"],
            include_seeds=audience["include_seeds"],
            mode=audience["mode"],
            top_n=audience["top_n"],
            share=scoring["probe_fraction"] if audience["mode"] == "threshold" else audience["top_fraction"],
            minimum=configuration.get("privacy", {}).get("minimum") or 0,
        )


def released_weights(spark: SparkSession, folder: str, as_of: dt.date) -> dict[str, NDArray[Any]]:
    """The weights of a look-alike model, centred on the users of a date, read by Spark from wherever they lie.

    Args:
        spark: the session.
        folder: of the model.
        as_of: date of the users.

    Raises:
        MissingInputError: the model is gone.
    """
    import numpy as np

    from ralm.models.weights import centred

    with np.load(io.BytesIO(_content(spark, f"{folder}/weights.npz"))) as arrays:
        found = {name: arrays[name] for name in arrays.files}
    if CENTRED not in found:
        return found
    return centred(found, np.load(io.BytesIO(_content(spark, f"{folder}/mean-{as_of}.npy"))))


def _content(spark: SparkSession, path: str) -> bytes:
    missing = f"{path}: the model of this release is gone"
    row = loaded(spark.read.format("binaryFile").load, path, missing).select("content").first()
    if row is None:
        raise MissingInputError(missing)
    return bytes(row["content"])


def list_scorer(
    weights: Mapping[str, NDArray[Any]],
    settings: Settings,
    users: Sequence[str | int],
    raw: NDArray[np.float32],
    worth: NDArray[np.float64] | None = None,
) -> ScorerState:
    """What scores everyone against a list: the model and the clusters of the list's seeds.

    Args:
        weights: of the model.
        settings: of the release.
        users: ids of the seeds, in rising order: the clusters depend on it as those of `cluster_items` do.
        raw: (n, d), their raw embeddings.
        worth: (n,), the weight of each seed, above 0; None: all weigh the same.
    """
    from ralm.scoring.cluster import cluster_seeds, seeds_seed
    from ralm.scoring.kmeans import single_thread
    from ralm.scoring.scorer import lookalike_state, tower

    with single_thread():
        found = cluster_seeds(
            raw,
            tower(weights, raw),
            settings.clusters,
            iterations=settings.iterations,
            seed=seeds_seed(settings.seed, users),
            weights=worth,
        )
    return lookalike_state(weights, found.centroids[None], found.sizes[None])
