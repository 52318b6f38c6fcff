"""The report's training curves and parameter histograms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jobs.steps.lookalike.variants import lookalike_folder, rounds
from jobs.steps.user_model.training import folder as user_folder
from jobs.steps.user_model.training import merges
from jobs.steps.user_model.training import step_name as user_step
from ralm.errors import MissingInputError
from ralm.report.data import FieldHistogram, KeptParts, TrainingHistory
from ralm.runs.context import Context
from ralm.storage.path import StoragePath
from ralm.training.checkpoints import finished
from ralm.training.tensorboard_events import Events


def training_histories(context: Context) -> list[TrainingHistory]:
    """Losses and validation AUC of every model that was trained; a look-alike model's rounds follow each other."""
    found = []

    def history(model: str, kind: str, entries: Sequence[dict[str, float]]) -> TrainingHistory:
        areas = [entry["val_auc"] for entry in entries if entry.get("val_auc") is not None]
        return TrainingHistory(
            model,
            kind,
            "epoch",
            list(range(1, len(entries) + 1)),
            [entry["loss"] for entry in entries],
            areas if len(areas) == len(entries) else (),
        )

    for representation in context.config.user_model.representations:
        for merge in merges(context):
            name = merge if len(context.config.user_model.representations) == 1 else f"{merge} {representation}"
            entries = finished(user_folder(context, merge, representation))["history"]
            found.append(history(name, "User model", entries))
    for variant in context.config.variants:
        trained = [entry for entry in _entries(context, variant) if entry["loss"] is not None]
        if trained:
            found.append(history(variant, "Look-alike model", trained))
    return found


def kept_parts(context: Context) -> list[KeptParts]:
    """What validation items kept of each variant that starts from the closed form."""
    found = []
    for variant in context.config.variants:
        entries = _entries(context, variant)
        if "kept" not in entries[0]:
            continue
        before = entries[0].get("val_audience")
        best = entries[-1] if before is None else max(_entries(context, variant, last=True), key=_figure)
        found.append(KeptParts(variant, best["kept"], before, best.get("val_audience")))
    return found


def _figure(entry: Mapping[str, Any]) -> float:
    return float(entry["val_audience"])


def _entries(context: Context, variant: str, *, last: bool = False) -> list[dict[str, Any]]:
    """The history of a variant's rounds, one after the other, or of the last one."""
    count = rounds(context.config, variant)
    numbers = range(count if last else 1, count + 1)
    return [e for number in numbers for e in finished(lookalike_folder(context, variant, number))["history"]]


def parameter_histograms(context: Context) -> list[FieldHistogram]:
    """The parameters that read each weak history field, at the end of training, under both merge layers."""
    config = context.config
    weak = [f.domain for f in config.fields.history if f.domain != config.fields.strong_domain]
    representation = config.user_model.representations[0]
    found = []
    for merge in merges(context):
        version = context.require(user_step(merge, representation), "a0").version
        folder = StoragePath.at(context.models("tensorboard", f"user-{merge}-{representation}-{version}"))
        try:
            with folder.copied() as local:
                events = Events(local)
            for domain in weak:
                last = events.histograms(f"field/{domain}/table")[-1]
                found.append(FieldHistogram(domain, merge, list(last.edges), list(last.counts)))
        except MissingInputError:
            continue
    return found
