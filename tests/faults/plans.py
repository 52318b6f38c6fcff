"""Which faults a job gets: who is killed, at which points, in the order in which the job comes to them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.faults.points import BEGUN, FILES, LOG, MOMENT, SAID, Point

# Steps whose rows pass through workers of Python.
IN_PYTHON = ("build_user_fields", "embed_users", "cluster_seeds", "embed_targets", "score_users", "refresh", "extend")
# Their models are trained in ranks.
TRAINED = ("train_user_model", "train_lookalike")
# What jobs write before their steps or without any, and say on the way.
WITHOUT_STEPS = {
    "update_seeds": [Point(FILES, "", "live_seeds"), Point(LOG, "", "live_seeds")],
    "refresh": [Point(FILES, "", "live_seeds"), Point(LOG, "", "live_seeds")],
    "export_serving": [Point(SAID, "users: "), Point(SAID, "items: ")],
}
Writes = list[tuple[str, list[str]]]


@dataclass(frozen=True)
class Fault:
    """Who is killed, and where."""

    victim: str
    point: Point


@dataclass(frozen=True)
class Calm:
    """A job when nothing disturbs it.

    Attributes:
        job: its name.
        writes: its steps in order, with the tables that each one writes in their order.
        seconds: that it takes.
    """

    job: str
    writes: Writes
    seconds: float


Plan = Callable[[Calm, random.Random], Iterator[Fault]]


def driver_faults(calm: Calm, drawn: random.Random) -> Iterator[Fault]:
    """Two random moments, then every step at its begin, between files and log, and between log and ledger."""
    yield from _moments(calm, drawn)
    for step, tables in calm.writes:
        yield Fault("driver", Point(BEGUN, step, after=drawn.uniform(0, 1)))
        if step.startswith(IN_PYTHON):
            yield Fault("worker", Point(BEGUN, step))
        for table in tables:
            yield Fault("driver", Point(FILES, step, table))
            yield Fault("driver", Point(LOG, step, table))


def fewer_driver_faults(calm: Calm, drawn: random.Random) -> Iterator[Fault]:
    """Of a job with many steps a part of `driver_faults`: every fifth begin, and of every other table files or log."""
    if len(calm.writes) < 6:
        yield from driver_faults(calm, drawn)
        return
    yield from _moments(calm, drawn)
    turn = 0
    for number, (step, tables) in enumerate(calm.writes):
        if number % 5 == 0:
            yield Fault("driver", Point(BEGUN, step, after=drawn.uniform(0, 1)))
        if step.startswith(IN_PYTHON):
            yield Fault("worker", Point(BEGUN, step))
        for table in tables:
            if turn % 2 == 0:
                yield Fault("driver", Point((FILES, LOG)[turn // 2 % 2], step, table))
            turn += 1


def _moments(calm: Calm, drawn: random.Random) -> Iterator[Fault]:
    for _ in range(2):
        yield Fault("driver", Point(MOMENT, after=calm.seconds * drawn.uniform(0.2, 0.8)))
    for point in WITHOUT_STEPS.get(calm.job, ()):
        yield Fault("driver", point)


def helper_faults(calm: Calm, drawn: random.Random) -> Iterator[Fault]:
    """In every step an executor with its shuffle files, two in a long one, and a worker of Python; or two ranks."""
    if not calm.writes:
        for share in (0.4, 0.15, 0.15):
            yield Fault("executor", Point(MOMENT, after=calm.seconds * drawn.uniform(share, share + 0.1)))
    for step, _ in calm.writes:
        if step.startswith(TRAINED):
            yield Fault("rank", Point(BEGUN, step, after=drawn.uniform(0, 1)))
            yield Fault("rank", Point(BEGUN, step, after=drawn.uniform(3, 6)))
        else:
            yield Fault("executor", Point(BEGUN, step, after=drawn.uniform(0.01, 1)))
            yield Fault("executor", Point(BEGUN, step, after=drawn.uniform(2, 4)))
        if step.startswith(IN_PYTHON):
            yield Fault("worker", Point(BEGUN, step))
