"""Task times of an application from Spark's own event log."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

# Settings of a session: where it writes its event log, uncompressed and in one file.
CONF = {
    "spark.eventLog.enabled": "true",
    "spark.eventLog.dir": "file://{folder}",
    "spark.eventLog.compress": "false",
    "spark.eventLog.rolling.enabled": "false",
}


@dataclass(frozen=True)
class Stage:
    """The finished tasks of a stage.

    Attributes:
        name: the call that started it.
        group: the job group that it ran in, empty without one.
        seconds: of each task, on its executor.
    """

    name: str
    group: str
    seconds: tuple[float, ...]

    @property
    def slowest(self) -> float:
        """Seconds of the longest task."""
        return max(self.seconds)

    @property
    def skew(self) -> float:
        """The longest task's time over the median task's."""
        return self.slowest / max(median(self.seconds), 1e-3)


def event_log(folder: str) -> Path:
    """The only event log in the folder, whether the application has finished or not."""
    found = [path for path in Path(folder).iterdir() if path.name.startswith(("local-", "app-", "application_"))]
    if len(found) != 1:
        raise FileNotFoundError(f"{folder}: one event log expected, found {sorted(path.name for path in found)}")
    return found[0]


def read_stages(lines: Iterable[str]) -> list[Stage]:
    """The stages of an event log, in the order of their numbers, without stages that have no successful task."""
    names: dict[int, tuple[str, str]] = {}
    seconds: dict[int, list[float]] = {}
    for line in lines:
        event = json.loads(line)
        kind = event["Event"]
        if kind == "SparkListenerStageSubmitted":
            stage = event["Stage Info"]
            group = (event.get("Properties") or {}).get("spark.jobGroup.id", "")
            names[stage["Stage ID"]] = (stage["Stage Name"], group)
        elif kind == "SparkListenerTaskEnd" and event["Task End Reason"]["Reason"] == "Success":
            milliseconds = event["Task Metrics"]["Executor Run Time"]
            seconds.setdefault(event["Stage ID"], []).append(milliseconds / 1_000)
    return [Stage(*names[number], tuple(found)) for number, found in sorted(seconds.items())]
