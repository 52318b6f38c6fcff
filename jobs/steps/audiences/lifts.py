"""The table `lifts`: what happened in the delivered users of an audience, and in those who were held out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import PurePosixPath

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.steps.audiences.audiences import made_by
from ralm.errors import DataError, MissingInputError
from ralm.evaluation.lift import Lift, lift, too_small
from ralm.ingest.list_files import list_state
from ralm.ingest.list_match import match_users
from ralm.ingest.user_list import read_user_list
from ralm.insight.small_counts import said
from ralm.runs.context import Context
from ralm.runs.step import RunningStep, Step
from ralm.warehouse.schemas import TABLES


@dataclass(frozen=True)
class Measured:
    """What is to be measured.

    Attributes:
        item: id of the item, or the name of the list, whose audience was made with `--hold-out`.
        outcomes: file or table of what happened: users who converted, or users with a column that says so.
        system: what scored the audience; None: the only system that held users of it out.
        converted: column of numbers; above 0: the user converted. None: every listed user did.
        column: the column of user ids.
        hashed: the ids are SHA-256 digests.
    """

    item: str
    outcomes: str
    system: str | None = None
    converted: str | None = None
    column: str | None = None
    hashed: bool = False

    @property
    def name(self) -> str:
        """Name of the log of outcomes: its file's without the ending."""
        return PurePosixPath(self.outcomes.rstrip("/")).stem


def _system(context: Context, asked: Measured) -> str:
    """The system whose audience it is.

    Raises:
        MissingInputError: no users of such an audience were held out, or several systems' were.
    """
    names = made_by(context, "holdouts", asked.item)
    if asked.system is not None and asked.system in names:
        return asked.system
    if asked.system is None and len(names) == 1:
        return names[0]
    by = f" by {asked.system}" if asked.system else ""
    advice = "make it with `extend_audience --hold-out .1`, or name its date with --as-of"
    if names:
        advice = f"there are hold-out arms by {', '.join(names)}: name one with --system"
    raise MissingInputError(
        f"no users of the audience of '{asked.item}'{by} as of {context.dates.a3} were held out; {advice}"
    )


def _measure(asked: Measured, system: str, step: RunningStep) -> None:
    minimum = step.context.config.privacy.minimum
    arms = []
    for table in ("audiences", "holdouts"):
        rows = step.read(table).where((F.col("as_of") == F.lit(step.as_of)) & (F.col("system") == system))
        arms.append(rows.where(F.col("item_id") == asked.item).select("user_id").persist())
    delivered, held = arms
    given = read_user_list(step.context.spark, asked.outcomes, asked.column, asked.converted)
    matched, report = match_users(given, delivered.unionByName(held), hashed=asked.hashed)
    happened = matched if asked.converted is None else matched.where("value > 0")
    converted, held_converted = _converted(happened, delivered), _converted(happened, held)
    counts = (converted, delivered.count(), held_converted, held.count())
    for frame in arms:
        frame.unpersist()
    if not counts[1] or not counts[3]:
        raise MissingInputError(f"audience of '{asked.item}' by {system}: nobody was delivered, or nobody was held out")
    if min(counts[1], counts[3]) < minimum:
        raise DataError(
            f"audience of '{asked.item}' by {system}: fewer than {minimum:,} users in an arm (privacy.minimum); hold "
            "more of them out"
        )
    hide, few = min(converted, held_converted) < minimum, too_small(*counts)
    found = None if hide or few else lift(*counts)
    _write(step, asked, system, counts, found, minimum)
    step.say(f"outcomes {asked.outcomes}, among users of both arms: {report.said(minimum)}")
    for what, some, of in (("delivered", converted, counts[1]), ("held out", held_converted, counts[3])):
        share = "" if hide else f" ({some / of:.3%})"
        step.say(f"{what}: {said(some, minimum)} of {of:,} users converted{share}".replace("%", " %"))
    if found is not None:
        step.say(says(found))
    else:
        step.say("lift: not shown (privacy.minimum)" if hide else f"lift: the sample is too small, {few}")


def _converted(happened: DataFrame, arm: DataFrame) -> int:
    return happened.join(arm, "user_id", "left_semi").count()


def says(found: Lift) -> str:
    """The lift in one line."""
    text = f"lift: {100 * found.absolute:+.3f} points ({100 * found.low:+.3f} to {100 * found.high:+.3f})"
    if found.relative is None or found.relative_low is None or found.relative_high is None:
        return f"{text}, 95 % interval; relative lift: nobody who was held out converted"
    relative = f"{100 * found.relative:+.1f} % ({100 * found.relative_low:+.1f} to {100 * found.relative_high:+.1f})"
    sure = "" if found.low > 0 or found.high < 0 else "; no lift at all would be no surprise"
    return f"{text}, relative {relative}, 95 % intervals{sure}"


def _write(
    step: RunningStep,
    asked: Measured,
    system: str,
    counts: tuple[int, int, int, int],
    found: Lift | None,
    minimum: int,
) -> None:
    converted, delivered, held_converted, held_out = counts
    figures = (None,) * 6 if found is None else astuple(found)
    row = (
        step.as_of,
        system,
        asked.item,
        asked.name,
        delivered,
        converted if converted >= minimum else None,
        held_out,
        held_converted if held_converted >= minimum else None,
        *figures,
        dt.datetime.now(dt.UTC).replace(tzinfo=None),
    )
    schema = TABLES["lifts"].schema(step.context.warehouse.user_id)
    frame = step.context.spark.createDataFrame([row], schema)
    step.replace("lifts", frame, as_of=step.as_of, system=system, item_id=asked.item, outcomes=asked.name)


def steps(context: Context, asked: Measured) -> Sequence[Step]:
    """One step per audience and log of outcomes.

    Raises:
        MissingInputError: no users of the audience were held out.
    """
    system = _system(context, asked)

    def extra() -> str:
        tables = [context.warehouse.version(name) for name in ("audiences", "holdouts")]
        return f"{asked} {list_state(context.spark, asked.outcomes)} {tables}"

    return [
        Step(
            f"measure_lift[{system}/{asked.item}/{asked.name}]",
            partial(_measure, asked, system),
            context.config.privacy.sections,
            as_of="a3",
            inputs=("audiences", "holdouts"),
            extra=extra,
        )
    ]
