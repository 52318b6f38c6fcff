"""The typed configuration: one YAML file a data set or deployment, checked before anything runs.

Every key has a type, bounds and a default here; an unknown key is an error. Sections are passed to
constructors as the typed objects below, never as dictionaries.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import json
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ralm.errors import ConfigError, MissingInputError

Share = Annotated[float, Field(gt=0, lt=1)]
Merge = Literal["attention", "concat"]
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]


class Section(BaseModel):
    """A part of the configuration: typed, immutable, closed to unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


# --------------------------------------------------------------------------- where the data comes from


class Source(Section):
    """Files of one layout and the Spark SQL expressions that map them to a table's columns."""

    path: str = Field(description="file, folder or glob; relative paths start at data_root")
    format: Literal["parquet", "csv", "tsv", "jsonl"] = "parquet"
    options: dict[str, str] = Field(default_factory=dict, description="options of Spark's reader")
    where: str | None = Field(default=None, description="Spark SQL condition on the raw columns: the rows kept")
    columns: dict[str, str] = Field(
        description="target column -> raw column name or Spark SQL expression over the raw columns"
    )
    time_format: str | None = Field(
        default=None,
        description="'epoch_s', 'epoch_ms' or a Spark datetime pattern; default: the column is a timestamp "
        "or an ISO-8601 string",
    )
    time_zone: str = Field(default="UTC", description="zone of times that carry none")


class EventSource(Source):
    """Rows that say: this user acted on this thing. Columns: user_id, feature_id, event_time (unless untimed)."""

    domain: Identifier | None = Field(default=None, description="the behaviour domain of all rows of this source")

    @model_validator(mode="after")
    def _domain_once(self) -> EventSource:
        if (self.domain is None) == ("domain" not in self.columns):
            raise ValueError("give the behaviour domain once: as `domain` or as a column expression `domain`")
        return self


class ImpressionSource(Source):
    """Rows that say: this item was shown to this user.

    Columns: user_id, item_id, shown_at (unless untimed), clicked (a boolean expression; left out: every row is a
    click and the non-clicks are sampled, see `sampled_negatives`).
    """

    domain: Identifier = Field(default="feed", description="the behaviour domain in which items are shown")


class UserSource(Source):
    """Profiles. Columns: user_id, the columns named in `fields.categorical` and `fields.numeric`, optional seen_at.

    With seen_at (the time of the row) a user may have many rows, as in a log: one of them is kept. Without it a
    second row of the same user is a duplicate and goes to quarantine.
    """

    keep: Literal["newest", "oldest"] = Field(default="newest", description="which row a user keeps, by seen_at")

    @model_validator(mode="after")
    def _columns(self) -> UserSource:
        _expect_columns(self.columns, {"user_id"}, None)
        return self


class ItemSource(Source):
    """Items. Columns: item_id; optional published_at, categories, and numeric features (any other name)."""

    category_separator: str | None = Field(
        default=None,
        min_length=1,
        description="splits a string of categories; left out: an array, or one category a row",
    )

    @model_validator(mode="after")
    def _columns(self) -> ItemSource:
        _expect_columns(self.columns, {"item_id"}, None)
        return self


def _expect_columns(columns: dict[str, str], required: set[str], optional: set[str] | None) -> None:
    """Every required target is mapped, and nothing but the optional ones besides (None: anything)."""
    missing = sorted(required - columns.keys())
    unknown = [] if optional is None else sorted(columns.keys() - required - optional)
    if missing or unknown:
        known = sorted(required) + sorted(optional or ())
        raise ValueError(f"columns: missing {missing}, unknown {unknown}; targets are {known}")


class SampledNegatives(Section):
    """Non-clicks for logs of clicks only: items drawn from those alive at the hour of the click."""

    per_click: int = Field(default=4, ge=1, le=100, description="sampled non-clicks a click")
    bucket: Literal["hour", "day", "all"] = Field(default="hour", description="items alive in the same bucket")
    slots: int = Field(default=10_000, ge=100, le=1_000_000, description="resolution of the draw, slots a bucket")


