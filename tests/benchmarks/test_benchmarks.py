"""The harness on a clock of its own, and the benchmarks at sizes that only show that they run."""

import json
import os
import queue
import re
import subprocess
import sys
import threading

import pytest

from benchmarks.bill import LOOKALIKE_ROWS, TABLES, USER_ROWS, a_user, cost_table, per_unit, storage_table, trainings
from benchmarks.end_to_end import held_below, marginal, step_runs, step_seconds, stored
from benchmarks.event_log import read_stages
from benchmarks.harness import Benchmark, Contest, measure
from benchmarks.registry import BENCHMARKS, CONTESTS
from benchmarks.table import BEGIN, END, write_table
from benchmarks.targets import TARGETS

SIZES = {
    "score_kernel": 200,
    "cluster": 2,
    "histories": 4_000,
    "score_job": 3_000,
    "histories_update": 4_000,
    "samples": 2_000,
    "embed": 3_000,
    "train": 3_000,
    "load": 3_000,
    "lsh_iv": 3_000,
    "serve": 2,
}


class Machine:
    """A clock, and work that moves it."""

    def __init__(self):
        self.now = 0.0
        self.done = []

    def work(self, name, *seconds):
        durations = iter(seconds)

        def run():
            self.done.append(name)
            self.now += next(durations)

        return run


def test_ours_and_the_references_take_turns():
    machine = Machine()
    contest = Contest("", machine.work("ours", 9, 1, 2), {"other": machine.work("other", 9, 2, 2)}, 100)
    measure(Benchmark("b", "rows/s", [contest]), 2, lambda line: None, lambda: machine.now)
    assert machine.done == ["ours", "other"] * 3


def test_rates_are_medians_and_ratios_are_taken_within_a_repetition():
    machine = Machine()
    contest = Contest(
        "h64",
        machine.work("ours", 50, 1, 2, 4),  # the warm-up does not count
        {"one_core": machine.work("one_core", 50, 1, 4, 4)},
        100,
        reference_work={"one_core": 200},
        scale={"one_core": 2},
    )
    said = []
    result = measure(Benchmark("b", "rows/s", [contest]), 3, said.append, lambda: machine.now)
    assert result.value == 50
    assert result.references == {"one_core_h64": 100}
    assert result.ratios == {"one_core_h64": 0.25}  # of 1/4, 1/2 and 1/4
    assert result.seconds == {"ours_h64": [1, 2, 4], "one_core_h64": [1, 4, 4]}
    assert said[0] == "b h64 warm-up ours: 50.000 s"


def test_times_are_compared_as_times():
    machine = Machine()
    contest = Contest("", machine.work("ours", 1, 3), {"rebuild": machine.work("rebuild", 1, 6)}, 1)
    benchmark = Benchmark("b", "s", [contest], lambda: {"quality": 1.5})
    result = measure(benchmark, 1, lambda line: None, lambda: machine.now)
    assert (result.value, result.ratios) == (3, {"rebuild": 0.5, "quality": 1.5})


def test_every_benchmark_is_run_here():
    assert set(SIZES) == set(CONTESTS)
    assert set(BENCHMARKS) == set(TARGETS)


def test_the_table_shows_every_kept_result(tmp_path):
    machine = dict.fromkeys(("processor", "cores", "memory_gib", "python", "numpy", "pyarrow", "pyspark", "torch"), 2)
    kept = {"name": "samples", "value": 12.5, "unit": "s", "references": {"copy": 5.0}, "ratios": {"copy": 2.5}}
    faster = {
        "name": "embed",
        "value": 2e6,
        "unit": "users/s",
        "references": {"memory": 1e6},
        "ratios": {"memory": 2.0},
    }
    for result in (kept, faster):
        (tmp_path / f"{result['name']}.json").write_text(json.dumps(result | {"machine": machine}))
    document = tmp_path / "performance.md"
    document.write_text(f"before\n{BEGIN}what was there\n{END}after\n")
    write_table(tmp_path, document)
    lines = document.read_text().splitlines()
    assert (lines[0], lines[-1]) == ("before", "after")
    assert "| `embed` | 2.00 M users/s | `memory` | 1.00 M | **2.00** | ≥ 0.6 |" in lines
    assert "| `samples` | 12.5 s | `copy` | 5 | 2.50 | ≤ 1.5 |" in lines
    assert "what was there" not in lines
    assert (tmp_path / "performance.png").stat().st_size > 1_000


def test_stages_are_read_from_an_event_log():
    def ended(stage, milliseconds, reason="Success"):
        metrics = {"Executor Run Time": milliseconds}
        return {
            "Event": "SparkListenerTaskEnd",
            "Stage ID": stage,
            "Task End Reason": {"Reason": reason},
            "Task Metrics": metrics,
        }

    def submitted(stage, group):
        return {
            "Event": "SparkListenerStageSubmitted",
            "Stage Info": {"Stage ID": stage, "Stage Name": f"stage {stage}"},
            "Properties": {"spark.jobGroup.id": group},
        }

    events = [
        submitted(0, "user"),
        ended(0, 2000),
        ended(0, 9000, "ExceptionFailure"),
        submitted(1, ""),
        ended(0, 1000),
    ]
    events += [ended(0, 6000), ended(1, 100), submitted(2, "user"), {"Event": "SparkListenerJobEnd"}]
    first, second = read_stages(map(json.dumps, events))
    assert (first.name, first.group, first.seconds) == ("stage 0", "user", (2.0, 1.0, 6.0))
    assert (first.slowest, first.skew) == (6.0, 3.0)
    assert (second.group, second.skew) == ("", 1.0)


