"""The section `lineage`: who is told which step reads and writes which tables."""

from __future__ import annotations

from pydantic import Field

from ralm.config.section import Section


class Lineage(Section):
    """Each step as a run of OpenLineage, with the tables that it reads and writes; the section switches it on."""

    url: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s@]+$",
        description="of the service, such as http://marquez:5000; its key is in the variable OPENLINEAGE_API_KEY. "
        "Without it OpenLineage's own settings hold (OPENLINEAGE_URL, openlineage.yml)",
    )
    namespace: str = Field(default="ralm", min_length=1, description="of the steps, as jobs of OpenLineage")
