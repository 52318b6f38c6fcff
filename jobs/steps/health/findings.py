"""What a check found, held against its limit: recorded, said, and the end of the night where it is to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ralm.config.health import Action
from ralm.errors import DataError
from ralm.runs.step import RunningStep


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        key: of the section `health`: what is done about it.
        about: what it is about, such as a table; empty: there is one alone.
        value: what was measured.
        passed: whether the value is within the limit.
        detail: the value and the limit in words.
    """

    key: str
    about: str
    value: float
    passed: bool
    detail: str

    @property
    def name(self) -> str:
        """As in the table `checks`."""
        return f"{self.key}:{self.about}" if self.about else self.key


def action(step: RunningStep, key: str) -> Action:
    """What `health` says of a check."""
    found: Action = getattr(step.context.config.health, key)
    return found


def conclude(step: RunningStep, findings: Sequence[Finding]) -> None:
    """Record what was found, and say what is wrong.

    Raises:
        DataError: a check whose action is `fail` did not pass.
    """
    failed = []
    for found in findings:
        severity = action(step, found.key)
        step.check_all([(found.name, found.passed, found.value, found.detail)], severity)
        if not found.passed:
            step.say(f"warning: {found.name}: {found.detail}")
            failed += [found] if severity == "fail" else []
    step.counts["checks"] = len(findings)
    if failed:
        first = failed[0]
        raise DataError(
            f"check '{first.name}': {first.detail}; look at the data, or let it pass with --set health.{first.key}=warn"
        )
