"""Tables of users and items whose ids are written unlike those of the logs are told."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from ralm.ingest import meeting
from ralm.ingest.preview import preview
from ralm.ingest.tables import ingest
from tests.ingest.worlds import LOG, make, write

pytestmark = pytest.mark.spark
PEOPLE = [{"uid": "1", "town": "x", "age": "3"}, {"uid": "2", "town": "y", "age": "5"}]
USERS = "0 of 3 users of the logs are in it (the logs have 'u1', it has '1'): are ids written alike?"
ITEMS = "2 of 3 items of the logs are in it (the logs have 'i3', it has 'i9')"


@pytest.mark.long
def test_no_id_of_a_table_is_in_the_logs(spark: SparkSession, tmp_path: Path) -> None:
    items = [{"id": name, "published": "", "tags": "", "words": ""} for name in ("i1", "i2", "i9")]
    config = make(tmp_path, user_rows=PEOPLE, item_rows=items)
    result = ingest(spark, config)
    assert f"users: {USERS}" in result.told
    assert f"items: {ITEMS}" in result.told
    assert {check.name: check.passed for check in result.checks if check.name.startswith("met:")} == {
        "met:users": False,
        "met:items": True,
    }
    assert f"! users: {USERS}" in preview(spark, config).lines


def test_of_many_ids_a_sample_is_looked_at(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meeting, "LOOKED_AT", 5)
    log = [row | {"uid": f"u{n}"} for row in LOG[:1] for n in range(100)]
    result = ingest(spark, make(tmp_path, user_rows=[PEOPLE[0] | {"uid": str(n)} for n in range(100)], log=log))
    assert any("users of the logs in a sample of one in" in line and "0 of" in line for line in result.told)


@pytest.mark.long
def test_users_of_events_and_impressions_who_never_meet(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path / "acts.csv", [row | {"uid": f"00{row['uid']}"} for row in LOG])
    found = ingest(spark, make(tmp_path, events__0__path="acts.csv"))
    detail = "0 of 3 users of the impressions are in the events (the impressions have 'u1', the events have '00u1')"
    assert f"events: {detail}: are ids written alike?" in found.told
    assert not next(check.passed for check in found.checks if check.name == "met:events")
    same = ingest(spark, make(tmp_path))
    assert not any("impressions are in the events" in line for line in same.told)
