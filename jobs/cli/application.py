"""What every job does around its steps: session, context, readable errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from jobs.cli.arguments import Arguments
from ralm.config import Config
from ralm.runs.context import Context
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


def run(arguments: Arguments, name: str, plan: Plan) -> None:
    """Run a job's steps in an application of its own."""
    config = configured(arguments)
    spark = get_session(f"ralm {name} {config.name}", config.spark)
    try:
        context = Context(spark, config, force=arguments.force)
        run_steps(context, plan(context))
    finally:
        spark.stop()
