"""Keep the newest L things a user did in each behaviour domain, as of a date, on top of the date before."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import functions as F

from jobs.application import run
from jobs.arguments import Arguments, run_job
from jobs.build_vocabularies import known_events, source
from jobs.event_histories import build_histories
from ralm.dates import DateName
from ralm.features.histories import update_histories
from ralm.runs import Context, RunningStep, Step

DATES: tuple[DateName, ...] = ("a0", "a1", "a2", "a3")


def _build(step: RunningStep) -> None:
    context, fields = step.context, step.context.config.fields.history
    assert step.as_of is not None
    earlier = DATES[: DATES.index(step.step.as_of or "a0")]
    if not earlier:
        histories = build_histories(known_events(step), fields, step.as_of)
    else:
        since = context.dates[earlier[-1]]
        previous = step.at("histories", as_of=since)
        recent = build_histories(known_events(step), fields, step.as_of, since=since)
        histories = update_histories(previous.drop("as_of"), recent, fields)
    step.replace("histories", histories.withColumn("as_of", F.lit(step.as_of)), "users", as_of=step.as_of)


def steps(context: Context) -> Sequence[Step]:
    """One step a date, each on top of the one before."""
    made = []
    for position, name in enumerate(DATES):
        previous = (("build_histories", DATES[position - 1]),) if position else ()
        made.append(
            Step(
                "build_histories",
                _build,
                ("fields", "evaluation", "dates"),
                as_of=name,
                after=(source(context), *previous),
                inputs=("events", "histories") if previous else ("events",),
            )
        )
    return made


def main(arguments: Arguments) -> None:
    """Run the job."""
    run(arguments, "build_histories", steps)


if __name__ == "__main__":
    run_job(main, __doc__ or "")
