"""How the dates split the log, in numbers: checks, and what the report shows of them."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import functions as F

from jobs.steps.sources.known_events import known_events, source
from ralm.dates import DateName
from ralm.features.hashing import chosen
from ralm.features.split_shares import NEXT, PartShares, part_items, part_users
from ralm.midnights import MOST_WITHOUT_HISTORY
from ralm.report.data import SplitPart
from ralm.runs.context import SPLIT, Context
from ralm.runs.step import RunningStep, Step

STEP = SPLIT
SAMPLED_USERS = 100_000
WHAT: dict[DateName, str] = {"a0": "user model", "a1": "look-alike model", "a2": "evaluation"}
_NUMBERS = ("labels", "users", "without_history", "items", "too_young")


def measured(step: RunningStep) -> dict[DateName, PartShares]:
    """The parts by the name of their first date (tables: users, events, impressions)."""
    context, config = step.context, step.context.config
    dates = context.dates
    share = min(1.0, SAMPLED_USERS / max(1, step.read("users").count()))
    sampled = F.lit(True) if share == 1 else chosen("split user", config.seed, share, "user_id")
    events = known_events(step).where(F.col("domain").isin([field.domain for field in config.fields.history]))
    labelled = events.where(F.col("domain").isin(config.user_model.representations))
    impressions = step.read("impressions").where(F.col("shown_date") < F.lit(dates.a3))
    users = part_users(events.where(sampled), labelled.where(sampled), impressions.where(sampled), dates)
    items = part_items(impressions, dates)
    in_window = (F.col("event_date") >= F.lit(dates.a0)) & (F.col("event_date") < F.lit(dates.a1))
    found: dict[DateName, PartShares] = {"a0": PartShares(labelled.where(in_window).count(), *users.get("a0", (0, 0)))}
    for name, (labels, shown, young) in items.items():
        found[name] = PartShares(labels, *users.get(name, (0, 0)), shown, young)
    return found


def _measure(step: RunningStep) -> None:
    context, outcomes = step.context, []
    for name, part in measured(step).items():
        passed = part.labels > 0 and part.share_without_history <= MOST_WITHOUT_HISTORY
        since, until = context.dates[name], context.dates[NEXT[name]]
        text = f"[{since}, {until}): {part.labels:,} labels"
        text += f", {part.share_without_history:.0%} of their users without a history"
        if part.items:
            text += f", {part.too_young:,} of {part.items:,} items without seeds"
        step.say(f"{WHAT[name]} {text}")
        outcomes += [
            (f"labels:{name}", part.labels > 0, float(part.labels), text),
            (f"users_without_history:{name}", passed, part.share_without_history, text),
        ]
        if part.items:
            outcomes.append((f"items_too_young:{name}", part.too_young < part.items, part.too_young / part.items, text))
        step.facts |= {f"{name}.{number}": getattr(part, number) for number in _NUMBERS}
    step.facts |= context.dates_kept
    if not all(passed for _, passed, _, _ in outcomes):
        advice = "" if context.untimed else ", or split the log by hash (ingest.untimed: true)"
        step.say(f"little can be learnt from a part like this: leave `dates` out or set others{advice}")
    step.check_all(outcomes)


def split_parts(context: Context) -> list[SplitPart]:
    """What the last run of the step found, for the report; empty if there is none for these dates."""
    record = context.ledger.last(STEP, context.dates.a2, "done")
    if record is None or not all(f"a2.{number}" in record.counts for number in _NUMBERS):
        return []
    return [
        SplitPart(
            what, context.dates[name], context.dates[NEXT[name]], *(record.counts[f"{name}.{n}"] for n in _NUMBERS)
        )
        for name, what in WHAT.items()
    ]


def steps(context: Context) -> Sequence[Step]:
    """One step, after either source."""
    return [
        Step(
            STEP,
            _measure,
            ("fields", "evaluation", "dates"),
            as_of="a2",
            after=(source(context),),
            inputs=("users", "events", "impressions"),
        )
    ]
