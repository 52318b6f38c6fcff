"""How the two training sets are written: shuffled, in enough files for all ranks."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ralm.config import Training
from ralm.errors import DataError
from ralm.runs.step import RunningStep

# Each rank reads whole files: with fewer files per rank than this, a rank could be left without rows.
FILES_PER_RANK = 4


def shuffled(samples: DataFrame, seed: int, keys: list[str], files: int) -> DataFrame:
    """The rows in the order of a hash of the keys, in as many partitions, validation apart from training."""
    # As a column: a sort computes an expression anew for both rows of each of its comparisons.
    hashed = samples.withColumn("_order", F.xxhash64(F.lit(seed), *keys))
    return hashed.repartition(files, "_order").sortWithinPartitions("validation", "_order").drop("_order")


def write_training_set(
    step: RunningStep, name: str, samples: DataFrame, keys: list[str], training: Training, label: str, **partition: str
) -> None:
    """Replace the step's partition of a training set.

    Within and over files the order is by hash, so that a reader of whole files sees a shuffled set.

    Args:
        step: its date is the partition's `as_of`.
        name: the table.
        samples: its rows, with a column `validation`.
        keys: columns that identify a row, for the hash.
        training: the settings: how many ranks will read.
        label: what the rows are, for the progress line.
        partition: the other partition columns and their values.

    Raises:
        DataError: nothing is left to train on.
    """
    files = max(FILES_PER_RANK * training.processes, step.context.config.spark.shuffle_partitions)
    rows = shuffled(samples, step.context.config.seed, keys, files)
    constants = {column: F.lit(value) for column, value in {"as_of": step.as_of, **partition}.items()}
    step.replace(name, rows.withColumns(constants), label, as_of=step.as_of, **partition)
    if step.counts[label] == 0:
        raise DataError(f"{name}: nothing to train on as of {step.as_of}; check dates and vocabulary sizes")
