"""Airflow: the night, and a loop between two nights that follows the clicks.

Both call `ralm`, the command of the installed wheel, on a machine with Java. A night that is begun again goes on where
it was, so retries are safe; a wrong configuration or missing input is not tried again. The loop and the night write to
one warehouse: they may meet (the one that comes too late tries again, or is refused with the other's run), but on S3
they take turns, by the pool with one slot.
"""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta

from airflow.sdk import dag, task
from airflow.sdk.exceptions import AirflowFailException

CONFIG = "/etc/ralm/production.yaml"
# After `--`: options of spark-submit.
SUBMIT = ["--", "--master", "yarn", "--num-executors", "50"]
# `airflow pools set ralm 1 "one writer at a time"`
POOL = "ralm"
# Exit codes that another attempt does not change: configuration, data (a check or the gate refuses), a missing input.
FINAL = {2: "bad configuration", 3: "bad data", 4: "a missing input"}


def ralm(job: str, *options: str) -> None:
    """Run a job; its lines go to the task's log."""
    command = ["ralm", job, "--config", CONFIG, "--progress", "json", *options, *SUBMIT]
    code = subprocess.run(command, check=False).returncode
    if code in FINAL:
        raise AirflowFailException(f"{job}: {FINAL[code]} (exit code {code}); see the line that begins with `error:`")
    if code:
        raise RuntimeError(f"{job} ended with exit code {code}")


@dag(
    dag_id="ralm_night",
    schedule="0 2 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=10), "pool": POOL},
)
def night() -> None:
    """Logs to audiences, then the store for online serving; a release that the gate refuses leaves the last one."""

    @task(execution_timeout=timedelta(hours=12))
    def pipeline(ds: str) -> None:
        ralm("pipeline", "--as-of", ds)

    @task
    def export_serving() -> None:
        ralm("export_serving")

    pipeline() >> export_serving()


@dag(
    dag_id="ralm_refresh",
    schedule=timedelta(minutes=10),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"pool": POOL, "retries": 0},
)
def refresh() -> None:
    """One round: new clicks into seeds, changed items scored and released; the next one makes up for one that fails."""

    @task(execution_timeout=timedelta(minutes=30))
    def one_round() -> None:
        ralm("refresh")

    one_round()


night()
refresh()
