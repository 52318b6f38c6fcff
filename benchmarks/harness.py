"""Interleaved timing of our code and its references in one process, and the JSON object with the results."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Say = Callable[[str], None]


@dataclass(frozen=True)
class Contest:
    """Our code and its references at one size.

    Attributes:
        label: of the size; empty if the benchmark has only one.
        ours: does the work once.
        references: name -> does the same work once, or the part of it that bounds ours.
        work: units of work that `ours` does, the numerator of its rate.
        reference_work: name -> units of work of a reference; by default the same as ours.
        scale: name -> factor on a reference's rate (`cores` for a rate measured on one core).
        own_clock: runs return the seconds that count (without the start of processes), instead of being timed.
    """

    label: str
    ours: Callable[[], object]
    references: Mapping[str, Callable[[], object]]
    work: float
    reference_work: Mapping[str, float] = field(default_factory=dict)
    scale: Mapping[str, float] = field(default_factory=dict)
    own_clock: bool = False


@dataclass(frozen=True)
class Benchmark:
    """A named measurement.

    Attributes:
        name: as in `python -m benchmarks NAME`.
        unit: of the value: a rate (`pairs/s`), or `s`, where less is better.
        contests: one per size; the first one gives the value.
        quality: name -> another ratio that must hold besides the speed (theirs ÷ ours), computed after the last run.
        details: further values kept with the result, computed after the last run.
    """

    name: str
    unit: str
    contests: Sequence[Contest]
    quality: Callable[[], Mapping[str, float]] = dict
    details: Callable[[], Mapping[str, Any]] = dict


@dataclass(frozen=True)
class Result:
    """What was measured; the ratios are medians over repetitions of ours ÷ reference, in the benchmark's unit.

    `details` are kept with the result but not printed in its line.
    """

    name: str
    value: float
    unit: str
    references: dict[str, float]
    ratios: dict[str, float]
    seconds: dict[str, list[float]]
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def line(self) -> dict[str, object]:
        """The JSON object of the last line."""
        return {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "references": self.references,
            "ratios": self.ratios,
        }


def measure(benchmark: Benchmark, repetitions: int, say: Say, clock: Callable[[], float] = time.perf_counter) -> Result:
    """Time every contest: one warm-up of each, then ours and the references in turn, `repetitions` times.

    Other work on the machine then slows all of them alike, and ratios are taken within a repetition.
    """
    values: list[float] = []
    references: dict[str, float] = {}
    ratios: dict[str, float] = {}
    seconds: dict[str, list[float]] = {}
    for contest in benchmark.contests:
        cases = {"ours": contest.ours, **contest.references}
        times: dict[str, list[float]] = {name: [] for name in cases}
        for repetition in range(-1, repetitions):
            for name, run in cases.items():
                started = clock()
                returned = run()
                taken = float(returned) if contest.own_clock else clock() - started  # type: ignore[arg-type]
                if repetition >= 0:
                    times[name].append(taken)
                title = f"{benchmark.name} {contest.label}".rstrip()
                say(f"{title} {_turn(repetition)} {name}: {taken:.3f} s")
        ours = [_value(benchmark.unit, contest.work, taken) for taken in times["ours"]]
        values.append(statistics.median(ours))
        for name in contest.references:
            key = f"{name}_{contest.label}" if contest.label else name
            work, scale = contest.reference_work.get(name, contest.work), contest.scale.get(name, 1.0)
            theirs = [_value(benchmark.unit, work, taken) * scale for taken in times[name]]
            references[key] = statistics.median(theirs)
            ratios[key] = statistics.median(own / other for own, other in zip(ours, theirs, strict=True))
        seconds |= {f"{name}_{contest.label}".rstrip("_"): found for name, found in times.items()}
    details = dict(benchmark.details())
    for name, found in details.items():
        say(f"{benchmark.name} {name}: {found}")
    ratios |= dict(benchmark.quality())
    return Result(benchmark.name, values[0], benchmark.unit, references, ratios, seconds, details)


def _value(unit: str, work: float, seconds: float) -> float:
    return seconds if unit == "s" else work / seconds


def _turn(repetition: int) -> str:
    return "warm-up" if repetition < 0 else f"{repetition + 1}"