class Ingest(Section):
    """Raw logs -> users, items, events, impressions, quarantine."""

    users: UserSource | None = None
    items: ItemSource | None = None
    events: list[EventSource] = Field(min_length=1)
    impressions: ImpressionSource
    untimed: bool = Field(
        default=False,
        description="the log has no times: each (user, item) gets one of 100 sentinel days by hash, the same in "
        "events and impressions, so that histories, seeds and labels are disjoint parts",
    )
    not_after: dt.datetime | None = Field(
        default=None, description="times after this are 'future' (UTC; default: the moment of the run)"
    )
    sampled_negatives: SampledNegatives = SampledNegatives()
    max_bad_share: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="share of a source's rows in quarantine (duplicates not counted) that stops",
    )

    @model_validator(mode="after")
    def _columns(self) -> Ingest:
        """A timed log names its times; an untimed one must not, or they would be dropped in silence."""
        event_time, shown_at = (set(), set()) if self.untimed else ({"event_time"}, {"shown_at"})
        for source in self.events:
            _expect_columns(source.columns, {"user_id", "feature_id"} | event_time, {"domain"})
        _expect_columns(self.impressions.columns, {"user_id", "item_id"} | shown_at, {"clicked"})
        return self


class Simulate(Section):
    """The built-in world: a feed with known click probabilities, from per-key hashes."""

    users: int = Field(default=20_000, ge=1_000, le=1_000_000_000)
    items: int = Field(default=1_500, ge=50, le=10_000_000)
    days: int = Field(default=20, ge=4, le=3650, description="days of the impression log")
    start: dt.date = dt.date(2024, 1, 1)
    history_days: int = Field(
        default=10, ge=0, le=365, description="days before the log in which people already read, shop and search"
    )
    topics: int = Field(default=40, ge=2, le=512, description="latent interests")
    impressions_per_user: float = Field(
        default=160, gt=0, le=100_000, description="mean over the log, before repeats of (user, item) are dropped"
    )
    behaviour_events: float = Field(
        default=20, gt=0, le=100_000, description="mean shopping events a user; the other domains in proportion"
    )
    features_per_topic: int = Field(
        default=10, ge=1, le=100_000, description="things to buy, search for, listen to, a topic and domain"
    )
    popularity_exponent: float = Field(
        default=1.1, ge=0, le=5, description="an item's exposure falls as rank^-this among items of the same age"
    )
    age_exponent: float = Field(default=0.5, ge=0, le=5, description="exposure falls as (days since publication)^-this")
    lifetime_days: float = Field(default=20, ge=1, le=3650, description="items older than this are not shown")
    cold_share: float = Field(
        default=0.3,
        ge=0,
        lt=1,
        description="share of users new to the feed: they shop and search, but read nothing until they arrive, in "
        "the later part of the log or after it",
    )


# --------------------------------------------------------------------------- dates and fields


class Dates(Section):
    """A0 < A1 < A2 < A3: dates (UTC midnights), or shares of the impression log rounded to midnights."""

    a0: dt.date | Share = 0.4
    a1: dt.date | Share = 0.6
    a2: dt.date | Share = 0.8
    a3: dt.date | Literal["end"] = "end"

    @model_validator(mode="after")
    def _ordered(self) -> Dates:
        named = (self.a0, self.a1, self.a2)
        shares = [d for d in named if isinstance(d, float)]
        if 0 < len(shares) < len(named):
            raise ValueError("a0, a1 and a2 are either all dates or all shares")
        given = [d for d in (*named, self.a3) if isinstance(d, dt.date)]
        for kind in (given, shares):
            if any(x >= y for x, y in itertools.pairwise(kind)):  # type: ignore[operator]
                raise ValueError(f"a0 < a1 < a2 < a3 is required, found {', '.join(map(str, kind))}")
        return self


