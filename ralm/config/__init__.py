"""The typed configuration: one YAML file per data set or deployment, checked before anything runs.

Every key has a type, bounds and a default here; an unknown key is an error. Sections are passed to
constructors as the typed objects defined here, never as dictionaries.
"""

from ralm.config.baselines import Als, Baselines, ClusteredSimilarity, LshIv, Regression, Similarity
from ralm.config.fields import CategoricalField, Dates, Fields, HistoryField
from ralm.config.health import Health
from ralm.config.lineage import Lineage
from ralm.config.load import Config
from ralm.config.models import Lookalike, Training, UserModel, UserSamples, Variant
from ralm.config.outputs import (
    Audience,
    ColdStart,
    Comparison,
    Evaluation,
    Publish,
    Refresh,
    Scoring,
    Serving,
    Spark,
    Stream,
)
from ralm.config.place import Place
from ralm.config.privacy import Privacy
from ralm.config.read import load_config
from ralm.config.section import Identifier, Merge, Section, Share
from ralm.config.sources import (
    EventSource,
    ImpressionSource,
    Ingest,
    ItemSource,
    Join,
    SampledNegatives,
    Source,
    UserSource,
)
from ralm.config.storage import Storage
from ralm.config.tracking import Tracking
from ralm.config.world import Live, Simulate

__all__ = [
    "Als",
    "Audience",
    "Baselines",
    "CategoricalField",
    "ClusteredSimilarity",
    "ColdStart",
    "Comparison",
    "Config",
    "Dates",
    "Evaluation",
    "EventSource",
    "Fields",
    "Health",
    "HistoryField",
    "Identifier",
    "ImpressionSource",
    "Ingest",
    "ItemSource",
    "Join",
    "Lineage",
    "Live",
    "Lookalike",
    "LshIv",
    "Merge",
    "Place",
    "Privacy",
    "Publish",
    "Refresh",
    "Regression",
    "SampledNegatives",
    "Scoring",
    "Section",
    "Serving",
    "Share",
    "Similarity",
    "Simulate",
    "Source",
    "Spark",
    "Storage",
    "Stream",
    "Tracking",
    "Training",
    "UserModel",
    "UserSamples",
    "UserSource",
    "Variant",
    "load_config",
]
