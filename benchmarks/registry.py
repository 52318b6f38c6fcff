"""All benchmarks by name."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from benchmarks.cluster import cluster
from benchmarks.embed import embed
from benchmarks.end_to_end import end_to_end
from benchmarks.harness import Benchmark, Result, Say, measure
from benchmarks.histories import histories
from benchmarks.histories_update import histories_update
from benchmarks.load import load
from benchmarks.lsh_iv import lsh_iv
from benchmarks.samples import samples
from benchmarks.score_job import score_job
from benchmarks.score_kernel import score_kernel
from benchmarks.serve import serve
from benchmarks.train import train

# Makes a contest's input of a given size (None: its default), and removes it at the end.
CONTESTS: dict[str, Callable[[int | None], AbstractContextManager[Benchmark]]] = {
    "score_kernel": score_kernel,
    "score_job": score_job,
    "histories": histories,
    "histories_update": histories_update,
    "samples": samples,
    "cluster": cluster,
    "embed": embed,
    "train": train,
    "load": load,
    "lsh_iv": lsh_iv,
    "serve": serve,
}

BENCHMARKS = (*CONTESTS, "end_to_end")


def run(name: str, size: int | None, repetitions: int, say: Say) -> Result:
    """Run a benchmark by its name; `end_to_end` is one run per size, without repetitions."""
    if name == "end_to_end":
        return end_to_end(size, say)
    with CONTESTS[name](size) as benchmark:
        return measure(benchmark, repetitions, say)