class HistoryField(Section):
    """A behaviour domain as a user field: the newest `length` things acted on."""

    domain: Identifier
    length: int = Field(default=30, ge=1, le=1_000, description="newest entries kept a user")
    vocabulary: int = Field(default=200_000, ge=1, le=10_000_000, description="most frequent features with an index")
    out_of_vocabulary: int = Field(default=1, ge=1, le=1_000_000, description="hash buckets that the rest share")


class CategoricalField(Section):
    """A profile column looked up in an embedding table."""

    name: Identifier
    vocabulary: int = Field(default=10_000, ge=1, le=1_000_000)


class Fields(Section):
    """What a user is described by."""

    history: list[HistoryField] = Field(min_length=1)
    categorical: list[CategoricalField] = Field(default_factory=list)
    numeric: list[Identifier] = Field(default_factory=list)
    item_domains: list[Identifier] = Field(
        min_length=1, description="domains whose feature ids are item ids: new items leave these"
    )
    strong_domain: Identifier = Field(description="the domain whose absence makes a user 'weak' in the evaluation")

    @model_validator(mode="after")
    def _known_domains(self) -> Fields:
        domains = [field.domain for field in self.history]
        names = domains + [field.name for field in self.categorical] + self.numeric
        if len(names) != len(set(names)):
            raise ValueError(f"field names must differ, found {sorted(names)}")
        if self.strong_domain not in domains:
            raise ValueError(f"strong_domain '{self.strong_domain}' is not a history field; known: {domains}")
        return self


# --------------------------------------------------------------------------- models and training


class UserSamples(Section):
    """The negative-sampled training set of the user model."""

    max_positives: int = Field(default=50, ge=1, le=1_000, description="positives a user at most (paper: 50)")
    positives_per_row: int = Field(default=10, ge=1, le=1_000, description="P: more positives make further rows")
    negatives: int = Field(default=10, ge=1, le=1_000, description="negatives a positive (paper: 10)")
    redraws: int = Field(default=16, ge=1, le=100, description="draws tried before the nearest free rank is taken")
    validation_share: Share = Field(default=0.1, description="share of the users kept for validation")


class UserModel(Section):
    """User representation learning (paper, section 3.2)."""

    representations: list[Identifier] = Field(min_length=1, description="label domains; one model each, stacked")
    field_dim: int = Field(default=32, ge=2, le=1024, description="m, the width of a field vector")
    attention_dim: int = Field(default=32, ge=1, le=1024, description="t, the attention unit of the merge layer")
    hidden: list[int] = Field(default_factory=lambda: [64])
    user_dim: int = Field(default=32, ge=2, le=1024, description="width of one representation")
    loss: Literal["softmax", "sigmoid"] = "softmax"
    logq: bool = Field(default=False, description="subtract log of the sampling probability from the logits")
    dropout: float = Field(default=0.0, ge=0, lt=1)


class Lookalike(Section):
    """Look-alike learning (paper, section 3.3)."""

    hidden_dim: int = Field(default=64, ge=2, le=1024, description="h, width after the shared transform")
    attention_dim: int = Field(default=32, ge=1, le=1024, description="unit of the global attention")
    dropout: float = Field(default=0.1, ge=0, lt=1)
    alpha: float = Field(default=0.3, ge=0, le=1, description="weight of the global part (paper: 0.3)")
    beta: float = Field(default=0.7, ge=0, le=1, description="weight of the local part (paper: 0.7)")
    user_bias: bool = Field(default=False, description="add a linear term of the user alone to the score")
    loss: Literal["sigmoid", "multiclass"] = Field(
        default="multiclass",
        description="multiclass: sampled users compete for an item (the talk); sigmoid: clicks against non-clicks",
    )
    negative_users: int = Field(default=10, ge=1, le=1_000, description="sampled users a positive (multiclass)")
    clusters: int = Field(default=20, ge=1, le=1_000, description="k, centroids an item (paper: 20, online 100)")
    cluster_iterations: int = Field(default=10, ge=1, le=1_000, description="Lloyd iterations at most")
    seed_cap: int = Field(default=10_000, ge=10, le=100_000, description="K, newest seeds kept an item")
    min_seeds: int = Field(default=10, ge=1, le=10_000, description="items with fewer seeds are not trained or scored")
    rounds: int = Field(default=3, ge=1, le=100, description="cluster, train, cluster, train ...")
    batches_per_round: int | None = Field(
        default=None, ge=1, description="batches a round (the talk: 1,000); default: `training.epochs` epochs"
    )

    @model_validator(mode="after")
    def _weights(self) -> Lookalike:
        if self.alpha + self.beta <= 0:
            raise ValueError("alpha + beta must be above 0")
        return self


