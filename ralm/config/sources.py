"""Where the data comes from: raw logs mapped by expressions."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from ralm.config.place import Place
from ralm.config.section import Identifier, Section, sized
from ralm.config.time_formats import TimeZone, check_quoted_zone, check_time_formats

# What exports write for a missing value, lower case; the last is a device id that its owner switched off.
NULL_MARKERS = (
    "\\n", "null", "(null)", "<null>", "nil", "nan", "none", "(none)", "n/a", "na", "#n/a", "<na>", "-", "--",
    "undefined", "(not set)", "not set", "[null]", "00000000-0000-0000-0000-000000000000",
)  # fmt: skip


class Join(Place):
    """Rows that complete those of a source, such as the products of a log of orders: at most one per row of it."""

    on: list[str] = Field(min_length=1, description="columns that are equal in both; one name or a list")
    columns: list[str] = Field(min_length=1, description="the columns to add")

    @model_validator(mode="before")
    @classmethod
    def _on(cls, content: Any) -> Any:
        """YAML reads a bare `on` as true."""
        if isinstance(content, dict) and True in content:
            return {"on" if key is True else key: value for key, value in content.items()}
        return content

    @field_validator("on", "columns", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value


class Source(Place):
    """Rows of one layout and the Spark SQL expressions that map them to a table's columns."""

    key_columns: ClassVar[tuple[str, ...]]

    explode: str | None = Field(
        default=None,
        description="a Spark SQL expression of an array: each of its elements makes a row, in the column `element`",
    )
    join: list[Join] = Field(default_factory=list, description="other files to look rows up in; one or a list")
    where: str | None = Field(default=None, description="Spark SQL condition on the raw columns: the rows kept")
    columns: dict[str, str] = Field(
        description="target column -> raw column, or Spark SQL expression over the raw columns"
    )
    time_format: str | list[str] | None = Field(
        default=None,
        description="epoch_s, epoch_ms, epoch_us, epoch_ns, iso, or a Spark datetime pattern; of a list (at "
        "most 20), the first that fits counts for each row; default: the column is a timestamp or an ISO-8601 string",
    )
    time_zone: TimeZone = Field(default="UTC", description="zone of times without a zone")

    @field_validator("time_format")
    @classmethod
    def _readable(cls, value: str | list[str] | None) -> str | list[str] | None:
        check_time_formats(value)
        return value

    @model_validator(mode="after")
    def _zoned(self) -> Source:
        check_quoted_zone(self.time_formats, self.time_zone)
        return self

    @property
    def time_formats(self) -> list[str]:
        """The formats of the times, in the order in which they are tried; empty: a timestamp or an ISO-8601 string."""
        return [self.time_format] if isinstance(self.time_format, str) else list(self.time_format or [])

    @property
    def key(self) -> tuple[str, ...]:
        """Columns in which no two rows may agree, or one is a duplicate; none where seen_at or `keep` chooses a row."""
        return () if "seen_at" in self.columns or getattr(self, "keep", None) == "any" else self.key_columns

    @field_validator("join", mode="before")
    @classmethod
    def _joins(cls, value: Any) -> Any:
        return [value] if isinstance(value, dict) else value


class EventSource(Source):
    """Rows saying that a user acted on a thing. Columns: user_id, feature_id, event_time (unless untimed)."""

    key_columns = ("user_id", "domain", "feature_id", "event_time")
    domain: Identifier | None = Field(default=None, description="the behaviour domain of all rows of this source")

    @model_validator(mode="after")
    def _domain_once(self) -> EventSource:
        if (self.domain is None) == ("domain" not in self.columns):
            raise ValueError("give the behaviour domain once: as `domain`, or as a column expression `domain`")
        return self


class ImpressionSource(Source):
    """Rows saying that an item was shown to a user.

    Columns: user_id, item_id, shown_at (unless untimed), clicked (a boolean expression; if left out, every row is a
    click and non-clicks are sampled, see `sampled_negatives`).
    """

    key_columns = ("user_id", "item_id", "shown_at")
    domain: Identifier = Field(default="feed", description="the behaviour domain in which items are shown")


class UserSource(Source):
    """Profiles. Columns: user_id, the columns named in `fields.categorical` and `fields.numeric`, optional seen_at.

    With seen_at (the time of the row) a user may have many rows, as in a log, of which one is kept. Without it, a
    second row of the same user is a duplicate and goes to quarantine.
    """

    key_columns = ("user_id",)
    keep: Literal["newest", "oldest", "any"] = Field(
        default="newest",
        description="which row a user keeps, by seen_at; any: one of them, always the same",
    )

    @model_validator(mode="after")
    def _columns(self) -> UserSource:
        _expect_columns(self.columns, {"user_id"}, None)
        return self


