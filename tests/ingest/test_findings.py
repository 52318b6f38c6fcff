"""What counts alone say of a source, without Spark."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ralm.config import Config, load_config
from ralm.errors import ConfigError
from ralm.ingest.findings import check_times, findings
from ralm.ingest.source_counts import Ids, SourceCount, Span

EVENTS = {"user_id": "u", "feature_id": "i", "event_time": "t"}
SHOWN = {"user_id": "u", "item_id": "i", "shown_at": "t"}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    log = {"path": "log.csv", "domain": "reading", "time_format": "epoch_s"}
    content = {
        "name": "mine",
        "ingest": {"events": [log | {"columns": EVENTS}], "impressions": log | {"columns": SHOWN}},
    }
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(content))
    return load_config(tmp_path / "c.yaml")


@pytest.mark.parametrize(
    ("rows", "users", "items", "said"),
    [
        (30, 9, 1, ["30 rows are of 1 item (x): is item_id mapped to the right column?"]),
        (30, 1, 9, ["30 rows are of 1 user (x): is user_id mapped to the right column?"]),
        (19, 1, 1, []),  # too few to tell
        (300, 3, 2, ["300 rows are of 3 users (x): is user_id mapped to the right column?"]),
        (300, 5, 2, []),
    ],
)
def test_one_user_or_one_item_tells_nothing(config: Config, rows: int, users: int, items: int, said: list[str]) -> None:
    ids = {"user_id": Ids(users, {"x": 1}), "item_id": Ids(items, {"x": 1})}
    count = SourceCount("impressions", rows, {}, ids=ids, clicks=1)
    found = findings(config, [count])
    assert [check.detail for check in found if "mapped to the right column" in check.detail] == said


@pytest.mark.parametrize(
    ("first", "last", "refused"),
    [(45_292.5, 45_300.0, True), (29_000.0, 45_300.0, False), (45_292.0, 70_000.0, False), (0.0, 2_600_000.0, False)],
)
def test_days_of_excel_as_seconds(config: Config, first: float, last: float, refused: bool) -> None:
    counts = [SourceCount(name, 9, {}, span=Span(first, first, last, last, 9)) for name in ("events[0]", "impressions")]
    if not refused:
        check_times(config, counts)
        return
    with pytest.raises(ConfigError, match="looks like Excel's count of days, as epoch_s it is 1970-01-01"):
        check_times(config, counts)
