"""The cost of one more user, step by step: the pipeline at N / 100, N / 10 and N users of the built-in world.

Each runs `conf/million.yaml` (10 impressions per user) in its own application. The marginal cost of a step is the
difference of its times over the difference of users: the start of Spark and of Python's workers is left out. `value` is
the marginal cost at N in microseconds per user; `ratios` are that cost over the cost one size below, and the memory of
the driver's Python over that one size below. Kept with the result: each job's cost and runs (dates), the bytes of
each table, and the most memory of the processes of each kind at every size, in MiB: `jvm` (driver and executor in one),
`driver` (its Python), `worker` and `trainer` (one Python process each, without shared memory).
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness import Result, Say
from benchmarks.work import FOLDER

ROOT = Path(__file__).parents[1]
USERS = 1_000_000
# Making the world and judging the result are not part of a nightly run.
LEFT_OUT = ("simulate", "evaluate")
STARTED = re.compile(r"^\[ *\d+/\d+\] ([^\[ :]+).* …$", re.MULTILINE)
# Kind of process -> text in its command line.
KINDS = {
    "jvm": ("java ",),
    "driver": ("jobs/pipeline.py",),
    "trainer": ("torch.distributed", "train.py"),
    "worker": ("pyspark.daemon",),
}
LINE = re.compile(r"\[ *\d+/\d+\] (?P<step>[^\[ :]+).*?(?: as of [\d-]+)?: .*?(?P<seconds>[\d.,]+) s$")


def end_to_end(size: int | None, say: Say) -> Result:
    """Three sizes up to `size`, each ten times the one before.

    Args:
        size: users of the largest run; None for a million.
        say: called with a line of progress.
    """
    users = size or USERS
    sizes = [users // 100, users // 10, users]
    times: list[dict[str, float]] = []
    held: dict[int, dict[str, int]] = {}
    for count in sizes:
        done = run(count)
        times.append(done.seconds)
        steps = [most for step, most in done.memory.items() if step not in LEFT_OUT]
        held[count] = {kind: round(max(most.get(kind, 0.0) for most in steps)) for kind in KINDS}
        say(f"{count:,} users: {sum(done.seconds.values()):.1f} s in {len(done.seconds)} jobs, MiB: {held[count]}")
        for step, most in done.memory.items():
            say(f"    {step:<28}" + ", ".join(f"{kind} {mib:,.0f}" for kind, mib in most.items()))
    below, at_size = (marginal(times[i], times[i + 1], sizes[i + 1] - sizes[i]) for i in (0, 1))
    for step, cost in sorted(at_size.items(), key=lambda entry: -entry[1]):
        say(f"{step:<28}{cost:>10.1f} µs per user, one size below {below.get(step, 0.0):>10.1f}")
    value, reference = sum(at_size.values()), sum(below.values())
    return Result(
        "end_to_end",
        round(value, 2),
        "µs/user",
        {"size_below": round(reference, 2)},
        {
            "size_below": round(value / reference, 3),
            "driver_memory": round(held[users]["driver"] / held[users // 10]["driver"], 3),
        },
        {f"{count}": list(found.values()) for count, found in zip(sizes, times, strict=True)},
        {
            "users": users,
            "steps": {step: round(cost, 2) for step, cost in at_size.items()},
            "steps_below": {step: round(cost, 2) for step, cost in below.items()},
            "runs": done.runs,
            "memory": held,
            "stored": done.stored,
        },
    )


@dataclass(frozen=True)
class Run:
    """A finished pipeline.

    Attributes:
        seconds: of each job, over its steps.
        runs: job -> number of its steps, one per date and model.
        memory: job -> kind of process -> the most MiB that one process held.
        stored: bytes of each table's data at the end, of its newest date.
    """

    seconds: dict[str, float]
    runs: dict[str, int]
    memory: dict[str, dict[str, float]]
    stored: dict[str, int]


# The same settings at every size, where they would follow from the data: the marginal cost is of more users alone.
FIXED = (
    "fields.history=[{domain: reading, length: 20}, {domain: shopping, length: 10}]",
    "user_model={representations: [reading], field_dim: 32, hidden: [], user_dim: 32, dropout: 0, field_dropout: 0, "
    "residual: false, stacked: []}",
    "user_training={batch_size: 1024, epochs: 1, learning_rate: 0.004, decay: none, patience: null}",
    "lookalike={hidden_dim: 64, rounds: 1, batches_per_round: 500, clusters: 20, min_seeds: 10, seed_cap: 10000, "
    "seed_draws: 1, dropout: 0.1, negative_users: 10, user_bias: false, logq: false, clicked_cap: 0}",
    "lookalike_training={batch_size: 1024, epochs: 3, learning_rate: 0.005, decay: none, patience: null}",
)


def run(users: int) -> Run:
    """The pipeline with so many users, in its own application and warehouse."""
    with tempfile.TemporaryDirectory(prefix="ralm-end-to-end-", dir=os.environ.get(FOLDER)) as folder:
        given = [f"simulate.users={users}", f"warehouse={folder}", *FIXED]
        command = ["./spark-submit.sh", "pipeline", "--config", "conf/million.yaml"]
        for setting in given:
            command += ["--set", setting]
        log = Path(folder) / "pipeline.log"
        memory: dict[str, dict[str, float]] = {}
        with log.open("w", encoding="utf-8") as output:
            process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
            while process.poll() is None:
                started = STARTED.findall(log.read_text(encoding="utf-8"))
                most = memory.setdefault(started[-1] if started else "start", {})
                for kind, mebibytes in held_below(process.pid):
                    most[kind] = max(most.get(kind, 0.0), mebibytes)
                time.sleep(1)
        lines = log.read_text(encoding="utf-8").splitlines()
        if process.returncode:
            raise SystemExit("\n".join(lines[-10:]))
        return Run(step_seconds(lines), step_runs(lines), memory, stored(Path(folder)))


def stored(warehouse: Path) -> dict[str, int]:
    """Bytes of each table's data files, of its newest date if it has dates."""
    found = {}
    for log in sorted(warehouse.rglob("_delta_log")):
        newest = max(log.parent.glob("as_of=*"), default=log.parent)
        found[log.parent.name] = sum(path.stat().st_size for path in newest.rglob("*.parquet"))
    return found


