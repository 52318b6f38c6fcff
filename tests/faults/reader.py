"""A reader that looks all the time, as online services do, and never through Spark."""

from __future__ import annotations

import threading
from pathlib import Path

from tests.faults.judge import Content, current, mixed, released


class Reader:
    """Reads the current release again and again until it is closed.

    Attributes:
        seen: release -> table -> content, of every release that was ever current.
        looks: how often it has read.
        wrong: what it could not read, or read in two ways.
    """

    def __init__(self, warehouse: Path, pause: float = 2.0) -> None:
        self.seen: dict[str, dict[str, Content]] = {}
        self.looks = 0
        self.wrong: list[str] = []
        self._warehouse, self._pause = warehouse, pause
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._end.is_set():
            try:
                self._read()
                self.looks += 1
            except Exception as error:
                self.wrong.append(f"{type(error).__name__}: {error}")
            self._end.wait(self._pause)

    def _read(self) -> None:
        for release, versions in current(self._warehouse).items():
            found = released(self._warehouse, versions)
            if release not in self.seen:
                self.wrong += [f"release {release}: {one}" for one in mixed(self._warehouse, versions)]
                self.seen[release] = found
            elif self.seen[release] != found:
                self.wrong.append(f"release {release} changed while it was current")

    def close(self) -> None:
        """End it."""
        self._end.set()
        self._thread.join(60)
