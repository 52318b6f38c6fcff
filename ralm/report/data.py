"""Everything that the report shows, as plain values; what is missing leaves its section out."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ralm.evaluation.online_test import Change
from ralm.report.findings import Found, HealthCheck, HistoryCounts, ShownRates


@dataclass(frozen=True)
class MetricRow:
    """A value of the `metrics` table.

    Segments are `all`, `weak` and `strong` (users without and with the strong domain), `head` and `tail` (items), and
    items by their seeds (`10 to 29 seeds`). The oracle of a simulated world is the system `oracle`.
    """

    system: str
    protocol: str
    metric: str
    value: float
    low: float | None = None
    high: float | None = None
    items: int | None = None
    segment: str = "all"


@dataclass(frozen=True)
class Difference:
    """A paired difference system − baseline over common items, with its 95 % interval."""

    baseline: str
    protocol: str
    metric: str
    mean: float
    low: float
    high: float
    items: int
    system: str = "ralm"
    segment: str = "all"

    @property
    def metric_row(self) -> MetricRow:
        """As a row of the table `metrics`: the system is `ralm - popularity`, the value the mean difference."""
        pair = f"{self.system} - {self.baseline}"
        return MetricRow(pair, self.protocol, self.metric, self.mean, self.low, self.high, self.items, self.segment)

    @property
    def outcome(self) -> str:
        """Better, worse, unclear (the interval includes 0) or untested (there is no interval)."""
        if math.isnan(self.low) or math.isnan(self.high):
            return "untested"
        return "better" if self.low > 0 else "worse" if self.high < 0 else "unclear"

    @property
    def verdict(self) -> str:
        """The outcome in plain words."""
        return {
            "better": "better: the interval excludes 0",
            "worse": "worse: the interval excludes 0",
            "unclear": "no clear difference: the interval includes 0",
            "untested": "too few items to tell",
        }[self.outcome]


@dataclass(frozen=True)
class Compared:
    """The systems of `compare`: protocols are `new_items@20`, …, `new_items@half`, by the number of seeds.

    `users_as_of` holds the date as of which users are described, for `new_items` and for `later_clicks`.
    """

    rows: Sequence[MetricRow] = ()
    differences: Sequence[Difference] = ()
    split: str = "test"
    users_as_of: Mapping[str, dt.date] = field(default_factory=dict)


@dataclass(frozen=True)
class UserModelRow:
    """The user model by itself: its ranking of items for users, by merge layer and group of users."""

    merge: str
    users: str
    count: int
    k: int
    precision: float
    recall: float
    auc: float
    representation: str = ""


@dataclass(frozen=True)
class TrainingHistory:
    """Loss and validation AUC of one model over epochs or rounds."""

    model: str
    kind: str  # which figure it belongs to: 'User model', 'Look-alike model'
    unit: str  # 'epoch' or 'round'
    steps: Sequence[float]
    loss: Sequence[float]
    validation_auc: Sequence[float] = ()


@dataclass(frozen=True)
class KeptParts:
    """Which parts of a look-alike model's score validation items kept, and what they gave.

    Attributes:
        model: name of the variant.
        kept: the parts, in words.
        before: the mean of the validation items' figures before any training; None: too few items to tell.
        after: the same of what was kept.
    """

    model: str
    kept: str
    before: float | None
    after: float | None

    @property
    def improved(self) -> bool:
        """Whether something that was learnt is kept."""
        return self.before is not None and self.after is not None and self.after > self.before


@dataclass(frozen=True)
class FieldAttention:
    """Mean attention on each user field, with and without the strong domain."""

    title: str
    domain: str
    fields: Sequence[str]
    strong: Sequence[float]
    weak: Sequence[float]


@dataclass(frozen=True)
class FieldHistogram:
    """The parameters of one field under one merge layer."""

    field: str
    merge: str
    edges: Sequence[float]
    counts: Sequence[float]


@dataclass(frozen=True)
class Exposure:
    """How one source of exposure ('logged', 'recommended', a system) spreads over items."""

    source: str
    items: Sequence[float]
    exposure: Sequence[float]
    gini: float
    tail_share: float
    category_diversity: float | None = None


@dataclass(frozen=True)
class AudienceExample:
    """An item with its audience: the people who would be shown it."""

    item_id: str
    categories: Sequence[str]
    seeds: int
    audience: int
    threshold: float | None = None
    top_users: Sequence[tuple[str, float]] = ()
    edges: Sequence[float] = ()
    counts: Sequence[float] = ()
    title: str | None = None
    url: str | None = None


@dataclass(frozen=True)
class Freshness:
    """The time from an item's newest click to the published audience that counts it, by `refresh`.

    Attributes:
        seconds: one per item and round.
        rounds: how many rounds published something.
        since, until: when the first and the last of them were published (UTC).
    """

    seconds: Sequence[float]
    rounds: int
    since: dt.datetime
    until: dt.datetime

    def quantile(self, level: float) -> float:
        """The age, in seconds, that this share of the audiences does not exceed."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(level * len(ordered)))]