def held_below(pid: int) -> Iterator[tuple[str, float]]:
    """The processes below this one: their kind, and each one's unshared MiB."""
    waiting = [pid]
    while waiting:
        here = waiting.pop()
        try:
            # A child belongs to the thread that started it: the JVM starts Python from several.
            for children in Path(f"/proc/{here}/task").glob("*/children"):
                waiting += map(int, children.read_text(encoding="utf-8").split())
            command = Path(f"/proc/{here}/cmdline").read_text(encoding="utf-8").replace("\0", " ")
            rollup = Path(f"/proc/{here}/smaps_rollup").read_text(encoding="utf-8")
        except OSError:
            continue
        private = sum(int(found) for found in re.findall(r"Private_(?:Dirty|Hugetlb):\s+(\d+)", rollup)) / 2**10
        kind = next((kind for kind, words in KINDS.items() if any(word in command for word in words)), None)
        if kind:
            yield kind, private


def step_seconds(lines: Iterable[str]) -> dict[str, float]:
    """Seconds of each job, over its steps, from the pipeline's progress lines."""
    found: dict[str, float] = {}
    for step, seconds in _finished(lines):
        found[step] = found.get(step, 0.0) + seconds
    return found


def step_runs(lines: Iterable[str]) -> dict[str, int]:
    """The steps that each job ran."""
    return dict(Counter(step for step, _ in _finished(lines)))


def _finished(lines: Iterable[str]) -> Iterator[tuple[str, float]]:
    for line in lines:
        matched = LINE.match(line.strip())
        if matched and matched["step"] not in LEFT_OUT:
            yield matched["step"], float(matched["seconds"].replace(",", ""))


def marginal(smaller: dict[str, float], larger: dict[str, float], users: int) -> dict[str, float]:
    """Job -> microseconds per additional user."""
    return {step: 1e6 * (seconds - smaller.get(step, 0.0)) / users for step, seconds in larger.items()}
