"""Steps that run once: each is recorded before it writes and after, skipped when done, resumed after a crash.

A step's token is a hash of its settings and of the versions of the steps before it: a step is done if its last
finished run has the token that it would have now. `attempt` numbers the writes of a step; it is reserved in the
`runs` table before anything is written, reused by the retry of a crashed run (Delta then skips what is already
committed), and raised by other settings, other inputs or `--force`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import time
from collections.abc import Callable, Sequence

from ralm.errors import MissingInputError, RalmError
from ralm.runs.context import Context
from ralm.runs.ledger import Record
from ralm.runs.step import RunningStep, Step
from ralm.spark.errors import user_errors


def token(context: Context, step: Step) -> str:
    """The token that the step would have now."""
    content = {
        "step": step.name,
        "as_of": str(context.date(step.as_of)),
        "config": context.config.digest("name", "seed", *step.sections),
        "after": [context.require(name, as_of).version for name, as_of in step.after],
        "extra": step.extra() if step.extra else "",
    }
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def state(context: Context, step: Step, now: str) -> tuple[str, Record | None]:
    """`done`, `resume` (a crashed run of the token `now`), or `run`, with the record that says so."""
    as_of = context.date(step.as_of)
    done = context.ledger.last(step.name, as_of, "done")
    last = context.ledger.last(step.name, as_of)
    if done is not None and done.token == now and last is not None and last.attempt == done.attempt:
        return "done", done
    if last is not None and last.token == now:
        return "resume", last
    return "run", last


def run_steps(
    context: Context, steps: Sequence[Step], again: Callable[[Context], Sequence[Step]] | None = None
) -> None:
    """Run the steps in order; finished steps are reported and skipped.

    Args:
        again: makes the steps anew after the first one, on which it depends what comes later: only the source knows
            whether its log can be split by its times.
    """
    position = 0
    try:
        while position < len(steps):
            _run_one(context, steps[position], f"[{position + 1:>2}/{len(steps)}]")
            position += 1
            if again is not None and position == 1:
                steps = again(context)
    finally:
        context.ledger.flush()


def _run_one(context: Context, step: Step, prefix: str) -> None:
    as_of = context.date(step.as_of)
    title = step.name + (f" as of {as_of}" if as_of else "")
    now = token(context, step)
    found, record = state(context, step, now)
    if found == "done" and not context.force:
        context.say(f"{prefix} {title}: already done, skipped")
        return
    resumed = found == "resume" and not context.force
    config_hash = context.config.digest("name", "seed", *step.sections)
    attempts = context.ledger.attempts(step.name, as_of)
    inputs = (
        dict(record.inputs)
        if resumed and record is not None
        else {name: context.warehouse.version(name) for name in step.inputs}
    )
    started = Record(
        run_id=f"{step.name}/{as_of or '-'}/{config_hash}",
        step=step.name,
        as_of=as_of,
        state="started",
        token=now,
        attempt=attempts if resumed else attempts + 1,
        config_hash=config_hash,
        inputs=inputs,
        outputs={},
        counts={},
        started_at=dt.datetime.now(dt.UTC).replace(tzinfo=None),
    )
    context.ledger.add(started)
    context.ledger.flush()  # the attempt is reserved before anything is written
    running = RunningStep(context, step, started, as_of)
    context.spark.sparkContext.setJobDescription(f"{prefix} {title}")
    context.say(f"{prefix} {title} …")
    clock = time.monotonic()
    try:
        with user_errors(title):
            step.action(running)
    except Exception as error:
        message = str(error) if isinstance(error, RalmError) else f"{type(error).__name__}: {error}"
        context.ledger.add(running.ended("failed", message.splitlines()[0][:1000] if message else ""))
        raise
    finally:
        context.spark.sparkContext.setJobDescription(None)  # type: ignore[arg-type]
    context.ledger.add(running.ended("done"))
    seconds = time.monotonic() - clock
    counts = ", ".join(f"{count:,} {what}" for what, count in running.counts.items())
    context.say(f"{prefix} {title}: {counts + ', ' if counts else ''}{seconds:.1f} s")
    context.times.append((title, seconds, dict(running.counts)))


def plan_steps(context: Context, steps: Sequence[Step]) -> list[tuple[str, str]]:
    """(step, what would happen): `skip`, `run`, or `run` because something before it runs."""
    plan: list[tuple[str, str]] = []
    dirty: set[str] = set()
    for step in steps:
        if context.force:
            what = "run (--force)"
        elif any(name in dirty for name, _ in step.after):
            what = "run (something before it runs)"
        else:
            try:
                found = state(context, step, token(context, step))[0]
            except MissingInputError:
                found = "run"
            what = {"done": "skip (done)", "resume": "run (resumes)", "run": "run"}[found]
        if not what.startswith("skip"):
            dirty.add(step.name)
        plan.append((step.name + (f" [{step.as_of}]" if step.as_of else ""), what))
    return plan
