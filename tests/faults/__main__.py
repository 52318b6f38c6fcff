"""`make faults`: days under fire, on one JVM and on executors; the record lies in the folder."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from ralm.config import Spark
from ralm.spark.session import get_session
from tests.faults.campaign import ENDED, Campaign, driver_faults, helper_faults, undisturbed
from tests.faults.world import World


def main() -> None:
    """Go on with the days under fire for a time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("build/faults"), help="where the worlds and records lie")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no further job after so long")
    parser.add_argument("--worlds", nargs="+", choices=["local", "cluster"], default=["local", "cluster"])
    given = parser.parse_args()
    conf = {"spark.sql.codegen.wholeStage": "false"}
    spark = get_session("faults", Spark(master="local[1]", shuffle_partitions=1, driver_memory="1g", conf=conf))
    wrong: list[str] = []
    for name in given.worlds:
        cluster = name == "cluster"
        calm = undisturbed(spark, World((given.folder / f"{name}-calm").resolve(), cluster))
        plan = helper_faults if cluster else driver_faults
        campaign = Campaign(spark, World((given.folder / name).resolve(), cluster), calm, plan)
        ended = campaign.run(given.seconds)
        wrong += [problem for blow in campaign.blows for problem in blow.problems]
        for (task, victim), count in sorted(Counter((b.task, b.victim) for b in campaign.blows).items()):
            print(f"{name}: {task}: {count} × {victim}")
        kills = sum(blow.victim != ENDED and not blow.victim.startswith("no ") for blow in campaign.blows)
        print(f"{name}: {kills} kills, the day has {'ended' if ended else 'not ended yet: run the same again'}")
        if ended:
            different = campaign.differences()
            wrong += different
            print(f"{name}: {len(campaign.calm.result) - len(different)} of {len(campaign.calm.result)} tables alike")
    spark.stop()
    for line in wrong:
        print(f"wrong: {line}")
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
