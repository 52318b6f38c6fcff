"""The release that `publish` made, as a run of MLflow: settings, figures, learning curves, versions, page, scorer."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from pyspark.sql import functions as F

from jobs.steps.releases.serving_export import Export
from jobs.steps.report.training_curves import training_histories
from jobs.steps.systems.production import production_system
from ralm.config import Tracking
from ralm.config.names import SYSTEM
from ralm.errors import MissingInputError, masked
from ralm.runs.context import Context
from ralm.runs.step import RunningStep, Step
from ralm.serving.lmdb_store import LmdbStore
from ralm.storage.path import StoragePath
from ralm.tracking.entry import Entry, allowed, parameters
from ralm.tracking.mlflow_runs import record, require_mlflow
from ralm.warehouse.releases import Release, releases

STEP = "track_release"


def published(context: Context) -> Release:
    """The release of the last `publish`.

    Raises:
        MissingInputError: it is not in `releases` any more.
    """
    made = context.require("publish", "a3")
    name = f"{made.as_of}-{made.version}"
    found = next((one for one in releases(context.warehouse) if one.release_id == name), None)
    if found is None:
        raise MissingInputError(f"table 'releases': no release {name}; run job 'publish'")
    return found


def entry(step: RunningStep, release: Release, files: tuple[Path, ...] = ()) -> Entry:
    """What is recorded of a release; `files` lie on this machine."""
    tags = {f"table.{name}": str(version) for name, version in sorted(release.tables.items())}
    tags |= {f"model.{name}": version for name, version in sorted(release.models.items())}
    tags |= {"as_of": str(release.as_of), "warehouse": masked(step.context.warehouse.path)}
    tags |= {"note": release.note} if release.note else {}
    kept = json.loads(release.configuration or "{}")
    return Entry(
        name=release.release_id,
        tags=tags,
        parameters=parameters(kept),
        metrics=_figures(step),
        curves=_curves(step.context),
        files=files,
        texts={"configuration.json": json.dumps(kept, indent=1, ensure_ascii=False)},
    )


def _figures(step: RunningStep) -> dict[str, float]:
    """Every figure on test items: `new_items/item_auc/ralm` -> value."""
    rows = step.read("metrics").where((F.col("as_of") == F.lit(step.context.dates.a2)) & (F.col("split") == "test"))
    columns = ("protocol", "metric", "system", "value")
    return {
        allowed("/".join(row[column] for column in columns[:3])): row["value"]
        for row in rows.select(*columns).collect()  # some rows per system, never user-sized
        if row["value"] is not None and math.isfinite(row["value"])
    }


def _curves(context: Context) -> dict[str, list[float]]:
    """Losses and validation AUC per epoch of every trained model, as on the report."""
    curves = {}
    for history in training_histories(context):
        name = allowed(f"{history.kind}/{history.model}")
        curves[f"{name}/loss"] = list(history.loss)
        if history.validation_auc:
            curves[f"{name}/validation_auc"] = list(history.validation_auc)
    return curves


def _track(settings: Tracking, step: RunningStep) -> None:
    context, release = step.context, published(step.context)
    page = StoragePath.at(f"{context.warehouse.path}/report.html")
    content = entry(step, release, (page.local(),) if page.exists() else ())
    if production_system(context).name != SYSTEM:
        step.say("the scorer of pairs is not recorded: the release is another system's than RALM")
        run = record(content, settings, context.config.name)
    else:
        run = _with_items(step, release, content, settings)
    step.say(f"release {release.release_id} is run {run} of MLflow")


def _with_items(step: RunningStep, release: Release, content: Entry, settings: Tracking) -> str:
    """Record the release with its items, which the executors write to the warehouse first."""
    context = step.context
    folder = StoragePath.at(context.models("work", f"mlflow-{step.version}"))
    try:
        store = LmdbStore(folder.path)
        Export(context, store, full=True, kinds=("items", "model")).run(release)
        with TemporaryDirectory(prefix="ralm-") as items:
            store.copy_to(Path(items))
            return record(content, settings, context.config.name, Path(items))
    finally:
        folder.remove()


def steps(context: Context) -> Sequence[Step]:
    """One step after `publish`, with the section `tracking`; it says at once if MLflow is not installed."""
    settings = context.config.tracking
    if settings is None:
        return []
    require_mlflow()
    return [
        Step(
            STEP,
            lambda step: _track(settings, step),
            ("tracking",),
            as_of="a3",
            after=(("publish", "a3"),),
            inputs=("metrics", "releases"),
        )
    ]
