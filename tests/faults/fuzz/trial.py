"""Mutated inputs, one after another: each is read rightly, or refused in one line of the project's own."""

from __future__ import annotations

import random
import signal
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from ralm.errors import RalmError

# Of the processor for each input; the clock on the wall may show so many times more while other work goes on.
SECONDS = 5.0
BUSY = 12
# What a secret of the inputs contains; no message may show it.
SECRET = "q7Xs3cr3tZk9"


class Wrong(Exception):  # noqa: N818
    """An input was neither read rightly nor refused rightly."""


class TooLong(BaseException):
    """Not an `Exception`: what is tried must not catch it."""


@dataclass(frozen=True)
class Case:
    """A mutated input.

    Attributes:
        name: what was mutated, and how.
        read: reads it and gives what came of it, such as `read`; refuses it by one of the project's errors.
        content: to show when it goes wrong.
        place: what a refusal must name.
        hides: whether a refusal must not show the secret: not where it stands at a place that is not secret.
    """

    name: str
    read: Callable[[], str]
    content: Any = None
    place: str = ""
    hides: bool = True


Cases = Callable[[random.Random], Iterator[Case]]


@dataclass
class Report:
    """What came of all inputs of a kind."""

    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: list[tuple[Case, str]] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Inputs tried."""
        return sum(self.outcomes.values())


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Break off what takes longer, or waits for ever."""

    def over(_signal: int, _frame: FrameType | None) -> None:
        raise TooLong

    clocks = ((signal.ITIMER_PROF, signal.SIGPROF, seconds), (signal.ITIMER_REAL, signal.SIGALRM, seconds * BUSY))
    before = [signal.signal(sign, over) for _, sign, _ in clocks]
    for clock, _, limit in clocks:
        signal.setitimer(clock, limit)
    try:
        yield
    finally:
        for (clock, sign, _), handler in zip(clocks, before, strict=True):
            signal.setitimer(clock, 0)
            signal.signal(sign, handler)


def refusal(error: RalmError, place: str = "", hides: bool = True) -> str:
    """What a refusal says, judged: one line that is no longer than a screen, with the place, and without the secret.

    Raises:
        Wrong: it is not.
    """
    said = str(error)
    if not said.strip() or not said.isprintable() or len(said) > 2_500:
        raise Wrong(f"not one short line ({len(said)} characters): {said[:500]!r}")
    if place and place not in said:
        raise Wrong(f"the error does not name {place}: {said}")
    if hides and SECRET in said:
        raise Wrong(f"a secret is shown: {said}")
    return f"refused ({error.exit_code})"


def attempt(case: Case, seconds: float = SECONDS) -> tuple[str, str]:
    """What came of an input, and what is wrong about it, if anything."""
    try:
        with within(seconds):
            try:
                return case.read(), ""
            except RalmError as error:
                return refusal(error, case.place, case.hides), ""
    except TooLong:
        return "wrong", f"longer than {seconds:g} s"
    except Wrong as error:
        return "wrong", str(error)
    except BaseException as error:  # also panics of Rust, which are no `Exception`
        if isinstance(error, KeyboardInterrupt):
            raise
        at = traceback.extract_tb(error.__traceback__)[-1]
        return "wrong", f"{type(error).__name__}: {str(error)[:300]} ({at.filename.rpartition('/')[2]}:{at.lineno})"


def run(cases: Cases, count: int, seed: int, seconds: float = SECONDS) -> Report:
    """Try so many inputs; the same seed draws the same inputs."""
    report = Report()
    drawn = random.Random(f"fuzz {seed}")
    for case in cases(drawn):
        if report.count == count:
            break
        outcome, wrong = attempt(case, seconds)
        report.outcomes[outcome] += 1
        if wrong:
            report.wrong.append((case, wrong))
    return report