def test_marginal_costs_are_read_from_progress_lines():
    lines = [
        "[ 1/9] simulate: 20,000 users, 2,000 items, 37.5 s",
        "[ 2/9] embed_users[attention] as of 2024-01-17 …",
        "[ 2/9] embed_users[attention] as of 2024-01-17: 20,000 users, 7.2 s",
        "[user model reading/attention] epoch 9 has the best val_loss: its model is kept",
        "[ 3/9] embed_users[concat] as of 2024-01-17: 1,015,605 users, 1,005.5 s",
        "[ 4/9] publish as of 2024-01-21: 1 releases, 1.8 s",
    ]
    found = step_seconds(lines)
    assert found == {"embed_users": 1012.7, "publish": 1.8}
    assert step_runs(lines) == {"embed_users": 2, "publish": 1}
    assert marginal({"embed_users": 12.7, "publish": 1.8}, found, 1_000_000) == {"embed_users": 1000.0, "publish": 0.0}


def test_the_newest_date_of_a_table_is_what_a_night_stores(tmp_path):
    for place, size in {"histories/as_of=2024-01-05": 9, "histories/as_of=2024-01-07/x=1": 4, "items": 2}.items():
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "part.parquet").write_bytes(b"x" * size)
    for table in ("histories", "items"):
        (tmp_path / table / "_delta_log").mkdir()
    assert stored(tmp_path) == {"histories": 4, "items": 2}


def test_processes_are_found_whatever_thread_started_them():
    script = "import time; held = bytearray(b'x' * 2**26); print('ready', flush=True); time.sleep(60)"
    command = [sys.executable, "-c", script, "jobs/pipeline.py"]
    started: queue.Queue[subprocess.Popen[bytes]] = queue.Queue()
    done = threading.Event()

    def starter() -> None:  # the child belongs to this thread as long as it lives
        started.put(subprocess.Popen(command, stdout=subprocess.PIPE))
        done.wait()

    threading.Thread(target=starter).start()
    process = started.get()
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        kind, mebibytes = max(held_below(os.getpid()), key=lambda found: found[0] == "driver")
        assert kind == "driver"
        assert 64 < mebibytes < 200
    finally:
        done.set()
        process.kill()
        process.wait()


def test_the_bill_is_the_measured_cost_of_a_unit_times_the_units():
    machine = {"cores": 2}
    rate = {"name": "embed", "value": 50_000, "machine": machine}
    assert per_unit(rate) == 40  # microseconds of a core
    assert per_unit(rate | {"name": "cluster"}) == 20  # measured on one core
    whole = {"name": "end_to_end", "users": 10, "steps": {"embed_targets": 36.0}, "runs": {"embed_targets": 2}}
    results = {"end_to_end": whole | {"machine": machine}}
    cost = a_user(results, "embed_targets")
    assert cost.core_hours == 10  # 36 s of 10^9 users and 10^6 microseconds, on two cores, of two runs
    assert cost_table("A night", [cost, cost])[2:] == [
        "| `embed_targets` | `end_to_end` | 36.00 per user | 1e09 | 10.0 |",
        "| `embed_targets` | `end_to_end` | 36.00 per user | 1e09 | 10.0 |",
        "| **all** | | | | **20.0** |",
    ]
    lines = storage_table(whole | {"stored": dict.fromkeys(TABLES, 2**40)})
    assert lines[-1] == f"| **all** | {6 * 2**40 / 10:,.0f} | **600,000,000.00** |"


def test_the_bill_of_a_training():
    machine = {"cores": 2}
    seconds = {"ours_user": [2.0, 1.0, 9.0], "ours_lookalike": [6.0]}
    results = {
        "samples": {"name": "samples", "value": 5.0, "machine": machine},  # seconds for 10 million positives
        "train": {"name": "train", "value": 500_000, "seconds": seconds, "machine": machine},  # rows/s
        "end_to_end": {"steps": {"build_lookalike_samples": 3.0}, "runs": {"build_lookalike_samples": 1}}
        | {"machine": machine},
    }
    found = {cost.source: cost for cost in trainings(results)[:2]} | {"lookalike": trainings(results)[3]}
    assert found["samples"].micros == 1
    assert (found["train"].micros, found["train"].units) == (4, USER_ROWS)
    assert (found["lookalike"].micros, found["lookalike"].units) == (12, LOOKALIKE_ROWS)


@pytest.mark.slow
@pytest.mark.soak
def test_the_skew_of_heavy_keys_is_read_from_the_log():
    command = [sys.executable, "-m", "benchmarks.skew", "--size", "20000"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-2_000:]
    found = json.loads(ended.stdout.splitlines()[-1])
    assert set(found["cases"]) == {"user", "item", "bucket"}
    assert all(case["stages"] >= 2 for case in found["cases"].values())


@pytest.fixture(scope="module")
def printed():
    """What each benchmark prints at a size too small to mean anything, all in one process."""
    runs = "; ".join(
        f"print('run {name}'); main(['{name}', '--size', '{size}', '--repetitions', '1'])"
        for name, size in SIZES.items()
    )
    command = [sys.executable, "-c", f"from benchmarks.__main__ import main; {runs}"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-2_000:]
    parts = re.split(r"^run (\w+)$", ended.stdout, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.parametrize("name", SIZES)
def test_the_last_line_is_the_result(name, printed):
    found = json.loads(printed[name].splitlines()[-1])
    assert list(found) == ["name", "value", "unit", "references", "ratios"]
    assert found["name"] == name
    assert found["value"] > 0
    assert set(found["ratios"]) >= set(TARGETS[name])
    assert all(ratio > 0 for ratio in found["ratios"].values())
