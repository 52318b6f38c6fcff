"""The loop of `refresh` goes on after a failed round, and ends after several failures in a row."""

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest
from pyspark.errors import StreamingQueryException

from jobs import refresh as job
from ralm.config import Refresh
from ralm.errors import DataError


def test_failures_in_a_row_end_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    stream = StreamingQueryException("[STREAM_FAILED] the query\n\tat java.lang.Thread.run")
    rounds: list[Exception | None] = [None, stream, DataError("seeds: none"), None, stream, stream, stream, None]
    done = []

    def refresh(context: Any, landing: str | None = None) -> None:
        assert landing == "/logs"
        done.append(rounds[len(done)])
        if done[-1] is not None:
            raise done[-1]

    monkeypatch.setattr(job, "refresh", refresh)
    said: list[str] = []
    context: Any = SimpleNamespace(config=SimpleNamespace(refresh=Refresh(max_failures=3)), say=said.append)
    with pytest.raises(StreamingQueryException):
        job.loop(context, dt.timedelta(0), "/logs")
    assert done == rounds[:7]
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 4
    assert all(line.startswith("error: ") and line.endswith("; the next round tries again") for line in errors)
    assert len(said) == 6
