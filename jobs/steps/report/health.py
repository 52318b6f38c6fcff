"""The checks of the newest night, for the report."""

from __future__ import annotations

from pyspark.sql import functions as F

from ralm.report.findings import HealthCheck
from ralm.runs.context import Context
from ralm.status.verdicts import current_checks, judged


def health_checks(context: Context) -> list[HealthCheck]:
    """Every check of the newest night: a few rows per step."""
    if not context.warehouse.exists("checks"):
        return []
    records = sorted(context.ledger.records, key=lambda record: (record.started_at, record.ended_at is not None))
    tonight = judged(records)
    stored = context.warehouse.read("checks")
    rows = stored.where(F.col("run_id").isin([record.run_id for record in tonight])).collect()
    return [
        HealthCheck(row["name"], row["passed"], row["detail"] or "", row.get("severity"))
        for row in current_checks([found.asDict() for found in rows], tonight)
    ]
