"""`make faults`: days under fire, on one JVM and on executors; the record lies in the folder."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from pathlib import Path

from ralm.config import Spark
from ralm.spark.session import get_session
from tests.faults import table
from tests.faults.calm import undisturbed
from tests.faults.campaign import Campaign
from tests.faults.plans import driver_faults, fewer_driver_faults, helper_faults
from tests.faults.world import DAY, World


def main() -> None:
    """Go on with the days under fire for a time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("build/faults"), help="where the worlds and records lie")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no further job after so long")
    parser.add_argument("--worlds", nargs="+", choices=["local", "cluster"], default=["local", "cluster"])
    parser.add_argument(
        "--all-points", action="store_true", help="kill the driver at every point of the long jobs, too"
    )
    parser.add_argument("--jobs", nargs="+", choices=[task.job for task in DAY], default=[task.job for task in DAY])
    parser.add_argument("--page", action="store_true", help="only put the record into docs/reliability.md")
    given = parser.parse_args()
    if given.page:
        table.write(given.folder, given.worlds)
        return
    conf = {"spark.sql.codegen.wholeStage": "false"}
    spark = get_session("faults", Spark(master="local[1]", shuffle_partitions=1, driver_memory="1g", conf=conf))
    wrong: list[str] = []
    began = time.monotonic()

    def left() -> float:
        return float(given.seconds - (time.monotonic() - began))

    asked = [task for task in DAY if task.job in given.jobs]
    calm = undisturbed(spark, World((given.folder / "calm").resolve()), asked, left())
    day = {task.job: task for task in asked if task.job in calm.jobs}
    listed = [day[job] for job in given.jobs if job in day]
    for name in given.worlds:
        cluster = name == "cluster"
        drivers = driver_faults if given.all_points else fewer_driver_faults
        plan = helper_faults if cluster else drivers
        campaign = Campaign(spark, World((given.folder / name).resolve(), cluster), calm, plan, listed)
        ended = campaign.run(left())
        wrong += [problem for blow in campaign.blows for problem in blow.problems]
        for (task, victim), count in sorted(Counter((b.task, b.victim) for b in campaign.blows).items()):
            print(f"{name}: {task}: {count} × {victim}")
        kills = len(table.killed(campaign.blows))
        whole = "the jobs have ended" if ended and len(listed) == len(given.jobs) else "not all jobs have ended"
        print(f"{name}: {kills} kills, {whole}")
        print(f"{name}: {table.compared(given.folder, name)}")
    spark.stop()
    for line in wrong:
        print(f"wrong: {line}")
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
