"""A whole configuration."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, PrivateAttr, ValidationError, model_validator

from ralm.config.baselines import Baselines
from ralm.config.described import described_fields
from ralm.config.fields import Dates, Fields
from ralm.config.health import Health
from ralm.config.lineage import Lineage
from ralm.config.locations import Location
from ralm.config.mistakes import described_error
from ralm.config.models import Lookalike, Training, UserModel, UserSamples, Variant
from ralm.config.names import SYSTEM
from ralm.config.outputs import ColdStart, Comparison, Evaluation, Publish, Refresh, Scoring, Serving, Spark, Stream
from ralm.config.privacy import Privacy, contradictions, without_excluded
from ralm.config.section import Identifier, Section, sized
from ralm.config.sources import Ingest
from ralm.config.storage import SCHEME, Storage
from ralm.config.tracking import Tracking
from ralm.config.world import Live, Simulate


class Config(Section):
    """A whole run."""

    name: Identifier = Field(description="of this data set or deployment; names the warehouse")
    warehouse: Location | None = Field(default=None, description="where tables land; default warehouse/<name>")
    catalog: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z_]\w*\.[A-Za-z_]\w*$",
        description="catalog.schema in which the tables have names, too, such as spark_catalog.audiences",
    )
    storage: Storage = Storage()
    data_root: Location = Field(default=".", description="where relative source paths start")
    user_id_type: Literal["string", "bigint"] = Field(default="string", description="type of user ids, as they came")
    seed: int = Field(default=1, ge=0, le=2**31 - 1, description="the random seed: of hashes and of trainings")
    objective: Literal["audience", "feed"] = sized(
        "audience",
        description="audience: rank all users by who would ever want an item; feed: rank those who come by. Sets "
        "lookalike.logq, user_bias and clicked_cap; auto: audience if non-clicks are sampled, feed if the log has them",
    )
    ingest: Ingest | None = None
    simulate: Simulate | None = None
    live: Live = Live()
    dates: Dates = Dates()
    fields: Fields
    privacy: Privacy = Privacy()
    user_samples: UserSamples = UserSamples()
    user_model: UserModel = UserModel()
    user_training: Training = Training()
    lookalike: Lookalike = Lookalike()
    lookalike_training: Training = Training()
    variants: dict[Identifier, Variant] = Field(
        default_factory=lambda: {SYSTEM: Variant()},
        description="look-alike models to train; `ralm` is the released one. More: conf/variants/ablations.yaml",
    )
    baselines: Baselines = Baselines()
    cold_start: ColdStart | None = None
    scoring: Scoring = Scoring()
    evaluation: Evaluation = Evaluation()
    comparison: Comparison = Comparison()
    publish: Publish = Publish()
    health: Health = Health()
    stream: Stream = Stream()
    refresh: Refresh = Refresh()
    serving: Serving = Serving()
    tracking: Tracking | None = None
    lineage: Lineage | None = None
    spark: Spark = Spark()
    _notes: list[str] = PrivateAttr(default_factory=list)

    @model_validator(mode="before")
    @classmethod
    def _described(cls, content: Any) -> Any:
        return content | {"fields": described_fields(content)} if isinstance(content, dict) else content

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        if (self.ingest is None) == (self.simulate is None):
            raise ValueError("give exactly one of `ingest` and `simulate`")
        domains = {field.domain for field in self.fields.history}
        for domain in self.user_model.representations:
            if domain not in domains:
                raise ValueError(
                    f"user_model.representations: '{domain}' is not in fields.history; known: {sorted(domains)}"
                )
        found = contradictions(self.fields, self.user_model.representations, self.privacy.excluded_fields)
        if found is not None:
            raise ValueError(found)
        if SYSTEM not in self.variants:
            raise ValueError(f"variants: '{SYSTEM}' is the released variant and must be there")
        for name, variant in self.variants.items():
            try:
                variant.lookalike(self.lookalike)
            except ValidationError as error:
                raise ValueError(f"variants.{name}.settings.{described_error(error, Lookalike)}") from error
            except ValueError as error:
                raise ValueError(f"variants.{name}.{error}") from error
        return self

    @property
    def released(self) -> Variant:
        """The variant of RALM that production scores with."""
        return self.variants[SYSTEM]

    def without_excluded(self) -> Config:
        """The same without the fields of `privacy.excluded_fields`: what everything but `ingest` goes by."""
        if not self.privacy.excluded_fields:
            return self
        return self.model_copy(update={"fields": without_excluded(self.fields, self.privacy.excluded_fields)})

    @property
    def notes(self) -> list[str]:
        """What was mended when the file was read, a line each."""
        return list(self._notes)

    @property
    def s3(self) -> Storage | None:
        """Where its `s3a://` paths are; None: it has neither such paths nor a section `storage`."""
        places = self.model_dump(mode="json", include={"warehouse", "data_root", "ingest", "serving"})
        used = SCHEME in json.dumps(places) or "storage" in self.model_fields_set
        return self.storage if used else None

    @property
    def warehouse_path(self) -> str:
        """Where this configuration's tables land."""
        return self.warehouse or str(Path("warehouse") / self.name)

    def seed_of(self, training: Training) -> int:
        """The seed of a training: its own, or the project's."""
        return self.seed if training.seed is None else training.seed

    def digest(self, *sections: str) -> str:
        """A short hash of the named sections, 'baselines' or 'baselines.als' (of everything if none is named)."""
        content = self.model_dump(mode="json")
        if self.privacy.excluded_fields:  # also domains that are no field, since everything reads fewer events then
            content["fields"] |= {"excluded": sorted(self.privacy.excluded_fields)}
        chosen = {key: _part(content, key) for key in sections} if sections else content
        return hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()[:12]


def _part(content: dict[str, Any], section: str) -> Any:
    """A section, or a subsection by its dotted name."""
    for name in section.split("."):
        content = content[name]
    return content
