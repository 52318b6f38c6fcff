"""The table `holdouts`: users of audiences who are not delivered, so that the others can be compared with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyspark.sql import DataFrame

from ralm.runs.step import RunningStep
from ralm.warehouse.schemas import TABLES


def write_holdouts(step: RunningStep, rows: DataFrame | None, where: Mapping[str, Any]) -> None:
    """Replace the hold-out arms of some audiences; without rows they have none from now on.

    Args:
        step: the running step.
        rows: of `audiences`; None: nobody is held out.
        where: date, system and item ids of the audiences that were made.
    """
    context = step.context
    if rows is None and not context.warehouse.exists("holdouts"):
        return
    schema = TABLES["holdouts"].schema(context.warehouse.user_id)
    kept = context.spark.createDataFrame([], schema) if rows is None else rows.select(*schema.names)
    said = rows is not None and not context.config.privacy.minimum  # an arm may have few users
    step.replace("holdouts", kept, "users held out" if said else None, **where)
