"""How long each test file takes, on whichever worker: the ten slowest are printed; a file over its limit fails the run.

The limit is `--file-budget` seconds, on two idle cores; without it nothing is refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from tests import built_once

# Files that may take longer: seconds, and why.
LONGER: dict[str, tuple[float, str]] = {}
_BUILT = "shared build"


class TimeBudget:
    """A plugin: measures in the workers, adds up where the report is written."""

    def __init__(self, budget: float) -> None:
        self.budget = budget
        self.seconds: Counter[str] = Counter()
        self.counted = 0.0

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Iterator[None]:
        """Tells with each report how much of its time went into what all files share."""
        report = yield
        report.user_properties.append((_BUILT, built_once.spent - self.counted))
        self.counted = built_once.spent
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Adds the time of a setup, call or teardown to its file."""
        shared = sum(seconds for name, seconds in report.user_properties if name == _BUILT)
        self.seconds[report.nodeid.partition("::")[0]] += report.duration - shared

    def over(self) -> list[str]:
        """A line for each file over its limit."""
        if not self.budget:
            return []
        limits = {file: max(self.budget, LONGER.get(file, (0.0, ""))[0]) for file in self.seconds}
        return [
            f"{file}: {self.seconds[file]:.0f} s, its limit is {limit:.0f} s; shorten it, or mark what is long as soak"
            for file, limit in limits.items()
            if self.seconds[file] > limit
        ]

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """A green run that takes too long is not green."""
        if self.over() and session.exitstatus == 0:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """The ten slowest files, and those over their limit."""
        terminalreporter.section("slowest files")
        for file, seconds in self.seconds.most_common(10):
            terminalreporter.line(f"{seconds:6.1f} s  {file}")
        for line in self.over():
            terminalreporter.line(f"over its time budget: {line}", red=True)