class Training(Section):
    """How a model is trained: processes, batches, steps."""

    processes: int = Field(default=2, ge=1, le=1_024, description="DDP ranks")
    batch_size: int = Field(default=256, ge=1, le=1_000_000, description="rows a step over all ranks (paper: 256)")
    epochs: int = Field(
        default=3,
        ge=1,
        le=1_000,
        description="passes over the data (look-alike: a round); the best by validation loss (look-alike: AUC) is kept",
    )
    learning_rate: float = Field(default=1e-3, gt=0, le=10, description="Adam (paper: 0.001)")
    weight_decay: float = Field(default=0.0, ge=0, le=1)
    loader: Literal["petastorm", "pyarrow"] = "petastorm"
    device: Literal["cpu", "cuda"] = "cpu"
    local_mode: bool = Field(default=True, description="ranks on the driver's machine; false: on the executors")
    patience: int | None = Field(
        default=None, ge=1, le=1_000, description="stop after this many epochs without a better validation"
    )
    retries: int = Field(default=1, ge=0, le=10, description="new launches after a failure, from the last checkpoint")


class Variant(Section):
    """One look-alike model to train: over which user model, with which pooling of the seeds."""

    merge: Merge = "attention"
    pooling: Literal["attention", "average"] = Field(
        default="attention", description="average: the mean of all seeds in place of local and global attention"
    )


# --------------------------------------------------------------------------- scoring and evaluation


class Audience(Section):
    """Who gets an item: the top N, the top fraction, or all above the exposure threshold."""

    mode: Literal["top_n", "top_fraction", "threshold"] = "top_fraction"
    top_n: int = Field(default=1_000, ge=1, le=1_000_000_000)
    top_fraction: float = Field(default=0.05, gt=0, le=1)
    include_seeds: bool = Field(default=False, description="keep an item's own seeds in its audience")


class Scoring(Section):
    """score_users: all users against the chosen items."""

    items: list[str] | Literal["newest", "all"] = "newest"
    max_items: int = Field(default=100, ge=1, le=100_000, description="items a run ('newest': by first click)")
    audience: Audience = Audience()
    recommendations: int = Field(default=10, ge=0, le=1_000, description="M items a user; 0: none")
    probe: int = Field(default=1_000, ge=10, le=10_000_000, description="users probed an item for the threshold")
    probe_fraction: float = Field(default=0.05, gt=0, le=1, description="share of the probe above the threshold")
    block: int = Field(default=256, ge=1, le=65_536, description="users a matrix product")
    sample: int = Field(default=100_000, ge=1_000, le=10_000_000, description="users sampled to find the cuts")


class Evaluation(Section):
    """Protocols, and the gate of a release."""

    new_item_share: float = Field(default=0.2, ge=0, lt=1, description="items held out of everything trained")
    max_items: int = Field(default=400, ge=1, le=100_000, description="items ranked over all users, a protocol")
    min_labels: int = Field(default=5, ge=1, description="held-out clickers (and non-clickers) an item needs")
    max_users: int = Field(
        default=1_000_000, ge=1_000, description="candidates ranked, by hash; held-out clickers are always among them"
    )
    bootstrap: int = Field(default=1_000, ge=10, le=100_000, description="resamples over items")
    max_impressions: int = Field(default=1_000_000, ge=1_000, description="labelled pairs scored, by hash")
    gate: float = Field(
        default=0.02, ge=0, le=1, description="a release may lose this much item_auc against the current one"
    )


