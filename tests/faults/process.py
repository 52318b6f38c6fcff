"""A job as a user submits it, in processes of its own, any of which can be killed."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# In the environment of every process of a job, also of those that are no longer children of it.
MARK = "RALM_FAULTS_JOB"


@dataclass(frozen=True)
class Process:
    """A process of a job: its number, its parent's, and how it was called."""

    pid: int
    parent: int
    called: str


class Job:
    """A job that runs; what it prints is in `lines`, each with the seconds since the start."""

    def __init__(self, command: Sequence[str]) -> None:
        self._mark = f"{MARK}={uuid.uuid4().hex}"
        name, _, value = self._mark.partition("=")
        self.started = time.monotonic()
        self._popen = subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | {name: value},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._popen.stdout is not None
        for line in self._popen.stdout:
            self.lines.append(line.rstrip("\n"))

    @property
    def runs(self) -> bool:
        """Whether the driver is there."""
        return self._popen.poll() is None

    def wait(self, seconds: float = 600) -> int:
        """The exit code, once the job has ended and nothing of it is left.

        Raises:
            TimeoutError: it hangs, or leaves processes behind; they are killed.
        """
        try:
            code = self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self._end_all()
            raise TimeoutError(f"still there after {seconds:.0f} s: {self.lines[-3:]}") from None
        limit = time.monotonic() + 60
        while left := self.processes():
            if time.monotonic() > limit:
                self._end_all()
                raise TimeoutError(f"left behind: {[process.called[:200] for process in left]}")
            time.sleep(0.1)
        self._reader.join(10)
        return code

    def _end_all(self) -> None:
        for process in self.processes():
            _kill(process.pid)

    def processes(self) -> list[Process]:
        """All that belong to it."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it ended meanwhile
                if self._mark.encode() in (folder / "environ").read_bytes().split(b"\0"):
                    parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                    called = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    found.append(Process(int(folder.name), parent, called))
        return found

    def of(self, kind: str) -> list[int]:
        """The processes of a kind: driver, executor, worker (of Python) or rank."""
        every = self.processes()
        called = {process.pid: process.called for process in every}
        if kind == "driver":
            python = [p.pid for p in every if p.parent == self._popen.pid and "/jobs/" in p.called]
            return [self._popen.pid, *python]
        if kind == "executor":
            return [p.pid for p in every if "CoarseGrainedExecutorBackend" in p.called]
        above = {"worker": "pyspark.daemon", "rank": "torch.distributed.run"}[kind]
        return [p.pid for p in every if above in called.get(p.parent, "") and "resource_tracker" not in p.called]

    def kill(self, kind: str) -> bool:
        """SIGKILL the driver, both its JVM and its Python, or one process of another kind; whether there was any.

        An executor's shuffle files go with it, as those of a lost machine do.
        """
        found = self.of(kind)
        if kind == "driver":
            for pid in found:
                _kill(pid)
            return True
        if not found:
            return False
        folders = _shuffle_folders(found[-1]) if kind == "executor" else []
        _kill(found[-1])
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
        return True


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _shuffle_folders(pid: int) -> list[str]:
    with contextlib.suppress(OSError):
        for entry in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            if entry.startswith(b"SPARK_EXECUTOR_DIRS="):
                return entry.partition(b"=")[2].decode().split(":")
    return []
