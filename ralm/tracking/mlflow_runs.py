"""A release as a run of MLflow; MLflow is imported when a release is recorded, and only then."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from ralm.config.tracking import Tracking
from ralm.errors import ConfigError, RalmError
from ralm.tracking.entry import Entry

# What the model needs where it is loaded; `ralm` itself is among its files.
REQUIREMENTS = ["numpy", "pandas", "lmdb"]
# MLflow takes so many parameters at a time, and so many values in all.
PARAMETERS, VALUES = 100, 1_000
# Tells a release's run from others in its experiment.
RELEASE = "ralm.release"
Value = TypeVar("Value")


def require_mlflow() -> None:
    """Raise a ConfigError if MLflow, or what it needs for a database file, is not installed."""
    missing = [name for name in ("mlflow", "sqlalchemy", "alembic") if find_spec(name) is None]
    if missing:
        raise ConfigError(f"tracking: {', '.join(missing)} not installed; run pip install 'ralm[mlflow]'")


def record(entry: Entry, settings: Tracking, experiment: str, items: Path | None = None) -> str:
    """Record a release as a finished run; the id of the run.

    A run of the same release that is finished stays as it is; what an interrupted one left is deleted.

    Args:
        entry: what is known of the release.
        settings: the section `tracking`.
        experiment: where `settings` names none.
        items: a folder with the LMDB store of the released items and their model; None: no model is recorded.

    Raises:
        ConfigError: MLflow is not installed.
        RalmError: MLflow does not take it: no such server, no such database.
    """
    require_mlflow()
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    import mlflow
    from mlflow.exceptions import MlflowException

    try:
        mlflow.set_tracking_uri(settings.mlflow)
        number = _experiment(mlflow, settings.experiment or experiment)
        found = _earlier(mlflow, number, entry.name)
        return found or _record(mlflow, entry, number, items)
    except MlflowException as error:
        raise RalmError(f"tracking.mlflow {settings.mlflow}: {str(error).splitlines()[0][:500]}") from error


def _experiment(mlflow: Any, name: str) -> str:
    found = mlflow.get_experiment_by_name(name)
    return str(mlflow.create_experiment(name) if found is None else found.experiment_id)


def _earlier(mlflow: Any, experiment: str, release: str) -> str | None:
    """The finished run of a release; unfinished ones are deleted."""
    query = f"tags.`{RELEASE}` = '{release}'"
    for run in mlflow.search_runs([experiment], query, output_format="list"):
        if run.info.status == "FINISHED":
            return str(run.info.run_id)
        mlflow.delete_run(run.info.run_id)
    return None


def _record(mlflow: Any, entry: Entry, experiment: str, items: Path | None) -> str:
    from mlflow.entities import Metric, Param

    tags = {**entry.tags, RELEASE: entry.name}
    with mlflow.start_run(experiment_id=experiment, run_name=entry.name, tags=tags) as run:
        client, number = mlflow.MlflowClient(), str(run.info.run_id)
        now = time.time_ns() // 1_000_000
        values = [Metric(name, value, now, 0) for name, value in entry.metrics.items()]
        for name, curve in entry.curves.items():
            values += [Metric(name, value, now, epoch) for epoch, value in enumerate(curve, start=1)]
        for part in _parts([Param(name, text) for name, text in entry.parameters.items()], PARAMETERS):
            client.log_batch(number, params=part)
        for part in _parts(values, VALUES):
            client.log_batch(number, metrics=part)
        for name, text in entry.texts.items():
            mlflow.log_text(text, name)
        for path in entry.files:
            mlflow.log_artifact(str(path))
        if items is not None:
            _log_model(mlflow, items)
    return number


def _log_model(mlflow: Any, items: Path) -> None:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema
    from mlflow.types.schema import Array

    rows = [ColSpec(Array(DataType.float), "embedding"), ColSpec("double", "bias"), ColSpec("string", "item_id")]
    with package() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it asks for an example of the rows, which the signature tells
        mlflow.pyfunc.log_model(
            name="pairs",
            python_model=str(folder / "tracking" / "pair_model.py"),
            artifacts={"items": str(items)},
            code_paths=[str(folder)],
            pip_requirements=REQUIREMENTS,
            signature=ModelSignature(Schema(rows), Schema([ColSpec("double", "score")])),
        )


@contextmanager
def package() -> Iterator[Path]:
    """The files of the package `ralm` in a folder of that name; the package itself may be a zip that Spark ships."""
    with TemporaryDirectory(prefix="ralm-") as above:
        folder = Path(above) / "ralm"
        _copy(resources.files("ralm"), folder)
        yield folder


def _copy(found: Traversable, folder: Path) -> None:
    folder.mkdir()
    for child in found.iterdir():
        if child.is_dir() and child.name != "__pycache__":
            _copy(child, folder / child.name)
        elif child.is_file():
            (folder / child.name).write_bytes(child.read_bytes())


def _parts(values: Sequence[Value], length: int) -> Iterator[list[Value]]:
    for first in range(0, len(values), length):
        yield list(values[first : first + length])