class ItemSource(Source):
    """Items. Columns: item_id; optional published_at, categories, seen_at, what people know them by (title, url and
    image), and numeric features (any other name).

    With `keep` an item may have many rows, as in a log, of which one is kept. Without it, a second row of the same item
    is a duplicate and goes to quarantine.
    """

    key_columns = ("item_id",)
    keep: Literal["newest", "oldest", "any"] | None = Field(
        default=None,
        description="which row an item keeps, by seen_at (then newest by default); any: one of them, always the same",
    )
    category_separator: str | None = Field(
        default=None,
        min_length=1,
        description="splits a string of categories; left out: an array, or one category per row",
    )

    @model_validator(mode="after")
    def _columns(self) -> ItemSource:
        _expect_columns(self.columns, {"item_id"}, None)
        if self.keep in ("newest", "oldest") and "seen_at" not in self.columns:
            raise ValueError(f"keep: {self.keep} is by the column seen_at, which is not mapped; or keep: any")
        return self


def _expect_columns(columns: dict[str, str], required: set[str], optional: set[str] | None) -> None:
    """Check that all required targets are mapped, and besides them only optional ones (None: any)."""
    missing = sorted(required - columns.keys())
    unknown = [] if optional is None else sorted(columns.keys() - required - optional)
    if missing or unknown:
        known = sorted(required) + sorted(optional or ())
        raise ValueError(f"columns: missing {missing}, unknown {unknown}; targets are {known}")


class SampledNegatives(Section):
    """Non-clicks for logs that hold only clicks: items drawn from those alive in the hour of the click."""

    per_click: int = sized(4, ge=1, le=100, description="sampled non-clicks per click")
    bucket: Literal["auto", "hour", "day", "week", "all"] = Field(
        default="auto",
        description="items are drawn from those clicked in the same bucket; auto: hours, or days or weeks where most "
        "clicks are in hours or days with less than a hundred",
    )
    slots: int = sized(10_000, ge=100, le=1_000_000, description="resolution of the draw, at most so many per bucket")


class Ingest(Section):
    """Raw logs -> users, items, events, impressions, quarantine."""

    users: UserSource | None = None
    items: ItemSource | None = None
    events: list[EventSource] = Field(min_length=1, description="one source, or a list of them")
    impressions: ImpressionSource = Field(description="one source, or a list of them, each with its domain")
    more_impressions: list[ImpressionSource] = Field(
        default_factory=list, description="the second and further sources of a list under `impressions`"
    )
    untimed: bool | Literal["auto"] = Field(
        default="auto",
        description="true: the log has no times, or they are dropped: each (user, item) gets one of 100 sentinel days "
        "by hash, equal in events and impressions, so that histories, seeds and labels are disjoint parts; false: "
        "times are kept; auto: true if no source names times, or if `dates` are not set and none split the log well",
    )
    not_after: dt.datetime | None = Field(
        default=None, description="times after this are 'future' (UTC; default: the moment of the run)"
    )
    sampled_negatives: SampledNegatives = SampledNegatives()
    null_markers: list[str] = Field(
        default=[*NULL_MARKERS],
        description="texts that stand for a missing value, in any case; blanks of any kind always do",
    )
    busy_id_share: float = Field(
        default=0.05,
        gt=0,
        le=1,
        description="an id with a larger share of a source's rows, and ten times the mean, is reported by name",
    )
    max_bad_share: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="stop if a larger share of a source's rows is bad (duplicates not counted)",
    )

    @field_validator("events", mode="before")
    @classmethod
    def _one_event_source(cls, value: Any) -> Any:
        return [value] if isinstance(value, dict) else value

    @model_validator(mode="before")
    @classmethod
    def _several_impressions(cls, content: Any) -> Any:
        listed = content.get("impressions") if isinstance(content, dict) else None
        if not isinstance(listed, list):
            return content
        if not listed:
            raise ValueError("impressions: at least one source is needed")
        return {**content, "impressions": listed[0], "more_impressions": listed[1:]}

    @model_validator(mode="after")
    def _columns(self) -> Ingest:
        """A timed log names its times; an untimed log must not, since they would be silently dropped."""
        event_time, shown_at = ({"event_time"}, {"shown_at"}) if self.timed else (set(), set())
        for source in self.events:
            _expect_columns(source.columns, {"user_id", "feature_id"} | event_time, {"domain"})
        for shown in self.all_impressions:
            _expect_columns(shown.columns, {"user_id", "item_id"} | shown_at, {"clicked"})
        if len({"clicked" in shown.columns for shown in self.all_impressions}) > 1:
            raise ValueError("impressions: `clicked` is mapped in all sources, or in none (then every row is a click)")
        return self

    @property
    def one_log(self) -> bool:
        """Whether events and impressions are read from the same files."""
        return {(one.path, one.table) for one in self.events} == {(one.path, one.table) for one in self.all_impressions}

    @property
    def all_impressions(self) -> list[ImpressionSource]:
        """Every source of impressions."""
        return [self.impressions, *self.more_impressions]

    @property
    def sources(self) -> list[Source]:
        """Every source that is mapped."""
        every = [self.users, self.items, *self.events, *self.all_impressions]
        return [source for source in every if source is not None]

    @property
    def timed(self) -> bool:
        """Whether the sources name times: all of them do, or none."""
        if self.untimed != "auto":
            return not self.untimed
        named = [*("event_time" in source.columns for source in self.events)]
        named += ["shown_at" in shown.columns for shown in self.all_impressions]
        return any(named)
