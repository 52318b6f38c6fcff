"""A list of users extended by the model of a release; see `Workspace.extend`."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ralm.errors import ConfigError, DataError, MissingInputError
from ralm.notebook.given import Given, given_users
from ralm.notebook.model import Settings, list_scorer
from ralm.notebook.workers import rows_of_users, scores_of_users

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa
    from pyspark.sql import Column, DataFrame

    from ralm.ingest.list_match import ListReport
    from ralm.insight.chained import Chained
    from ralm.notebook.released_model import ReleasedModel
    from ralm.scoring.contract import ScorerState


@dataclass(frozen=True)
class Size:
    """How many users are asked for; at most one of the four, None of them: as configured."""

    top: int | None = None
    share: float | None = None
    threshold: float | None = None
    between: tuple[float, float] | None = None

    def check(self) -> None:
        """Refuse what cannot be.

        Raises:
            ConfigError: several at once, or out of range.
        """
        if sum(way is not None for way in (self.top, self.share, self.threshold, self.between)) > 1:
            raise ConfigError("extend: give one of top, share, threshold and between")
        if self.top is not None and self.top < 1:
            raise ConfigError(f"extend: top is a number of users from 1, found {self.top}")
        low, high = self.between or (0.0, 1.0 if self.share is None else self.share)
        if not 0 <= low < high <= 1:
            raise ConfigError(f"extend: shares go from 0 to 1, found {low:g} to {high:g}")

    def ranks(self, candidates: int, settings: Settings) -> tuple[int, int] | None:
        """The first and the last rank that are asked for; None: a score decides."""
        from ralm.evaluation.array_metrics import top_size

        if self.threshold is not None:
            return None
        if self.between is not None:
            low, high = self.between
            return (top_size(candidates, low) if low else 0) + 1, top_size(candidates, high)
        if self.share is not None:
            return 1, top_size(candidates, self.share)
        if self.top is not None or settings.mode == "top_n":
            return 1, min(self.top or settings.top_n, candidates)
        return 1, top_size(candidates, settings.share)


def extended(
    model: ReleasedModel,
    seeds: Any,
    exclude: Any,
    size: Size,
    name: str | None,
    weights: Any,
    chained: Callable[[DataFrame, int], Chained | None],
) -> DataFrame:
    """The ranked audience of a list; arguments and result of `Workspace.extend`.

    `chained` finds the audience that so many users (user_id) are in, without having been its seeds.
    """
    size.check()
    settings, targets, kind = model.settings, model.targets, model.user_id
    given = given_users(model.spark, seeds, "seeds", weights)
    state, users, report = described(model, given)
    said = [] if _whole(report) else [report.said(settings.minimum)]
    if alike := chained(*_some(model, users)):
        said.append(str(alike))
    if report.matched > settings.seed_cap:
        said.append(f"{settings.seed_cap:,} of the seeds, drawn by hash, describe the list (lookalike.seed_cap)")
    out = [] if settings.include_seeds else [_refused(given, kind)]
    count = model.users - (0 if settings.include_seeds else report.matched)
    if exclude is not None:
        excluded = given_users(model.spark, exclude, "exclusions")
        out.append(_refused(excluded, kind))
        met = matched(excluded, targets, kind)
        if met.read and not met.matched:
            raise DataError(f"exclusions: none of the ids is a known user: {met.said(settings.minimum)}")
        said += [] if _whole(met) else [f"exclusions: {met.said(settings.minimum)}"]
        count = _without(targets.select("user_id"), out).count()
    if count < 1:
        raise DataError("extend: no candidates are left; look at the exclusions")
    if size.top is not None and size.top > count:
        said.append(f"{size.top:,} users asked for, there are {count:,} candidates")
    if said:
        warnings.warn(f"extend: {'; '.join(said)}", stacklevel=3)
    scored = model.over_users(targets, scores_of_users(state, settings.block), f"user_id {kind}, score double")
    scored = _without(scored, out)
    ranks = size.ranks(count, settings)
    found = _ranked(scored, size, ranks, count, name)
    if settings.minimum:
        rows = ranks[1] - ranks[0] + 1 if ranks else found.limit(settings.minimum).count()
        if rows < settings.minimum:
            raise ConfigError(f"extend: fewer than {settings.minimum:,} users (privacy.minimum of this release)")
    return found


def _some(model: ReleasedModel, users: pa.ChunkedArray) -> tuple[DataFrame, int]:
    """(user_id) of known users, every n-th if they are many, and how many they are."""
    import pyarrow as pa

    from ralm.insight.chained import LOOKED_FOR

    some = users.take(pa.array(range(0, len(users), -(-len(users) // LOOKED_FOR))))
    return model.spark.createDataFrame(pa.table({"user_id": some})), len(some)


def _ranked(
    scored: DataFrame, size: Size, ranks: tuple[int, int] | None, candidates: int, name: str | None
) -> DataFrame:
    """(user_id, score, percentile, rank) of the users who are asked for."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    best: tuple[Column | str, ...] = (F.desc("score"), "user_id")
    # By number: the best of each partition, then of them, so that few rows are moved.
    chosen = scored.orderBy(*best).limit(ranks[1]) if ranks else scored.where(F.col("score") >= F.lit(size.threshold))
    ranked = chosen.withColumn("rank", F.row_number().over(Window.orderBy(*best)))
    if ranks is not None and ranks[0] > 1:
        ranked = ranked.where(F.col("rank") >= ranks[0])
    percentile = (1 - (F.col("rank") - 1) / F.lit(candidates)).alias("percentile")
    own = [] if name is None else [F.lit(name).alias("item_id")]
    return ranked.select(*own, "user_id", "score", percentile, "rank").orderBy("rank")


