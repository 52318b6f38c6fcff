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
from collections.abc import Sequence
from dataclasses import dataclass

from ralm.errors import MissingInputError, RalmError
from ralm.runs.context import Context
from ralm.runs.lineage_events import prepare, tell
from ralm.runs.pinned import vacuumed
from ralm.runs.progress import Progress, naming
from ralm.runs.record import Record, title
from ralm.runs.step import RunningStep, Step
from ralm.spark.errors import user_errors
from ralm.warehouse.forgotten import TABLE as FORGOTTEN
from ralm.warehouse.forgotten import forgotten_version
from ralm.warehouse.schemas import TABLES


def settings(context: Context, step: Step) -> str:
    """The hash of the settings that the step depends on.

    Raises:
        MissingInputError: they follow from the data, which were not measured yet.
    """
    config = context.measured_config() if step.measured else context.given
    return config.digest("name", "seed", *step.sections)


def token(context: Context, step: Step) -> str:
    """The token that the step would have now."""
    content = {
        "step": step.name,
        "as_of": str(context.date(step.as_of)),
        "config": settings(context, step),
        "after": [context.require(name, as_of).version for name, as_of in step.after],
        "extra": step.extra() if step.extra else "",
    }
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def _after(context: Context, step: Step) -> dict[str, str]:
    """Each step that this one comes after -> the version of its result."""
    found = [context.require(name, as_of) for name, as_of in step.after]
    return {record.title: record.version for record in found}


@dataclass(frozen=True)
class State:
    """What there is of a step.

    Attributes:
        what: `done`, `resume` (a crashed run of the same token; nobody was forgotten since it began), or `run`.
        record: the one that says so, if any.
        gone: why a finished run does not count: what it made is not there any more.
    """

    what: str
    record: Record | None
    gone: str | None = None


def state(context: Context, step: Step, now: str) -> State:
    """The state of a step whose token would be `now`: done only while what it made is there as it was written."""
    as_of = context.date(step.as_of)
    done = context.ledger.last(step.name, as_of, "done")
    last = context.ledger.last(step.name, as_of)
    if done is not None and done.token == now and last is not None and last.attempt == done.attempt:
        gone = _gone(context, step, done)
        return State("done", done) if gone is None else State("run", last, gone)
    if last is not None and last.token == now and last.inputs.get(FORGOTTEN, 0) == forgotten_version(context.warehouse):
        return State("resume", last)
    return State("run", last)


def _gone(context: Context, step: Step, done: Record) -> str | None:
    """What a finished run made and is not there any more; None: all is there."""
    for name, version in sorted(done.outputs.items()):
        if lost := context.lineage.lost(name, version):
            return lost
    reached = context.lineage.later_attempt(step.name, done.as_of, done.outputs)
    if reached > done.attempt:
        return f"the tables hold attempt {reached}, `runs` knows {done.attempt}"
    for path in step.models(done.version) if step.models else ():
        if not context.warehouse.has_path(path):
            return f"{path} is not there"
    return None


def is_done(context: Context, step: Step) -> bool:
    """Whether the step's last run is done and would give the same now."""
    try:
        return state(context, step, token(context, step)).what == "done"
    except MissingInputError:
        return False


def run_steps(context: Context, steps: Sequence[Step], first: int = 1, total: int | None = None) -> None:
    """Run the steps in order; finished steps are reported and skipped.

    Args:
        context: the application.
        steps: what to run.
        first: number of the first step, in the lines of progress.
        total: number of the last one; default: these steps are all.
    """
    total = len(steps) if total is None else total
    prepare(context)
    try:
        for position, step in enumerate(steps, start=first):
            _run_one(context, step, f"[{position:>2}/{total}]")
    finally:
        context.ledger.flush()


def _run_one(context: Context, step: Step, prefix: str) -> None:
    as_of = context.date(step.as_of)
    named = title(step.name, as_of)
    now = token(context, step)
    found = state(context, step, now)
    record = found.record
    if found.what == "done" and not context.force:
        context.say(f"{prefix} {named}: already done, skipped")
        return
    if found.gone is not None:
        context.say(f"{prefix} {named}: made again, for {found.gone}")
    config_hash = settings(context, step)
    attempts = context.ledger.attempts(step.name, as_of)
    reached = _reached(context, step, attempts)
    resumed = found.what == "resume" and not context.force and reached <= attempts
    attempts = max(attempts, reached)
    inputs = (
        dict(record.inputs)
        if resumed and record is not None
        else {name: context.warehouse.version(name) for name in step.inputs}
    )
    if since := forgotten_version(context.warehouse):
        inputs[FORGOTTEN] = since
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
        application=context.application,
        after=_after(context, step),
    )
    context.ledger.add(started)
    context.ledger.flush()  # the attempt is reserved before anything is written
    tell(context, started)
    running = RunningStep(context, step, started, as_of, resumed=resumed)
    context.say(f"{prefix} {named} …")
    clock = time.monotonic()
    try:
        with user_errors(named), naming(context.spark, started, prefix), Progress(context.spark, context.say):
            step.action(running)
            running.stop_if_forgotten()
    except Exception as error:
        message = str(error) if isinstance(error, RalmError) else f"{type(error).__name__}: {error}"
        context.ledger.add(failed := running.ended("failed", message.splitlines()[0][:1000] if message else ""))
        tell(context, failed)
        gone = vacuumed(started, error) if resumed else None
        if gone is not None:
            raise gone from error
        raise
    context.ledger.add(done := running.ended("done", running.note))
    tell(context, done)
    seconds = time.monotonic() - clock
    counts = ", ".join(f"{count:,} {what}" for what, count in running.counts.items())
    context.say(f"{prefix} {named}: {counts + ', ' if counts else ''}{seconds:.1f} s")
    context.times.append((named, seconds, dict(running.counts)))


def _reached(context: Context, step: Step, attempts: int) -> int:
    """The highest attempt that the tables know: `runs` may be lost, or restored to an older version.

    Args:
        context: the application.
        step: is about to run.
        attempts: what `runs` knows.
    """
    as_of = context.date(step.as_of)
    done = context.ledger.last(step.name, as_of, "done")
    if not attempts or (context.force and done is None):
        tables = tuple(TABLES) if context.force and context.ledger.records else context.unrecorded
        return context.lineage.attempts(step.name, as_of, tables)
    outputs = {} if done is None else done.outputs
    later = context.lineage.later_attempt(step.name, as_of, outputs)
    # Restored tables: only the transactions tell what was taken back.
    if later > attempts or any(context.lineage.lost(name, version) for name, version in outputs.items()):
        return max(later, context.lineage.attempts(step.name, as_of, outputs))
    return later


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
                found = state(context, step, token(context, step))
            except MissingInputError:
                found = State("run", None)
            what = {"done": "skip (done)", "resume": "run (resumes)", "run": "run"}[found.what]
            if found.gone is not None:
                what = f"run ({found.gone})"
        if not what.startswith("skip"):
            dirty.add(step.name)
        plan.append((step.name + (f" [{step.as_of}]" if step.as_of else ""), what))
    return plan
