"""How the dates split the log, in numbers: checks, and what the report shows of them."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import functions as F

from jobs.steps.sources.known_events import known_events, source
from ralm.dates import DateName
from ralm.errors import DataError
from ralm.features.hashing import chosen
from ralm.features.split_shares import NEXT, PartShares, part_items, part_users
from ralm.midnights import MOST_WITHOUT_HISTORY
from ralm.report.data import SplitPart
from ralm.runs.context import SPLIT, Context
from ralm.runs.step import RunningStep, Step

STEP = SPLIT
SAMPLED_USERS = 100_000
# With fewer clicks on every item there is no seed with someone else to look for.
LEAST_CLICKS = 2
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
    for name, (labels, *of_items) in items.items():
        found[name] = PartShares(labels, *users.get(name, (0, 0)), *of_items)
    return found


def _measure(step: RunningStep) -> None:
    context, outcomes, parts = step.context, [], measured(step)
    for name, part in parts.items():
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
    step.facts |= {"a1.most": parts["a1"].most, "a2.so_far": parts["a2"].so_far} | context.dates_kept
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


def refuse_hopeless(context: Context) -> None:
    """Stop a night that cannot come to an end, after a minute and not after ten.

    Raises:
        DataError: a model has nothing to learn from, by what the step found.
    """
    record, dates, config = context.ledger.last(STEP, context.dates.a2, "done"), context.dates, context.config
    if record is None:
        return
    found, least = record.counts, config.lookalike.min_seeds
    remedy = "; give more data, or set other dates"
    if not found.get("a0.labels", 1):
        domains = ", ".join(config.user_model.representations)
        raise DataError(f"no event of {domains} in [{dates.a0}, {dates.a1}) for the user model to learn from{remedy}")
    if found.get("a1.most", LEAST_CLICKS) < LEAST_CLICKS:
        raise DataError(
            f"no item has {LEAST_CLICKS} clicks in [{dates.a1}, {dates.a2}), a seed and someone to look for, which the "
            f"look-alike model needs to learn from{remedy}"
        )
    if found.get("a2.so_far", least) < least:
        raise DataError(
            f"no item has {least:,} clicks before {dates.a3}, as many seeds as an audience needs "
            f"(lookalike.min_seeds), the most are {found['a2.so_far']:,}{remedy}"
        )


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
