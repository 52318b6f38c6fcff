"""One interface to training batches, with petastorm or pyarrow behind it.

The same contract holds for both, and one test class checks it: every row exactly once per epoch over all ranks, equal
steps on every rank, one order for one seed, a missing column fails.
"""

from __future__ import annotations

from typing import Literal

from ralm.errors import ConfigError
from ralm.training.loader_base import Loader

__all__ = ["Loader", "loader_class"]


def loader_class(kind: Literal["petastorm", "pyarrow"] | str) -> type[Loader]:
    """The loader by a library; its arguments are those of `Loader`.

    Raises:
        ConfigError: unknown kind.
    """
    # Imported here: a process that trains with one library need not load the other.
    if kind == "petastorm":
        from ralm.training.petastorm_loader import PetastormLoader

        return PetastormLoader
    if kind == "pyarrow":
        from ralm.training.pyarrow_loader import PyarrowLoader

        return PyarrowLoader
    raise ConfigError(f"training.loader: expected petastorm or pyarrow, found '{kind}'")
