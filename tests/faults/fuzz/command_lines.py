"""Mutated command lines of every job: read, or refused in one line with the exit code of a configuration."""

from __future__ import annotations

import argparse
import contextlib
import io
import random
from collections.abc import Iterator
from functools import cache
from typing import Any

from jobs.cli.arguments import parse
from jobs.cli.completion import _parsers
from jobs.cli.listed import split_options
from jobs.cli.submission import known_jobs, option_value
from ralm.runs.console import clear_line
from tests.faults.fuzz.assignments import draw
from tests.faults.fuzz.configurations import ROOT
from tests.faults.fuzz.trial import Case, Wrong

WORDS = [
    *("", " ", "-", "--", "---", "-h", "--help", "--config", "--conf", "--set", "--set="),
    *("--as-of", "--force", "--force=1"),
    *("2024-02-30", "2024-01-01", "9999-99-99", "20240101", "2024-W01-1", "٢٠٢٤-٠١-٠١", "nan", "inf", "-1", "1e400"),
    *("9" * 5_000, "x" * 5_000, "\x00", "é", "\udcff", "\n", "a=b", "=", "a.b.c", ".", "..", "lines", "json", "bar"),
    *("--progress", "--debug", "--dry-run", "--nonsense", "--Config", "@/etc/hosts", "%s", "%(prog)s", "{}", "$(id)"),
]  # fmt: skip
CONFIG = str(ROOT / "conf" / "tiny.yaml")


@cache
def _options() -> dict[str, argparse.ArgumentParser | None]:
    from importlib import import_module

    jobs = known_jobs(ROOT / "jobs")
    modules = {name: import_module(f"jobs.{name}") for name in jobs}
    return {name: module.options() if hasattr(module, "options") else None for name, module in modules.items()}


@cache
def _written(job: str) -> list[list[str]]:
    """Of each option of a job: the option with a value."""
    parser = _parsers({job: job})[job]
    found = []
    for action in parser._actions:
        for text in action.option_strings:
            count = action.nargs if isinstance(action.nargs, int) else 1
            found.append([text, *["0.1"] * (0 if count == 0 else count)])
    return found


def _line(job: str, drawn: random.Random) -> list[str]:
    given = ["--config", CONFIG]
    for _ in range(drawn.choice([0, 1, 2, 4])):
        given += drawn.choice(_written(job))
    for _ in range(drawn.choice([0, 1, 1, 3])):
        place = drawn.randrange(len(given) + 1)
        way = drawn.randrange(4)
        if way == 0:
            given.insert(place, drawn.choice(WORDS))
        elif way == 1 and place < len(given):
            given[place] = drawn.choice(WORDS)
        elif way == 2 and place < len(given):
            del given[place]
        else:
            given[place:place] = ["--set", draw(drawn)[1]]
    return given


def _read(job: str, given: list[str], all_known: bool) -> str:
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            parse(job, given, dry_run=True, allow_rest=not all_known, options=_options()[job] if all_known else None)
            split_options(given, {})
            option_value(given, "--master", "spark.master")
    except SystemExit as error:
        if error.code != 0:
            raise Wrong(f"it exits with {error.code}: {said.getvalue()[-300:]}") from error
        return "help"
    finally:
        clear_line()
    return "read"


def cases(drawn: random.Random) -> Iterator[Case]:
    """Command lines without end, of the submission (which ignores what it does not know) and of the job."""
    _options()  # importing the jobs takes seconds, once
    jobs = sorted(known_jobs(ROOT / "jobs"))
    while True:
        job = drawn.choice(jobs)
        given, all_known = _line(job, drawn), drawn.random() < 0.7

        def read(job: str = job, given: Any = given, all_known: bool = all_known) -> str:
            return _read(job, given, all_known)

        yield Case(f"{job} {' '.join(given)[:300]!r}", read, given, hides=False)
