"""The figures of one night."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def of_the_night(metrics: DataFrame, judged_as_of: dt.date | None, as_of: dt.date) -> DataFrame:
    """The rows of `metrics` that were measured in the night of a release; the table keeps those of earlier nights.

    Args:
        metrics: the table.
        judged_as_of: A2 of the night; None: an older release, of which the newest figures are taken.
        as_of: its date, A3; figures of an online test have it.
    """
    from pyspark.sql import functions as F

    if judged_as_of is None:
        before = metrics.where(F.col("as_of") <= F.lit(as_of)).agg(F.max("as_of")).first()
        judged_as_of = None if before is None else before[0]
    return metrics.where((F.col("as_of") == F.lit(judged_as_of)) | (F.col("as_of") == F.lit(as_of)))