class Spark(Section):
    """The session's own few settings; everything else belongs into conf/spark/*.conf."""

    master: str | None = Field(default=None, description="only for a session made in Python; default local[*]")
    shuffle_partitions: int = Field(default=8, ge=1, le=1_000_000)
    driver_memory: str = "6g"
    conf: dict[str, str] = Field(default_factory=dict, description="more Spark settings")


class Config(Section):
    """A whole run."""

    name: Identifier
    warehouse: str | None = Field(default=None, description="where tables land; default warehouse/<name>")
    data_root: str = Field(default=".", description="where relative source paths start")
    user_id_type: Literal["string", "bigint"] = Field(default="string", description="user ids stay as they came")
    seed: int = Field(default=1, ge=0, le=2**31 - 1)
    ingest: Ingest | None = None
    simulate: Simulate | None = None
    dates: Dates = Dates()
    fields: Fields
    user_samples: UserSamples = UserSamples()
    user_model: UserModel
    user_training: Training = Training()
    lookalike: Lookalike = Lookalike()
    lookalike_training: Training = Training()
    variants: dict[Identifier, Variant] = Field(
        default_factory=lambda: {
            "ralm": Variant(),
            "ralm_average": Variant(pooling="average"),
            "ralm_concat": Variant(merge="concat"),
        }
    )
    scoring: Scoring = Scoring()
    evaluation: Evaluation = Evaluation()
    spark: Spark = Spark()

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
        if "ralm" not in self.variants:
            raise ValueError("variants: 'ralm' is the one that is released and must be there")
        return self

    @property
    def warehouse_path(self) -> str:
        """Where this configuration's tables land."""
        return self.warehouse or str(Path("warehouse") / self.name)

    def digest(self, *sections: str) -> str:
        """A short hash of the named sections (all of the configuration if none is named)."""
        content = self.model_dump(mode="json")
        chosen = {key: content[key] for key in sections} if sections else content
        return hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()[:12]


def _set(content: dict[str, Any], assignment: str) -> None:
    key, separator, text = assignment.partition("=")
    if not separator or not key.strip():
        raise ConfigError(f"--set {assignment}: expected section.key=value")
    *parents, last = key.strip().split(".")
    node = content
    for parent in parents:
        child = node.setdefault(parent, {})
        if not isinstance(child, dict):
            raise ConfigError(f"--set {assignment}: '{parent}' is not a section")
        node = child
    node[last] = yaml.safe_load(text)


def _describe(error: ValidationError) -> str:
    lines = []
    for problem in error.errors():
        where = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            lines.append(f"{where}: unknown key; see the keys in ralm/config.py or `--help`")
        else:
            message = problem["msg"].removeprefix("Value error, ")
            found = problem.get("input")
            shown = f" (found {found!r})" if isinstance(found, str | int | float | bool) else ""
            lines.append(f"{where + ': ' if where else ''}{message}{shown}")
    return "; ".join(lines)


def load_config(path: str | Path, assignments: list[str] | None = None) -> Config:
    """Read a YAML file and apply `section.key=value` assignments over it.

    Raises:
        MissingInputError: the file does not exist.
        ConfigError: not YAML, an unknown key, a wrong type, a value out of bounds, a contradiction.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise MissingInputError(f"configuration {path}: {error.strerror or error}; give an existing file") from error
    try:
        content = yaml.safe_load(text)
        if not isinstance(content, dict):
            raise ConfigError(f"configuration {path}: expected a mapping of sections")
        for assignment in assignments or []:
            _set(content, assignment)
    except yaml.YAMLError as error:
        raise ConfigError(f"configuration {path}: not YAML: {' '.join(str(error).split())}") from error
    try:
        return Config.model_validate(content)
    except ValidationError as error:
        raise ConfigError(f"configuration {path}: {_describe(error)}") from error
