"""Counts of the data, from which settings follow; they are kept in the run record and make no table."""

from __future__ import annotations

from jobs.steps.sources.known_events import source
from ralm.config import auto
from ralm.features.data_counts import count_data
from ralm.runs.context import MEASURE, Context
from ralm.runs.step import RunningStep, Step

TABLES = ("users", "events", "impressions")


def _domains(context: Context) -> list[str]:
    return [field.domain for field in context.given.without_excluded().fields.history]


def _measure(step: RunningStep) -> None:
    context = step.context
    counts = count_data(
        step.read("users"), step.read("events"), step.read("impressions"), _domains(context), context.given.seed
    )
    step.counts.update(counts.as_map())
    chosen = auto.choices(context.given, counts)
    least = next((one.value for one in chosen if one.key == "lookalike.min_seeds"), context.given.lookalike.min_seeds)
    if little := counts.too_little(least):
        step.say(f"warning: {little}")
    step.note = "; ".join(f"{choice.key} = {choice.value}" for choice in chosen) or None


def measuring(context: Context) -> Step:
    """The step that counts what the source step made."""
    domains = ",".join(_domains(context))
    return Step(MEASURE, _measure, after=(source(context),), inputs=TABLES, extra=lambda: domains, measured=False)
