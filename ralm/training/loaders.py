"""One interface to training batches, with petastorm or pyarrow behind it.

The same contract holds for both, and one test class checks it: every row exactly once per epoch over all ranks, equal
steps on every rank, one order for one seed, a missing column fails.
"""

from __future__ import annotations

from typing import Literal

from ralm.errors import ConfigError
from ralm.training.loader_base import Loader

__all__ = ["Loader", "make_loader"]


def make_loader(
    kind: Literal["petastorm", "pyarrow"] | str,
    files: list[str],
    columns: dict[str, int],
    *,
    batch_size: int,
    rank: int,
    world: int,
    seed: int,
    epochs: int | None,
    first_epoch: int = 0,
) -> Loader:
    """The batches of one rank.

    Args:
        kind: the library that reads: `petastorm` or `pyarrow`.
        files: Parquet files of a pinned snapshot, as Spark names them (`Warehouse.files`), the same on every rank.
        columns: column -> width of its array (1: a scalar column or arrays of one element).
        batch_size: rows per step on this rank.
        rank: this process, from 0.
        world: number of processes.
        seed: of the order of rows, and of ties when files are assigned to ranks.
        epochs: passes over the data; None: endless.
        first_epoch: number of the first epoch: a resumed training continues with the order that it would have had.

    Raises:
        ConfigError: unknown kind, or rank, world, batch size or epochs are out of range.
        DataError: columns are missing or of a wrong type; there are fewer files with rows than ranks.
        MissingInputError: a file is gone.
    """
    loader: type[Loader]
    # Imported here: a process that trains with one library need not load the other.
    if kind == "petastorm":
        from ralm.training.petastorm_loader import PetastormLoader

        loader = PetastormLoader
    elif kind == "pyarrow":
        from ralm.training.pyarrow_loader import PyarrowLoader

        loader = PyarrowLoader
    else:
        raise ConfigError(f"training.loader: expected petastorm or pyarrow, found '{kind}'")
    return loader(
        files,
        columns,
        batch_size=batch_size,
        rank=rank,
        world=world,
        seed=seed,
        epochs=epochs,
        first_epoch=first_epoch,
    )
