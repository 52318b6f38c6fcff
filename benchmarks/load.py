"""Both loaders on the same Parquet files, each in a fresh process: rows per second, the first batch, memory.

`python -m benchmarks.load KIND FOLDER EPOCHS` reads the files of a folder once with one of them.
"""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pyspark.sql import Column
from pyspark.sql import functions as F

from benchmarks.harness import Benchmark, Contest
from benchmarks.train import files_of
from benchmarks.work import workspace
from ralm.training.loaders import loader_class

ROWS, FILES, BATCH, EPOCHS = 1_000_000, 16, 1_024, 2
ARRAYS, WIDTH = 5, 20
COLUMNS = {f"field{number}": WIDTH for number in range(ARRAYS)} | {"label": 1}

Measured = dict[str, float]


@contextmanager
def load(size: int | None) -> Iterator[Benchmark]:
    """A million rows (or `size`) of five arrays of 20 integers and a label, in 16 files as Spark writes them.

    The value is the time of an epoch after the first.
    """
    rows = size or ROWS
    with workspace("load") as (spark, folder):
        label = F.pmod(F.xxhash64("id"), F.lit(2)).cast("float").alias("label")
        arrays = [numbers(number).alias(f"field{number}") for number in range(ARRAYS)]
        files_of(spark.range(rows, numPartitions=FILES).select(*arrays, label), f"{folder}/rows")
        runs: dict[str, list[Measured]] = {"pyarrow": [], "petastorm": []}

        def reading(kind: str) -> Callable[[], float]:
            def run() -> float:
                runs[kind].append(in_a_process(kind, f"{folder}/rows", EPOCHS))
                return runs[kind][-1]["seconds"]

            return run

        def details() -> dict[str, Measured]:
            names = ("first_batch", "mebibytes", "later_mebibytes")
            return {
                kind: {name: round(statistics.median(run[name] for run in found), 2) for name in names}
                for kind, found in runs.items()
            }

        contest = Contest(
            "", reading("pyarrow"), {"petastorm": reading("petastorm")}, rows * (EPOCHS - 1), own_clock=True
        )
        yield Benchmark("load", "rows/s", [contest], details=details)


def numbers(field: int) -> Column:
    """The array of a field, row by row."""
    place = F.sequence(F.lit(1), F.lit(WIDTH))
    return F.transform(place, lambda p: F.pmod(F.xxhash64("id", p, F.lit(field)), F.lit(100_000)).cast("int"))


def in_a_process(kind: str, folder: str, epochs: int) -> Measured:
    """What a fresh process measures."""
    command = [sys.executable, "-m", "benchmarks.load", kind, folder, str(epochs)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    found: Measured = json.loads(ended.stdout.splitlines()[-1])
    return found


def read(kind: str, folder: str, epochs: int) -> Measured:
    """Read all epochs.

    Returns:
        `first_batch`, seconds from the call to the first batch, the library's import included; `seconds` of the epochs
        after the first one; `mebibytes` by which the process grew at its peak; `later_mebibytes`, its part after the
        second epoch.
    """
    files = sorted(str(found) for found in Path(folder).glob("*.parquet"))
    before, started = peak(), time.perf_counter()
    ends, second = [], 0.0
    with loader_class(kind)(files, COLUMNS, batch_size=BATCH, rank=0, world=1, seed=1, epochs=epochs) as loader:
        for number, _ in enumerate(loader):
            if number == 0:
                first = time.perf_counter() - started
            if (number + 1) % loader.steps_per_epoch == 0:
                ends.append(time.perf_counter())
                if len(ends) == 2:
                    second = peak()
    return {
        "first_batch": first,
        "seconds": ends[-1] - ends[0],
        "mebibytes": peak() - before,
        "later_mebibytes": peak() - second,
    }


def peak() -> float:
    """The most memory that this process has held, in MiB."""
    found = re.search(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found.group(1)) / 1024


if __name__ == "__main__":
    print(json.dumps(read(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
