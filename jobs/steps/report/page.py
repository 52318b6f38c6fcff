"""Gathers what the report shows from the tables and the models, and writes it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from jobs.steps.report.audience_examples import audience_examples
from jobs.steps.report.best_audiences import best_audiences
from jobs.steps.report.exposure import exposures, realised
from jobs.steps.report.field_attention import attention_on_fields
from jobs.steps.report.health import health_checks
from jobs.steps.report.training_curves import kept_parts, parameter_histograms, training_histories
from jobs.steps.sources.split import split_parts
from jobs.steps.systems.production import production_system
from jobs.steps.users.user_fields import weak_users
from ralm.evaluation.first_figure import first_figures, non_clicks_are_sampled
from ralm.report.data import Compared, Difference, MetricRow, ReportData, StepTime, UserModelRow
from ralm.report.files import update_report
from ralm.report.findings import HistoryCounts, ShownRates
from ralm.runs.context import Context
from ralm.runs.step import RunningStep
from ralm.storage.path import StoragePath

COUNTED = ("users", "items", "events", "impressions", "audiences", "recommendations")


def _notes(context: Context, metrics: Sequence[MetricRow]) -> list[str]:
    config, notes = context.config, []
    if config.ingest is not None and non_clicks_are_sampled(config):
        per_click = config.ingest.sampled_negatives.per_click
        notes.append(
            f"This log holds clicks only: {per_click} non-clicks per click were sampled by popularity from the items "
            "alive in the same bucket, so the item AUC compares clickers with the clickers of other items."
        )
    if context.untimed:
        notes.append("Times are not used: histories, seeds and labels are disjoint parts of the pairs by hash.")
    if metrics and not any(row.protocol == "new_items" for row in metrics):
        notes.append("No held-out item had enough seeds and labels: there is no result on new items.")
    return notes


def _history(step: RunningStep) -> HistoryCounts:
    """Users without and with a history in the strong domain, as of A2."""
    rows = weak_users(step, step.context.dates.a2).groupBy("weak").count().collect()
    counts = {row["weak"]: row["count"] for row in rows}
    return HistoryCounts(counts.get(True, 0), counts.get(False, 0))


def write_report(
    step: RunningStep,
    metrics: Sequence[MetricRow],
    differences: Sequence[Difference],
    user_model: Sequence[UserModelRow],
    notes: Sequence[str] = (),
    found: Mapping[str, tuple[float, int]] | None = None,
    share: float = 0.05,
    rates: ShownRates | None = None,
) -> None:
    """Write `<warehouse>/report.html`; the part that `compare` wrote earlier stays.

    Args:
        step: the running step.
        metrics: the figures; may be empty.
        differences: RALM's paired differences.
        user_model: the user model's own figures.
        notes: why there are no figures.
        found: item_id -> (share of its later clickers who were in the best `share` of users, later clickers).
        share: of all users.
        rates: clicks among those whom items were shown to.
    """
    context, dates = step.context, step.context.dates
    counts = {name: step.read(name).count() for name in COUNTED}
    times = [StepTime(title, seconds, counts) for title, seconds, counts in context.times]
    update_report(
        StoragePath.at(context.warehouse.path),
        heading(context),
        tables=counts,
        dates={"A0": dates.a0, "A1": dates.a1, "A2": dates.a2, "A3": dates.a3},
        split=split_parts(context),
        strong_domain=context.config.fields.strong_domain,
        metrics=metrics,
        differences=differences,
        user_model=user_model,
        histories=training_histories(context),
        kept=kept_parts(context),
        attention=attention_on_fields(step),
        histograms=parameter_histograms(context),
        exposure=exposures(step, counts["users"]),
        audiences=audience_examples(step),
        realised=realised(step),
        steps=times,
        notes=[*notes, *_notes(context, metrics)],
        production=production_system(context).name,
        found=best_audiences(step, found or {}, share),
        shown_rates=rates,
        history=_history(step),
        health=health_checks(context),
    )


def report_comparison(context: Context, compared: Compared) -> None:
    """Write `<warehouse>/report.html` with this comparison; the part that `evaluate` wrote earlier stays."""
    update_report(StoragePath.at(context.warehouse.path), heading(context), compared=compared)


def heading(context: Context) -> ReportData:
    """Title, configuration, time and first figures of the report."""
    name = context.config.name
    first = first_figures(context.config)
    made, minimum = dt.datetime.now(dt.UTC), context.config.privacy.minimum
    return ReportData(f"Look-alike audiences: {name}", name, made, first, minimum=minimum)
