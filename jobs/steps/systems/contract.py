"""What a look-alike system gets and gives; whoever scores users, or judges scores, knows nothing else about it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pyspark.sql import DataFrame

from ralm.config import Config
from ralm.dates import DateName
from ralm.runs.context import Context
from ralm.runs.step import RunningStep
from ralm.scoring.contract import ScorerState

Dependency = tuple[str, DateName | None]


@dataclass(frozen=True)
class Task:
    """Items to score all users against, each described by its seeds.

    Attributes:
        step: the running step, which reads the pinned tables.
        date: users are described as of this date; nothing later is known.
        items: in the order of the scorer.
        seeds: (item_id, item_index int, user_id), at most `lookalike.seed_cap` per item; persisted. Distinct, except in
            draws with replacement, which say how stable an audience is: there a user counts as often as drawn. With a
            column `weight` double, above 0, only for systems with a `set_model`.
        folder: for files needed while users are scored; the caller removes it.
        clusters: variant -> (item_id, draw, centroids, sizes): the seeds as the batch has clustered them. None: a
            system clusters them itself.
        model: version of the look-alike model, where it is that of a release; None: the current one.
        held: whether the driver can hold the seeds with their embeddings, as those of a list.
    """

    step: RunningStep
    date: DateName
    items: Sequence[str]
    seeds: DataFrame
    folder: str
    clusters: Callable[[str], DataFrame] | None = None
    model: str | None = None
    held: bool = False

    @property
    def as_of(self) -> dt.date:
        """The step's date, as of which users are described."""
        assert self.step.as_of is not None
        return self.step.as_of

    @property
    def config(self) -> Config:
        """The configuration."""
        return self.step.context.config

    @property
    def context(self) -> Context:
        """The application."""
        return self.step.context

    def kept(self, name: str, frame: DataFrame) -> DataFrame:
        """The frame, written into the folder once and read back, so that it is not computed again."""
        path = f"{self.folder}/{name}"
        frame.write.mode("overwrite").parquet(path)
        return self.context.spark.read.schema(frame.schema).parquet(path)


@dataclass(frozen=True)
class Prepared:
    """A system that is ready to score.

    Attributes:
        users: user_id and the scorer's columns; all users who can be candidates.
        state: the scorer, one row per item of the task.
        feature_ranking: (item_id, feature, weight double, rank int), if the system can explain its scores.
        counts: figures for the progress line.
        unknown: items of the task that the system does not know: its scores for them mean nothing.
        scan: `users` are a table's rows, filtered by partition columns only, so workers may read its files.
    """

    users: DataFrame
    state: ScorerState
    feature_ranking: DataFrame | None = None
    counts: dict[str, int] = field(default_factory=dict)
    unknown: Sequence[str] = ()
    scan: bool = False


@dataclass(frozen=True)
class System:
    """A look-alike method by its name.

    Attributes:
        name: as in the column `system`.
        prepare: makes the scorer; nothing that grows with the users comes to the driver.
        inputs: the tables that it reads.
        after: the steps whose results it uses, given the date.
        sections: the configuration sections that its result depends on.
        new_items: whether it can score items that were not in its training.
        from_seeds: whether its scores depend on the seeds at all.
        repeats: whether a system with its settings in the name gives the same; a comparison of all leaves it out.
        set_model: the variant of RALM whose closed form it scores by: seeds may have weights, and users may be named
            whom the audience is to be unlike. None: it has none.
    """

    name: str
    prepare: Callable[[Task], Prepared]
    inputs: tuple[str, ...]
    after: Callable[[Context, DateName], tuple[Dependency, ...]]
    sections: tuple[str, ...] = ("fields",)
    new_items: bool = True
    from_seeds: bool = True
    repeats: bool = False
    set_model: str | None = None
