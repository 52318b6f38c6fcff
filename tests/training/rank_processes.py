"""Runs a function in several ranks, each a process, without Spark."""

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.multiprocessing as processes


def _rank(number: int, world: int, port: int, folder: Path, function: Callable[..., Any], arguments: tuple) -> None:
    os.environ |= {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "RANK": str(number),
        "WORLD_SIZE": str(world),
        "LOCAL_WORLD_SIZE": str(world),
    }
    torch.save(function(*arguments), folder / f"{number}.pt")


def of_ranks(world: int, folder: Path, function: Callable[..., Any], *arguments: Any) -> list[Any]:
    """What a module-level function returns in each of `world` ranks; it opens the process group itself."""
    folder.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes.spawn(_rank, (world, port, folder, function, arguments), nprocs=world)
    return [torch.load(folder / f"{number}.pt", weights_only=False) for number in range(world)]
