"""What every job does around its steps: session, context, readable errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module

from jobs.cli.arguments import Arguments
from ralm.config import Config
from ralm.runs.context import SOURCES, Context
from ralm.runs.runner import run_steps
from ralm.runs.step import Step
from ralm.spark.session import get_session

Plan = Callable[[Context], Sequence[Step]]


def configured(arguments: Arguments) -> Config:
    """The configuration; `--as-of` moves its last date, the date of production."""
    if arguments.as_of is None:
        return arguments.config
    dates = arguments.config.dates.model_copy(update={"a3": arguments.as_of})
    return arguments.config.model_copy(update={"dates": dates})


def run(arguments: Arguments, name: str, plan: Plan, meanwhile: str | None = None) -> None:
    """Run a job's steps in an application of its own.

    Args:
        arguments: of the command line.
        name: of the job.
        plan: gives the steps.
        meanwhile: a module that `plan` needs: importing its libraries takes as long as the session's start, beside
            which it is imported.
    """
    config = configured(arguments)
    title = f"ralm {name} {config.name}"
    if meanwhile is not None:
        with ThreadPoolExecutor(1) as beside:
            started = beside.submit(get_session, title, config.spark, config.s3)
            import_module(meanwhile)
            started.result()
    spark = get_session(title, config.spark, config.s3)  # of this thread, if it has been started
    try:
        context = Context(spark, config, force=arguments.force, moving=name in SOURCES)
        run_steps(context, plan(context))
    finally:
        spark.stop()
