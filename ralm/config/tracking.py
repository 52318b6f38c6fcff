"""The section `tracking`: where releases are recorded beside the warehouse."""

from __future__ import annotations

from pydantic import Field

from ralm.config.section import Section


class Tracking(Section):
    """Each release as a run of MLflow, after `publish`; the section switches it on."""

    mlflow: str = Field(
        default="sqlite:///mlflow.db",
        min_length=1,
        description="MLflow's tracking URI: a database file, http://host:5000, databricks",
    )
    experiment: str | None = Field(
        default=None, min_length=1, description="name of the experiment; default: that of the configuration"
    )
