"""What the names and patterns of an expression mean: raw columns, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from ralm.errors import ConfigError
from tests.ingest.files import HEADER, ROWS, Files, parts_of

pytestmark = pytest.mark.spark


def test_an_expression_reads_raw_columns_and_no_targets(files: Files) -> None:
    columns = {"user_id": "item_id", "feature_id": "cast(user_id as int)", "event_time": "at"}
    files.write("ev.csv", HEADER + "1,2,2024-01-01 10:00:00\nx,3,2024-01-01 10:00:00\n")
    files.write("imp.csv", "user_id,item_id,shown_at,clicked\nu1,i1,2024-01-03,5\nu1,i2,2024-01-03,x\n")
    files.write("items.csv", "item_id,price\ni1,2\ni2,x\n")
    items = {"path": "items.csv", "format": "csv", "columns": {"item_id": "item_id", "price": "price * 2"}}
    config = files.config({"path": "ev.csv", "columns": columns}, items=items)
    assert config.ingest is not None
    config.ingest.impressions.columns["clicked"] = "cast(clicked as int) >= 4"
    parts = parts_of(files.spark, config, "")
    assert parts["events[0]"].pairs == [("2", "1")]
    assert parts["events[0]"].bad == {"invalid feature_id (`cast(user_id as int)` fails)": 1}
    assert [row["clicked"] for row in parts["impressions"].good] == [True]
    assert parts["impressions"].bad == {"invalid clicked (`cast(clicked as int) >= 4` fails)": 1}
    assert [row["price"] for row in parts["items"].good] == [4.0]
    assert parts["items"].bad == {"invalid price (`price * 2` fails)": 1}


@pytest.mark.parametrize(
    "word", ["user", "current_user", "session_user", "`current_date`", "Current_Timestamp", "from"]
)
def test_a_word_of_sql_is_no_column(files: Files, word: str) -> None:
    files.write("ev.csv", HEADER + ROWS)
    said = f"column '{word.strip('`')}' not found in ev.csv; its columns: user_id, item_id, at"
    columns = {"user_id": f"lower({word})", "feature_id": word, "event_time": "at"}
    settings = ", ".join(
        f"ingest.events[0].{setting}" for setting in ("where", "columns.user_id", "columns.feature_id")
    )
    files.refuses(ConfigError, {"path": "ev.csv", "columns": columns, "where": f"{word} <> 'x'"}, f"{settings}: {said}")


def test_a_column_may_be_called_as_a_word_of_sql(files: Files) -> None:
    files.write("ev.csv", "user,item_id,at\nU1,i1,2024-01-01 10:00:00\n")
    columns = {"user_id": "lower(user)", "feature_id": "concat(item_id, 'user')", "event_time": "at"}
    assert files.pairs({"path": "ev.csv", "columns": columns}) == [("u1", "i1user")]


@pytest.mark.parametrize(("pattern", "remedy"), [("|", "[|]"), ("||", "[|][|]"), (".", "[.]")])
def test_a_bare_sign_is_a_pattern(files: Files, pattern: str, remedy: str) -> None:
    files.write("ev.csv", HEADER + ROWS)
    columns: dict[str, Any] = {"user_id": "user_id", "feature_id": "element", "event_time": "at"}
    source = {"path": "ev.csv", "columns": columns, "explode": f"split(item_id, '{pattern}')"}
    files.refuses(ConfigError, source, "events[0].explode", f"write '{remedy}'")
