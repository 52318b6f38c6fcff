"""The table `holdouts`: users of audiences who are not delivered, so that the others can be compared with them."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame

from ralm.runs.step import RunningStep
from ralm.warehouse.schemas import TABLES


def write_holdouts(step: RunningStep, system: str, items: Sequence[str], rows: DataFrame | None) -> None:
    """Replace the hold-out arms of items; without rows the items have none from now on.

    Args:
        step: its date is `as_of`.
        system: as in the column `system`.
        items: that were scored.
        rows: of `audiences`; None: nobody is held out.
    """
    context = step.context
    if rows is None and not context.warehouse.exists("holdouts"):
        return
    schema = TABLES["holdouts"].schema(context.warehouse.user_id)
    kept = context.spark.createDataFrame([], schema) if rows is None else rows.select(*schema.names)
    label = None if rows is None else "users held out"
    step.replace("holdouts", kept, label, as_of=step.as_of, system=system, item_id=list(items))
