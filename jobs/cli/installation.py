"""What `make jars` leaves in the environment: Delta's jars, and an archive of Spark's classes for faster starts."""

from __future__ import annotations

import subprocess
import sys
import tempfile

from jobs.cli.shipment import ROOT
from ralm.config import Spark
from ralm.spark.jars import record
from ralm.spark.jvm import archiving, class_archive
from ralm.spark.session import get_session


def fetch_jars() -> None:
    """Let Spark's Ivy fetch Delta's jars into its cache, and write their paths down anew: `make` goes by that file."""
    record().unlink(missing_ok=True)  # a session takes the jars that it names
    spark = get_session("fetch Delta's jars", Spark(master="local[1]", driver_memory="1g"))
    jars = spark.sparkContext.getConf().get("spark.jars", "") or ""
    spark.stop()
    record().write_text(",".join(jar.removeprefix("file://") for jar in jars.split(",")) + "\n", encoding="utf-8")


def archive_classes() -> None:
    """Run the first steps of the smallest world as a user would, in a JVM that leaves its classes in an archive.

    Nothing depends on the archive: where it cannot be made, one line says so.
    """
    archive = class_archive()
    archive.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="ralm-") as folder:
        command = ["./spark-submit.sh", "simulate", "--config", "conf/tiny.yaml"]
        command += ["--set", f"warehouse={folder}/warehouse"]
        command += ["--", "--master", "local[2]", "--conf", f"spark.driver.extraJavaOptions={archiving(archive)}"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0 or not archive.exists():
        last = (done.stderr.strip() or done.stdout.strip() or "no word").splitlines()[-1]
        print(f"no archive of Spark's classes; sessions start some seconds later: {last}", file=sys.stderr)


def main() -> None:
    """Fetch the jars, and make the archive."""
    fetch_jars()
    archive_classes()


if __name__ == "__main__":
    main()
