"""`python -m benchmarks.end_to_end [--size N]`: what one more user costs, step by step, up to N users.

Runs the pipeline of `conf/million.yaml` with N / 100, N / 10 and N users of the built-in world (10 impressions a user),
each in an application of its own. The marginal cost of a step is the difference of its times over the difference of
users: the start of Spark and of Python's workers is left out. The last line is one JSON object: `value` is the marginal
cost at N in microseconds a user, `ratios` that cost over the one a size below; `steps` are the costs of each step at N,
and `memory` what the processes of each kind held at most at every size, in MiB: `jvm` (driver and executor in one),
`driver` (its Python), `worker` and `trainer` (a Python process each; what it shares with others is not counted).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from benchmarks.work import FOLDER

ROOT = Path(__file__).parents[1]
USERS = 1_000_000
# What makes the world and what judges the result are no part of a nightly run.
LEFT_OUT = ("simulate", "evaluate")
STARTED = re.compile(r"^\[ *\d+/\d+\] ([^\[ :]+).* …$", re.MULTILINE)
# Kind of process -> what its command line has.
KINDS = {
    "jvm": ("java ",),
    "driver": ("jobs/pipeline.py",),
    "trainer": ("torch.distributed", "train.py"),
    "worker": ("pyspark.daemon",),
}
LINE = re.compile(r"\[ *\d+/\d+\] (?P<step>[^\[ :]+).*?(?: as of [\d-]+)?: .*?(?P<seconds>[\d.,]+) s$")


def main(arguments: list[str]) -> int:
    """Run the three sizes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.end_to_end", description=__doc__)
    parser.add_argument("--size", type=int, default=USERS, help=f"users of the largest run (default {USERS:,})")
    parser.add_argument("--set", action="append", default=[], dest="settings", help="section.key=value, for all runs")
    asked = parser.parse_args(arguments)
    sizes = [asked.size // 100, asked.size // 10, asked.size]
    times, held = [], {}
    for users in sizes:
        found, memory = run(users, asked.settings)
        times.append(found)
        held[users] = {kind: round(max(step.get(kind, 0.0) for step in memory.values())) for kind in KINDS}
        print(
            f"{users:,} users: {sum(found.values()):.1f} s in {len(found)} jobs, MiB at most: {held[users]}", flush=True
        )
        for step, most in memory.items():
            print(f"    {step:<28}" + ", ".join(f"{kind} {mib:,.0f}" for kind, mib in most.items()), flush=True)
    below, at_size = (marginal(times[i], times[i + 1], sizes[i + 1] - sizes[i]) for i in (0, 1))
    for step, cost in sorted(at_size.items(), key=lambda entry: -entry[1]):
        print(f"{step:<28}{cost:>10.1f} µs a user, a size below {below.get(step, 0.0):>10.1f}")
    value, reference = sum(at_size.values()), sum(below.values())
    result = {
        "name": "end_to_end",
        "value": round(value, 2),
        "unit": "µs/user",
        "references": {"size_below": round(reference, 2)},
        "ratios": {"size_below": round(value / reference, 3)},
        "steps": {step: round(cost, 2) for step, cost in at_size.items()},
        "memory": held,
    }
    print(json.dumps(result))
    return 0


def run(users: int, settings: list[str]) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """The pipeline with so many users: seconds of each job, and of each job what a process of a kind held, in MiB."""
    with tempfile.TemporaryDirectory(prefix="ralm-end-to-end-", dir=os.environ.get(FOLDER)) as folder:
        given = [f"simulate.users={users}", f"warehouse={folder}", *settings]
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
        return step_seconds(lines), memory


def held_below(pid: int) -> Iterator[tuple[str, float]]:
    """The processes below this one: their kind, and the MiB that each has for itself."""
    waiting = [pid]
    while waiting:
        here = waiting.pop()
        try:
            waiting += map(int, Path(f"/proc/{here}/task/{here}/children").read_text(encoding="utf-8").split())
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
    for line in lines:
        matched = LINE.match(line.strip())
        if matched and matched["step"] not in LEFT_OUT:
            seconds = float(matched["seconds"].replace(",", ""))
            found[matched["step"]] = found.get(matched["step"], 0.0) + seconds
    return found


def marginal(smaller: dict[str, float], larger: dict[str, float], users: int) -> dict[str, float]:
    """Microseconds that each of so many further users costs, a job each."""
    return {step: 1e6 * (seconds - smaller.get(step, 0.0)) / users for step, seconds in larger.items()}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
