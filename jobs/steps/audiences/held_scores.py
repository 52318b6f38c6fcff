"""An audience of one list from a single pass: the driver holds all scores, of the list and of draws of its seeds.

For systems that score each item by itself. With more users than the driver holds, `Scored` takes a pass for the sample,
one for the audience and one for the draws, and holds none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark.sql import DataFrame, SparkSession

from jobs.steps.audiences.ranking import Ranking
from jobs.steps.audiences.scored_users import SAMPLED_SCORES, Scored
from jobs.steps.audiences.stability import LEAST_SEEDS, SAMPLE, drawn_names, resampled_seeds, say_unscored
from jobs.steps.systems.contract import System, Task
from ralm.errors import DataError
from ralm.runs.context import Context


def fits(found: System, context: Context, resamples: int) -> bool:
    """Whether the driver can hold the scores of a list and of draws of its seeds.

    Args:
        found: scores the list.
        context: knows how many users were counted.
        resamples: draws.
    """
    counts = context.counts
    return found.set_model is not None and counts is not None and counts.users * (1 + resamples) <= SAMPLED_SCORES


@dataclass(frozen=True)
class HeldScores:
    """Everyone's scores with one list; in place of `Scored`, from which audiences are written.

    Attributes:
        spark: the session.
        items: the list's name alone.
        ids: (users,) of the candidates.
        scores: (users, 1 + draws), published: of the list, and of each draw of its seeds.
    """

    spark: SparkSession
    items: Sequence[str]
    ids: pa.Array
    scores: NDArray[np.float64]

    @staticmethod
    def of(found: System, task: Task, refused: Sequence[DataFrame], resamples: int, seeds: int) -> HeldScores:
        """Score everyone once.

        Args:
            found: a system that scores each item by itself.
            task: of one list.
            refused: (user_id) of users who are no candidates.
            resamples: draws of the seeds.
            seeds: how many describe the list.
        """
        draws = resamples if seeds >= LEAST_SEEDS else 0
        drawn = resampled_seeds(task.seeds, draws, task.config.seed).persist() if draws else task.seeds
        names = drawn_names(task.items[0], draws)
        try:
            prepared = found.prepare(replace(task, items=names, seeds=drawn, held=True))
        except DataError as error:
            if not draws:
                raise
            # Perhaps only a draw lacks what the list has.
            prepared, names = found.prepare(replace(task, held=True)), list(task.items)
            say_unscored(task.step, error)
        finally:
            if draws:
                drawn.unpersist()
        task.step.counts |= prepared.counts
        scored = Scored.of(replace(task, items=names), prepared, prepared.users, 0, scan=prepared.scan)
        ids, scores = scored.everyone()
        for users in refused:
            kept = pc.invert(pc.is_in(ids, value_set=users.select("user_id").toArrow().column("user_id")))
            ids, scores = ids.filter(kept), scores[kept.to_numpy(zero_copy_only=False)]
        return HeldScores(task.context.spark, task.items, ids, scores)

    @property
    def users(self) -> int:
        """How many candidates there are."""
        return len(self.ids)

    def sample(self, size: int, seed: int) -> NDArray[np.float64]:
        """Scores (users, 1) with the list, of everyone whatever the size, in a random order."""
        return self.scores[np.random.default_rng(seed).permutation(self.users), :1]

    def drawn(self, seed: int) -> NDArray[np.float64]:
        """Scores (sampled users, 1, 1 + draws) of users by whom an audience's stability is measured."""
        order = np.random.default_rng(seed).permutation(self.users)[:SAMPLE]
        return self.scores[order][:, None, :]

    def ranking(self, wanted: Mapping[str, int], cuts: NDArray[np.float64] | None) -> Ranking:
        """The best users, as of `rank_users`: so many, or all at or above a cut; ties by user_id."""
        scores = self.scores[:, 0]
        most = self.users if cuts is not None else min(wanted[self.items[0]], self.users)
        cut = cuts[0] if cuts is not None else np.partition(scores, -most)[-most] if most else np.inf
        passed = np.flatnonzero((scores >= cut) & np.isfinite(scores))
        columns: dict[str, Any] = {"user_id": self.ids.take(pa.array(passed)), "score": scores[passed]}
        best = pa.table(columns).sort_by([("score", "descending"), ("user_id", "ascending")]).slice(0, most)
        rows = best.num_rows
        best = best.append_column("item_id", pa.array([self.items[0]] * rows, pa.string()))
        best = best.append_column("rank", pa.array(np.arange(1, rows + 1, dtype=np.int32)))
        best = best.append_column("bucket", pa.array(np.zeros(rows, dtype=np.int32)))
        frame = self.spark.createDataFrame(best)
        return Ranking(frame, frame, passes=1)