def _refused(given: Given, kind: str) -> DataFrame:
    """(user_id) of a list; without the hint, scores of everyone would be shuffled."""
    from pyspark.sql import functions as F

    return given.known(kind) if given.counts is None else F.broadcast(given.known(kind))


def _without(users: DataFrame, lists: list[DataFrame]) -> DataFrame:
    for out in lists:
        users = users.join(out, "user_id", "left_anti")
    return users


def _whole(report: ListReport) -> bool:
    return not (report.empty or report.duplicates or report.unmatched)


def matched(given: Given, users: DataFrame, kind: str) -> ListReport:
    """How a list met the known users."""
    return _report(given, users.select("user_id").join(given.known(kind), "user_id", "left_semi").count())


def _report(given: Given, found: int) -> ListReport:
    from pyspark.sql import functions as F

    from ralm.ingest.list_match import ListReport

    if given.counts is not None:
        read, distinct = sum(given.counts.values()), sum(key is not None for key in given.counts)
        empty = given.counts.get(None, 0)
    else:
        none = F.when(F.col("id").isNull(), F.col("count"))
        row = given.ids.agg(F.sum("count"), F.coalesce(F.sum(none), F.lit(0)), F.count("id")).first()
        assert row is not None
        read, empty, distinct = row
    return ListReport(read, empty, read - empty - distinct, found, distinct - found)


def described(model: ReleasedModel, given: Given) -> tuple[ScorerState, pa.ChunkedArray, ListReport]:
    """What scores everyone against a list, the users who describe it, and how the list met the users.

    Raises:
        DataError: fewer known users than `lookalike.min_seeds` or `privacy.minimum`.
        MissingInputError: the embeddings of the release are gone.
    """

    from ralm.arrow.arrays import matrix
    from ralm.features.hashing import uniform

    settings, embeddings = model.settings, model.embeddings
    known, valued = given.known(model.user_id), given.values
    known = known.where("value > 0") if valued else known  # who is worth nothing is no seed
    few = given.counts is not None and len(given.counts) <= settings.seed_cap
    if not few:
        both = embeddings.select("user_id").join(known, "user_id")
        known = both.orderBy(uniform("listed seed", settings.seed, "user_id"), "user_id").limit(settings.seed_cap)
    table = _embedded(model, known.toArrow())  # lookalike.seed_cap rows at most
    exact = few and not valued
    report = _report(given, table.num_rows) if exact else matched(given, embeddings, model.user_id)
    seeds = table.num_rows if few else report.matched
    if not report.matched and embeddings.isEmpty():
        raise MissingInputError("user_embeddings: those of the release are gone; run the night again")
    if seeds < settings.minimum:
        raise DataError(f"seeds: fewer than {settings.minimum:,} matched users (privacy.minimum of this release)")
    if seeds < settings.min_seeds:
        least, met = settings.min_seeds, report.said(settings.minimum)
        raise DataError(f"seeds: {seeds:,} matched users, lookalike.min_seeds is {least}; give more ({met})")
    table = table.sort_by("user_id").combine_chunks()
    users, raw = table.column("user_id").to_pylist(), matrix(table, "embedding")
    worth = table.column("value").to_numpy() if valued else None
    return list_scorer(model.weights, settings, users, raw, worth), table.column("user_id"), report


def _embedded(model: ReleasedModel, seeds: pa.Table) -> pa.Table:
    """(user_id, embedding) of the known ones among these seeds (user_id, perhaps value), with their values."""
    import pyarrow.compute as pc

    schema = f"user_id {model.user_id}, embedding array<float>"
    wanted = seeds.column("user_id").combine_chunks()
    found = model.over_users(model.embeddings, rows_of_users(wanted.to_pylist()), schema).toArrow()
    if "value" not in seeds.schema.names:
        return found
    places = pc.index_in(found.column("user_id").combine_chunks(), value_set=wanted)
    return found.append_column("value", seeds.column("value").combine_chunks().take(places))