@dataclass(frozen=True)
class RealisedShares:
    """The share of users that each item's exposure threshold lets through.

    Attributes:
        asked: share of the users that should reach the threshold.
        probe: users probed per item.
        shares: of other users at or above the threshold, in a sample.
        low, high: the 95 % interval of each share of all users.
        promised: the bounds between which chance in the probe and the sample alone puts 95 % of the shares.
    """

    asked: float
    probe: int
    shares: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    promised: tuple[float, float]

    @property
    def kept(self) -> int:
        """Items within `promised`."""
        return sum(bool(self.promised[0] <= share <= self.promised[1]) for share in self.shares)


@dataclass(frozen=True)
class SplitPart:
    """A part of the log: what learns from it or is judged on it, and what its users and items had before it.

    Attributes:
        what: the user model, the look-alike model or the evaluation.
        since, until: the part is [since, until).
        labels: rows that it learns from or is judged on.
        users: users with such rows, of a sample.
        without_history: those of them who did nothing before the part.
        items: items shown in the part; 0 for the user model.
        too_young: those of them that nobody clicked before the part.
    """

    what: str
    since: dt.date
    until: dt.date
    labels: int
    users: int
    without_history: int
    items: int = 0
    too_young: int = 0


@dataclass(frozen=True)
class StepTime:
    """A step of the pipeline: its wall time, and table -> rows that it wrote."""

    step: str
    seconds: float
    rows: Mapping[str, int] = field(default_factory=dict)
    state: str = "done"


@dataclass(frozen=True)
class ReportData:
    """A report. Only the first three are needed; `first_figures` are those of `ralm.evaluation.first_figure`.

    `production` is the system that made the audiences; `minimum` is `privacy.minimum` (`ralm.report.few_people`).
    """

    title: str
    configuration: str
    created: dt.datetime
    first_figures: Sequence[str] = ("item_auc",)
    tables: Mapping[str, int] = field(default_factory=dict)
    dates: Mapping[str, dt.date] = field(default_factory=dict)
    split: Sequence[SplitPart] = ()
    strong_domain: str = "strong-domain"
    metrics: Sequence[MetricRow] = ()
    differences: Sequence[Difference] = ()
    compared: Compared | None = None
    user_model: Sequence[UserModelRow] = ()
    histories: Sequence[TrainingHistory] = ()
    kept: Sequence[KeptParts] = ()
    attention: Sequence[FieldAttention] = ()
    histograms: Sequence[FieldHistogram] = ()
    exposure: Sequence[Exposure] = ()
    audiences: Sequence[AudienceExample] = ()
    realised: RealisedShares | None = None
    freshness: Freshness | None = None
    online: Sequence[Change] = ()
    steps: Sequence[StepTime] = ()
    notes: Sequence[str] = ()
    production: str = "ralm"
    found: Found | None = None
    shown_rates: ShownRates | None = None
    history: HistoryCounts | None = None
    health: Sequence[HealthCheck] = ()
    minimum: int = 0
