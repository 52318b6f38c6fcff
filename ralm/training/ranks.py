"""The processes of a training: this process's number, its device, its share of the cores."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist

from ralm.config import Training
from ralm.errors import ConfigError
from ralm.training.allocator import keep_freed_memory

Json = TypeVar("Json")
# A rank that hangs keeps the others waiting, which only wait on purpose while rank 0 validates and saves. After so long
# they end with an error, which ends the rank that hangs, too: the training is launched again (`training.retries`).
PATIENCE = dt.timedelta(minutes=30)


@dataclass(frozen=True)
class Rank:
    """One process of a training: its number, how many there are, and the device of its tensors."""

    number: int
    world: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this is rank 0: it validates, prints and writes."""
        return self.number == 0

    def wait(self) -> None:
        """Wait for all ranks."""
        if self.world > 1:
            dist.barrier()

    def share(self, value: Json) -> Json:
        """The value of rank 0, on every rank; numbers, strings, lists and dictionaries of them."""
        if self.world == 1:
            return value
        holder = [json.dumps(value) if self.first else ""]
        dist.broadcast_object_list(holder, src=0, device=self.device)
        shared: Json = json.loads(holder[0])
        return shared


def threads(training: Training) -> int:
    """Threads of this rank: an equal share of the machine's cores; on executors, of the cores Spark allots its task."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not training.local_mode:
        # Several tasks may share an executor's machine; Spark sets OMP_NUM_THREADS from spark.task.cpus.
        cores = min(cores, int(os.environ.get("OMP_NUM_THREADS") or 1))
    return max(1, cores // int(os.environ.get("LOCAL_WORLD_SIZE") or 1))


@contextmanager
def process_group(training: Training) -> Iterator[Rank]:
    """Join the other ranks (gloo on the CPU, nccl on CUDA) and leave at the end; no group if WORLD_SIZE is 1 or unset.

    Raises:
        ConfigError: `device: cuda` where torch sees no such device.
    """
    world = int(os.environ.get("WORLD_SIZE") or 1)
    number = int(os.environ.get("RANK") or 0) if world > 1 else 0
    device = torch.device("cpu")
    if training.device == "cuda":
        if not torch.cuda.is_available():
            raise ConfigError("training.device: 'cuda', but torch sees no CUDA device; set it to cpu")
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK") or 0) % torch.cuda.device_count())
        torch.cuda.set_device(device)
    else:
        keep_freed_memory()
    before = torch.get_num_threads()
    torch.set_num_threads(threads(training))
    if world > 1:
        backend = "nccl" if training.device == "cuda" else "gloo"
        dist.init_process_group(backend, rank=number, world_size=world, timeout=PATIENCE)
    try:
        yield Rank(number, world, device)
    finally:
        if world > 1:
            dist.destroy_process_group()
        torch.set_num_threads(before)
