"""What Spark's Python workers run for a notebook: a scorer travels with the function, since there is no shared folder.

The functions are for `mapInArrow`; they know Arrow and no Spark.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

    from ralm.scoring.contract import ScorerState

Function = Callable[[Iterable["pa.RecordBatch"]], Iterator["pa.RecordBatch"]]
# Columns of the pairs keep their names; what is joined to them for scoring has this prefix.
JOINED = "__scored_"


def over_files(run: Function, files: Sequence[str], columns: Sequence[str]) -> Function:
    """The same function over the rows of Parquet files that its worker reads itself.

    Args:
        run: of batches of the columns.
        files: as Spark lists them.
        columns: that are read.

    Returns:
        A function of batches (id bigint) of places in `files`.
    """

    def rows(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        from ralm.arrow.files import file_batches

        for batch in batches:
            for place in batch.column("id").to_pylist():
                yield from file_batches(files[place], columns)

    return lambda batches: run(rows(batches))


def rows_of_users(users: Sequence[Any]) -> Function:
    """Batches of users (user_id and others) to their rows of the given users."""

    def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        from ralm.arrow.arrays import rows_of

        for batch in batches:
            yield rows_of(batch, "user_id", pa.array(users))

    return run


def scores_of_users(state: ScorerState, block: int) -> Function:
    """Batches of users (user_id and the scorer's columns) to (user_id, score): the published score of item 0."""

    def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        from ralm.arrow.arrays import column
        from ralm.scoring.scorer import published

        scorer = state.build(block)
        for batch in batches:
            scores = published(scorer.score_batch(batch)[:, 0])
            yield pa.record_batch([column(batch, "user_id"), pa.array(scores)], ["user_id", "score"])

    return run


def scores_of_pairs(state: ScorerState, block: int, keep: list[str]) -> Function:
    """Batches of pairs to the columns to keep and `score`, NULL where user or item is NULL in the scorer's columns.

    Args:
        state: the scorer.
        block: pairs per matrix product.
        keep: columns that are passed on; beside them a batch has `item` (its row) and the scorer's own, prefixed.
    """

    def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        from ralm.arrow.arrays import column, scalars
        from ralm.scoring.scorer import published

        scorer = state.build(block)
        read = ["item", *scorer.columns]
        for batch in batches:
            own = pa.record_batch([column(batch, f"{JOINED}{name}") for name in read], read)
            there = np.logical_and.reduce(
                [pc.is_valid(own.column(name)).to_numpy(zero_copy_only=False) for name in read]
            )
            known, scores = own.filter(pa.array(there)), np.zeros(len(there))
            if known.num_rows:
                scores[there] = published(scorer.score_pairs(known, scalars(known, "item")))
            yield pa.record_batch(
                [*(column(batch, name) for name in keep), pa.array(scores, mask=~there)], [*keep, "score"]
            )

    return run
