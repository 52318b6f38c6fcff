"""A writer that stands still between two phases of its Delta transaction, as in Delta's own suites."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from pyspark.sql import SparkSession

# In the order in which a transaction goes through them. Before `commit` the files are written and the log is not;
# before `postCommit` the log is written, too.
PHASES = ("analysis", "initial", "prepare", "commit", "backfill", "postCommit")


class Held:
    """A write in a thread of its own that stops before a phase of its transaction until it is let go.

    Args:
        spark: of one machine; the thread's transactions are those of the JVM's thread that belongs to it.
        before: one of `PHASES`.
        write: gets a function to call right before the transaction that is to stop.
    """

    def __init__(self, spark: SparkSession, before: str, write: Callable[[Callable[[], None]], Any]) -> None:
        self._delta: Any = spark._jvm.org.apache.spark.sql.delta  # type: ignore[union-attr]
        self._phases = self._delta.fuzzer.OptimisticTransactionPhases.forName(before)
        self._nothing = getattr(getattr(self._delta, "NoOpTransactionExecutionObserver$"), "MODULE$")
        self._observers = getattr(getattr(self._delta, "TransactionExecutionObserver$"), "MODULE$")
        self._held, self._write = before, write
        self.error: BaseException | None = None
        for name in PHASES:
            if name != before:
                self._lock(name).entryBarrier().unblock()
        self._lock("postCommit").exitBarrier().unblock()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        limit = time.monotonic() + 60
        while not self._lock(before).hasReached():
            assert self._thread.is_alive(), f"the write ended before {before}: {self.error!r}"
            assert time.monotonic() < limit, f"the write did not come to {before}"
            time.sleep(0.01)

    def _lock(self, name: str) -> Any:
        return getattr(self._phases, f"{name}Phase")()

    def _observe(self) -> None:
        observer = self._delta.fuzzer.PhaseLockingTransactionExecutionObserver(self._phases)
        observer.setNextObserver(self._nothing, True)
        self._observers.setObserver(observer)

    def _run(self) -> None:
        try:
            self._write(self._observe)
        except BaseException as error:
            self.error = error
        finally:
            self._observers.setObserver(self._nothing)

    def let_go(self) -> BaseException | None:
        """Go on and end; the error of the write, if it failed."""
        self._lock(self._held).entryBarrier().unblock()
        self._thread.join(60)
        assert not self._thread.is_alive(), "the write did not end"
        return self.error
