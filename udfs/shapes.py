"""What Spark's Arrow functions take: a function of batches or of a group, and the schema of its result."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import pyarrow as pa

Batches = Iterable[pa.RecordBatch]


class BatchUdf(NamedTuple):
    """What `mapInArrow` takes: `frame.mapInArrow(*udf)`."""

    run: Callable[[Batches], Iterator[pa.RecordBatch]]
    schema: str


class GroupUdf(NamedTuple):
    """What a grouped `applyInArrow` takes: `frame.groupBy(key).applyInArrow(*udf)`."""

    run: Callable[[pa.Table], pa.Table]
    schema: str


class StreamedGroupUdf(NamedTuple):
    """What a grouped `applyInArrow` takes if a group need not be in memory as a whole: its key and its batches.

    Spark tells it from a `GroupUdf` by the annotations of `run`, which must name `Iterator` and `pa.RecordBatch`
    themselves; `Batches`, which is any `Iterable`, does not do.
    """

    run: Callable[[tuple[pa.Scalar, ...], Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]
    schema: str
