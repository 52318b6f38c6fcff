"""Raw files in a folder, and what ingest reads of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import DataFrame, Row, SparkSession

from ralm.config import Config
from ralm.errors import RalmError
from ralm.ingest.findings import Check, findings
from ralm.ingest.mapping import REASON, ROW, Mapped
from ralm.ingest.quarantine import default_not_after, quarantined
from ralm.ingest.sources import map_sources
from ralm.ingest.tables import IngestResult, counted, ingest
from ralm.spark.errors import user_errors
from ralm.spark.frames import union

SHOWN = "user_id,item_id,shown_at,clicked\nu1,i2,2024-01-03 10:00:00,1\nu2,i1,2024-01-04 10:00:00,0\n"
HEADER = "user_id,item_id,at\n"
ROWS = "u1,i1,2024-01-01 10:00:00\nu2,i2,2024-01-01 11:00:00\n"


@dataclass(frozen=True)
class Read:
    """What ingest makes its tables of: the rows of all sources, mapped and counted."""

    acted: list[Mapped]
    impressions: DataFrame
    quarantine: DataFrame
    counts: dict[str, int]
    told: list[str]
    checks: list[Check]

    @property
    def events(self) -> DataFrame:
        return union(mapped.good for mapped in self.acted).distinct()


@dataclass(frozen=True)
class Part:
    """A source's rows: the good ones, and how many there are of each reason."""

    good: list[Row]
    bad: dict[str, int]

    @property
    def pairs(self) -> list[tuple[str, str]]:
        return sorted({(row["user_id"], row["feature_id"]) for row in self.good})


def parts_of(spark: SparkSession, config: Config, kind: str = "events") -> dict[str, Part]:
    """Source of a kind -> its rows."""
    assert config.ingest is not None
    found, errors = map_sources(spark, config, config.ingest, config.ingest.not_after or default_not_after())
    if errors:
        raise type(errors[0])("; ".join(map(str, errors)))
    parts = {}
    for mapped in [mapped for mapped, *_ in found if mapped.source.startswith(kind)]:
        with user_errors("ingest", mapped.expressions):
            rows = mapped.frame.drop(ROW).collect()
        bad = Counter(row[REASON] for row in rows if row[REASON] is not None)
        parts[mapped.source] = Part([row for row in rows if row[REASON] is None], dict(bad))
    return parts


def read(spark: SparkSession, config: Config) -> Read:
    """The rows before tables are made of them, which takes most of the time; what is found in them is the same."""
    assert config.ingest is not None
    found = counted(spark, config, config.ingest, config.ingest.not_after or default_not_after())
    counts = {f"{c.source}.rows": c.rows for c in found.counts}
    counts |= {f"{c.source}.{reason}": rows for c in found.counts for reason, rows in c.bad.items()}
    refused = union(map(quarantined, found.sources.all()))
    checks = findings(config, found.counts)
    told = [f"{check.name.partition(':')[2]}: {check.detail}" for check in checks]
    shown = union(mapped.good for mapped in found.sources.impressions)
    return Read(found.sources.events, shown, refused, counts, [*found.notes, *told], checks)


class Files:
    """A folder with the impressions of two users, and events in whatever way a test writes them."""

    def __init__(self, spark: SparkSession, folder: Path) -> None:
        self.spark, self.folder = spark, folder
        self.write("imp.csv", SHOWN)

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def parquet(self, name: str, **columns: pa.Array | list[Any]) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(columns), path)

    def config(self, source: dict[str, Any], **ingest_keys: Any) -> Config:
        columns = {"user_id": "user_id", "feature_id": "item_id", "event_time": "at"}
        shown = {"user_id": "user_id", "item_id": "item_id", "shown_at": "shown_at", "clicked": "clicked"}
        sources = {
            "not_after": "2024-02-01T00:00:00",
            "max_bad_share": 1.0,
            "events": [{"format": "csv", "domain": "reading", "columns": columns} | source],
            "impressions": {"path": "imp.csv", "format": "csv", "columns": shown},
        }
        return Config.model_validate(
            {
                "name": "raw",
                "data_root": str(self.folder),
                "ingest": sources | ingest_keys,
                "dates": {"a0": "2024-01-02", "a1": "2024-01-03", "a2": "2024-01-04"},
                "fields": {"history": ["reading"], "item_domains": ["reading"], "strong_domain": "reading"},
            }
        )

    def read(self, source: dict[str, Any], **ingest_keys: Any) -> Read:
        return read(self.spark, self.config(source, **ingest_keys))

    def ingest(self, source: dict[str, Any], **ingest_keys: Any) -> IngestResult:
        return ingest(self.spark, self.config(source, **ingest_keys))

    def read_all(self, *sources: dict[str, Any]) -> list[Part]:
        """Each source's rows, mapped; a job each, since one of many sources takes longer than all of theirs."""
        events = [self.config(source).model_dump()["ingest"]["events"][0] for source in sources]
        parts = parts_of(self.spark, self.config(sources[0], events=events))
        return [parts[f"events[{number}]"] for number in range(len(sources))]

    def pairs(self, source: dict[str, Any]) -> list[tuple[str, str]]:
        return parts_of(self.spark, self.config(source))["events[0]"].pairs

    def refuses(self, kind: type[RalmError], source: dict[str, Any], *parts: str) -> None:
        with pytest.raises(kind) as raised:
            self.read(source)
        for part in parts:
            assert part in str(raised.value), str(raised.value)
        assert "\n" not in str(raised.value)


def pairs(result: Read) -> list[tuple[str, str]]:
    return sorted((row["user_id"], row["feature_id"]) for row in result.events.collect())


def bad(result: Read) -> dict[str, int]:
    return {
        key.removeprefix("events[0]."): count
        for key, count in result.counts.items()
        if key.startswith("events[0].") and key != "events[0].rows"
    }
