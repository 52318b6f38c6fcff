"""A trial in a process of its own: a reader of mapped files may be ended by a signal, which no `except` sees."""

from __future__ import annotations

import json
import os
import resource
import select
import signal
from collections.abc import Callable

from tests.faults.fuzz.trial import Case, Wrong, attempt

SECONDS = 60.0


def isolated(case: Case) -> Case:
    """The same case, tried in a child process; a child that a signal ends is wrong, and so is one that hangs."""

    def read() -> str:
        outcome, wrong = _in_child(lambda: attempt(case))
        if wrong:
            raise Wrong(wrong)
        return outcome

    return Case(case.name, read, case.content, case.place, case.hides)


def _in_child(trial: Callable[[], tuple[str, str]]) -> tuple[str, str]:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            os.write(writer, json.dumps([text[:2_000] for text in trial()]).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        if not select.select([pipe], [], [], SECONDS)[0]:
            os.kill(child, signal.SIGKILL)
        answer = pipe.read()
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        raise Wrong(f"the process was ended by {signal.Signals(os.WTERMSIG(status)).name}")
    outcome, wrong = json.loads(answer)
    return outcome, wrong
