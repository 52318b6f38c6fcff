"""What several workers of the suite look at is built by the first that asks for it; the others wait."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

# Seconds that this worker has spent on builds: they are not the time of the file whose test asked first.
spent = 0.0


def built_once(factory: pytest.TempPathFactory, name: str, build: Callable[[Path], None]) -> Path:
    """The folder `name`, filled by `build` once in a run of the suite, whatever the number of workers.

    With RALM_TEST_WORLDS=FOLDER in the environment it lies there and is taken again by the next runs, whatever has
    changed since: for work on tests, in place of minutes at each start.
    """
    global spent
    started = time.monotonic()
    root = factory.getbasetemp()
    if kept := os.environ.get("RALM_TEST_WORLDS"):
        root = Path(kept)
        root.mkdir(parents=True, exist_ok=True)
    elif "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    folder, outcome = root / name, root / f"{name}.outcome"
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not outcome.exists():
            folder.mkdir()
            try:
                build(folder)
            except BaseException as error:
                outcome.write_text(f"{type(error).__name__}: {error}")
                raise
            outcome.touch()
    spent += time.monotonic() - started
    if message := outcome.read_text():
        pytest.fail(f"{name} could not be built: {message}", pytrace=False)
    return folder
