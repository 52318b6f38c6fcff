"""Steps as runs of OpenLineage: an event when a step starts and one when it ends, with tables, versions and columns.

Events are sent by the driver, a few per step. A service that cannot be reached stops no step: the first event that is
not taken ends the telling, with a line.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ralm.errors import ConfigError, masked
from ralm.runs.record import Record
from ralm.warehouse.schemas import TABLES

if TYPE_CHECKING:
    from ralm.runs.context import Context

PRODUCER = "urn:ralm"
KEY = "OPENLINEAGE_API_KEY"
# Seconds that a service has to take an event.
TIMEOUT = 10.0
STATES = {"started": "START", "done": "COMPLETE", "failed": "FAIL"}


def prepare(context: Context) -> None:
    """Make ready to tell of steps, if the configuration has the section `lineage`.

    Raises:
        ConfigError: OpenLineage's client is not installed.
    """
    if context.given.lineage is not None:
        context.once(LineageEvents)


def tell(context: Context, record: Record) -> None:
    """Tell of a step that started, is done or failed, if the configuration has the section `lineage`."""
    if context.given.lineage is not None:
        context.once(LineageEvents).send(record)


def dataset_name(path: str) -> tuple[str, str]:
    """OpenLineage's namespace and name of a table at a path, the same that other tools give it.

    Example:
        >>> dataset_name("s3a://lake/ralm/audiences"), dataset_name("/data/ralm/users")
        (('s3://lake', 'ralm/audiences'), ('file', '/data/ralm/users'))
    """
    scheme, separator, rest = path.partition("://")
    if not separator:
        return "file", path.removeprefix("file:")
    if scheme == "file":
        return "file", f"/{rest.lstrip('/')}"
    place, _, name = rest.partition("/")
    scheme = {"s3a": "s3", "s3n": "s3"}.get(scheme, scheme)
    return f"{scheme}://{place}", f"/{name}" if scheme in ("hdfs", "viewfs") else name


class LineageEvents:
    """The events of an application.

    Args:
        context: of the application; its configuration has the section `lineage`.

    Raises:
        ConfigError: OpenLineage's client is not installed.
    """

    def __init__(self, context: Context) -> None:
        settings = context.given.lineage
        assert settings is not None
        if find_spec("openlineage") is None:
            raise ConfigError("lineage: OpenLineage's client is not installed; run pip install 'ralm[openlineage]'")
        from openlineage.client import OpenLineageClient
        from openlineage.client.event_v2 import set_producer

        set_producer(PRODUCER)
        self.context, self.namespace, self.stopped = context, settings.namespace, False
        transport: dict[str, Any] = {"type": "http", "url": settings.url, "timeout": TIMEOUT, "retry": {"total": 1}}
        if key := os.environ.get(KEY):
            transport["auth"] = {"type": "api_key", "apiKey": key}
        self.client = OpenLineageClient(config=None if settings.url is None else {"transport": transport})

    def send(self, record: Record) -> None:
        """Send an event of a step; nothing after one was not taken."""
        if self.stopped:
            return
        try:
            self.client.emit(self.event(record))
        except Exception as error:  # the client raises whatever its transport does
            self.stopped = True
            what = masked(f"{type(error).__name__}: {error}".splitlines()[0][:300])
            self.context.say(f"        warning: lineage: no event is sent any more, for one was not taken: {what}")

    def event(self, record: Record) -> Any:
        """A step's record as an event of OpenLineage."""
        from openlineage.client import event_v2
        from openlineage.client.facet_v2 import error_message_run, parent_run

        name = self.context.given.name
        whole = parent_run.Run(self._id(self.context.application))
        facets: dict[str, Any] = {"parent": parent_run.ParentRunFacet(whole, parent_run.Job(self.namespace, name))}
        if record.state == "failed":
            facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(record.message or "", "PYTHON")
        time = record.ended_at or record.started_at
        return event_v2.RunEvent(
            eventType=event_v2.RunState[STATES[record.state]],
            eventTime=f"{time.isoformat(timespec='milliseconds')}Z",
            # A step that is begun again is a run of its own.
            run=event_v2.Run(self._id(f"{record.title} {record.started_at}"), facets),
            job=event_v2.Job(self.namespace, f"{name}.{record.step}"),
            inputs=self._tables(record.inputs, event_v2.InputDataset),
            outputs=self._tables(record.outputs, event_v2.OutputDataset),
        )

    def _id(self, what: str) -> str:
        """The same id for the same thing of the same warehouse."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.context.warehouse.path} {what}"))

    def _tables(self, versions: Mapping[str, int], kind: Any) -> list[Any]:
        """Tables at their versions, with the columns that all of them have."""
        from openlineage.client.facet_v2 import dataset_version_dataset, schema_dataset

        found, ids = [], self.context.given.user_id_type
        for name, version in sorted(versions.items()):
            fields = [
                schema_dataset.SchemaDatasetFacetFields(column.name, column.spark_type(ids), column.description)
                for column in TABLES[name].columns
            ]
            facets = {
                "version": dataset_version_dataset.DatasetVersionDatasetFacet(str(version)),
                "schema": schema_dataset.SchemaDatasetFacet(fields=fields),
            }
            found.append(kind(*dataset_name(self.context.warehouse.table_path(name)), facets=facets))
        return found
