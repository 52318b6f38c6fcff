"""The whole of ingest on real files: the tables it gives, and what it refuses."""

import datetime as dt
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from ralm.errors import ConfigError, DataError, MissingInputError
from ralm.ingest.tables import ingest
from ralm.warehouse.schemas import TABLES
from tests.ingest.worlds import ITEMS, LOG, USERS, make, write

pytestmark = pytest.mark.spark


def rows(frame: DataFrame) -> list[tuple[object, ...]]:
    return sorted((tuple(row) for row in frame.collect()), key=str)


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def test_four_tables(spark: SparkSession, tmp_path: Path) -> None:
    result = ingest(spark, make(tmp_path), run_id="run")
    assert rows(result.users) == [
        (dt.date(1970, 1, 1), "u1", "Lyon", 31.0),
        (dt.date(1970, 1, 1), "u2", "Oslo", 44.5),
        (dt.date(1970, 1, 1), "u3", None, None),  # only the log knows u3
        (dt.date(1970, 1, 1), "u9", 'a "quoted", town', None),
    ]
    assert rows(result.items) == [
        ("i1", at("2024-01-01"), ["sport", "news"], None, None, None, 120.0),
        ("i2", at("2024-01-02 11:00"), [], None, None, None, None),  # first seen
        ("i3", at("2024-01-04 10:00"), [], None, None, None, None),
    ]
    assert rows(result.events) == [
        ("u1", "reading", "i1", at("2024-01-02 10:00"), dt.date(2024, 1, 2)),
        ("u3", "reading", "i3", at("2024-01-04 10:00"), dt.date(2024, 1, 4)),
    ]
    assert rows(result.impressions) == [
        ("u1", "i1", at("2024-01-02 10:00"), True, "feed", dt.date(2024, 1, 2)),
        ("u1", "i2", at("2024-01-02 11:00"), False, "feed", dt.date(2024, 1, 2)),
        ("u2", "i1", at("2024-01-03 08:00"), False, "feed", dt.date(2024, 1, 3)),
        ("u3", "i3", at("2024-01-04 10:00"), True, "feed", dt.date(2024, 1, 4)),
    ]
    assert result.quarantine.isEmpty()
    assert result.counts == {"users.rows": 3, "items.rows": 2, "events[0].rows": 2, "impressions.rows": 4}
    assert all(check.passed for check in result.checks)
    sources = [f"bad_share:{name}" for name in ("users", "items", "events[0]", "impressions")]
    assert [check.name for check in result.checks] == [*sources, "met:users"]  # which does not know u3
    for name in ("users", "items", "events", "impressions", "quarantine"):
        listed = [column.name for column in TABLES[name].columns]
        frame: DataFrame = getattr(result, name)
        assert frame.columns[: len(listed)] == listed
        assert TABLES[name].open or frame.columns == listed
        types = {column.name: column.spark_type("string") for column in TABLES[name].columns}
        assert {c: t for c, t in frame.dtypes if c in types} == types


@pytest.fixture(scope="module")
def from_csv(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[object, ...]]]:
    result = ingest(spark, make(tmp_path_factory.mktemp("csv")))
    return {name: rows(getattr(result, name)) for name in ("users", "items", "events", "impressions")}


@pytest.mark.long
@pytest.mark.parametrize("kind", ["tsv", "jsonl", "parquet"])
def test_formats_agree(
    spark: SparkSession, tmp_path: Path, from_csv: dict[str, list[tuple[object, ...]]], kind: str
) -> None:
    for name, content in (("users", USERS), ("items", ITEMS), ("log", LOG)):
        write(tmp_path / f"{name}.{kind}", content, kind)
    paths = {"users": "users", "items": "items", "events__0": "log", "impressions": "log"}
    changes = {f"{section}__format": kind for section in paths}
    changes |= {f"{section}__path": f"{name}.{kind}" for section, name in paths.items()}
    other = ingest(spark, make(tmp_path, **changes))
    for name, expected in from_csv.items():
        assert rows(getattr(other, name)) == expected, name


def test_bad_rows_go_to_quarantine_with_their_reason(spark: SparkSession, tmp_path: Path) -> None:
    bad = [
        {"uid": "", "item": "i1", "time": "2024-01-02 10:00:00", "action": "show"},
        {"uid": "7", "item": " ", "time": "2024-01-02 10:00:00", "action": "show"},
        {"uid": "7", "item": "i1", "time": "yesterday", "action": "show"},
        {"uid": "7", "item": "i1", "time": "10:30", "action": "show"},
        {"uid": "7", "item": "i1", "time": "", "action": "show"},
        {"uid": "7", "item": "i1", "time": "2024-02-01 00:00:01", "action": "show"},
        {"uid": "7", "item": "i1", "time": "0001-01-01 00:00:00", "action": "show"},
        {"uid": "seven", "item": "i1", "time": "2024-01-02 10:00:00", "action": "show"},
        {"uid": "7", "item": "i1", "time": "2024-01-02 10:00:00", "action": ""},
    ]
    good = [{**row, "uid": row["uid"].removeprefix("u")} for row in LOG * 2]
    config = make(tmp_path, user_rows=[{"uid": "1", "town": "x", "age": "old"}, {"uid": "2", "town": "y", "age": "5"}],
                  log=good + bad, max_bad_share=0.9)  # fmt: skip
    result = ingest(spark, config.model_copy(update={"user_id_type": "bigint"}), run_id="run")
    found = {(r["source"], r["reason"]): r["count"] for r in result.quarantine.groupBy("source", "reason").count().collect()}  # fmt: skip  # noqa: E501
    assert found == {
        ("users", "invalid age"): 1,
        ("impressions", "null user_id"): 1,
        ("impressions", "null item_id"): 1,
        ("impressions", "null shown_at"): 1,
        ("impressions", "invalid shown_at"): 3,
        ("impressions", "future shown_at"): 1,
        ("impressions", "invalid user_id"): 1,
        ("impressions", "null clicked"): 1,
        ("impressions", "duplicate"): 4,
        ("events[0]", "duplicate"): 2,
    }
    assert result.counts["impressions.invalid shown_at"] == 3
    assert result.counts["impressions.rows"] == len(good + bad)
    assert result.impressions.count() == len(LOG)
    assert result.users.where("user_id = 1").select("age").collect()[0][0] is None
    row = result.quarantine.where("reason = 'invalid user_id'").collect()[0]
    assert row["row"] == '{"uid":"seven","item":"i1","time":"2024-01-02 10:00:00","action":"show"}'
    assert row["run_id"] == "run"


def test_of_duplicated_impressions_the_click_stays(spark: SparkSession, tmp_path: Path) -> None:
    shown = {"uid": "u1", "item": "i1", "time": "2024-01-02 10:00:00", "action": "show"}
    result = ingest(spark, make(tmp_path, log=[shown, {**shown, "action": "click"}, shown], max_bad_share=0))
    assert [tuple(r) for r in result.impressions.select("item_id", "clicked").collect()] == [("i1", True)]
    refused = result.quarantine.collect()
    assert [r["reason"] for r in refused] == ["duplicate", "duplicate"]
    assert all('"action":"show"' in r["row"] for r in refused)


@pytest.mark.long
def test_an_event_is_one_over_all_sources(spark: SparkSession, tmp_path: Path) -> None:
    base = make(tmp_path)
    assert base.ingest is not None
    source = base.ingest.events[0].model_dump()
    result = ingest(spark, make(tmp_path, events=[source, source]))
    assert result.events.count() == 2
    assert rows(result.quarantine.select("source", "reason")) == [("events[1]", "duplicate")] * 2


def test_too_many_bad_rows_stop_the_job(spark: SparkSession, tmp_path: Path) -> None:
    late = [{**LOG[0], "time": "2025-01-01 00:00:00"}, {**LOG[0], "uid": ""}, {**LOG[0], "uid": ""}]
    with pytest.raises(DataError) as raised:
        ingest(spark, make(tmp_path, log=LOG + late, max_bad_share=0.4))
    message = str(raised.value)
    assert "ingest.impressions: 42.9% of 7 rows are bad (null user_id: 2, future shown_at: 1)" in message
    assert "ingest.events[0]: 60.0% of 5 rows" in message
    assert "max_bad_share 40.0%" in message
    assert message.endswith("nothing was written")
    assert "\n" not in message


def test_a_source_without_rows_stops_the_job(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"ingest\.events\[0\]: no rows"):
        ingest(spark, make(tmp_path, events__0__where="action = 'buy'"))


@pytest.mark.parametrize(
    ("changes", "kind", "expected"),
    [
        ({"events__0__path": "gone.csv"}, MissingInputError, ["ingest.events[0].path", "gone.csv"]),
        (
            {"events__0__columns__user_id": "user", "impressions__columns__item_id": "upper(article)"},
            ConfigError,
            [
                "ingest.events[0].columns.user_id: column 'user' not found in log.csv; its columns: uid, item, time",
                "ingest.impressions.columns.item_id: column 'article' not found",
            ],
        ),
        # Spark knows this word, and `user` above, as functions: here they are columns that are not there.
        ({"impressions__columns__user_id": "current_date"}, ConfigError, ["column 'current_date' not found"]),
        ({"events__0__where": "deed = 'x'"}, ConfigError, ["ingest.events[0].where: column 'deed' not found"]),
        ({"events__0__where": "item"}, ConfigError, ["ingest.events[0].where: a condition (boolean)", "string"]),
        ({"events__0__columns__user_id": "split(uid, '')"}, ConfigError,
         ["events[0].columns.user_id", "is array<string>", "expected a string or a whole number"]),
        ({"events__0__columns__user_id": "cast(1 as boolean)"}, ConfigError, ["is boolean"]),
        ({"impressions__columns__clicked": "map(uid, item)"}, ConfigError, ["columns.clicked", "map<string,string>"]),
        ({"impressions__columns__shown_at": "length(time)"}, ConfigError, ["columns.shown_at", "epoch_s"]),
        ({"events__0__columns__user_id": "concat(uid,"}, ConfigError, ["events[0].columns.user_id", "yntax error"]),
        ({"events__0__columns__user_id": "nonsense(uid)"}, ConfigError, ["events[0].columns.user_id", "nonsense"]),
        ({"users__columns__age": None}, ConfigError, ["ingest.users.columns", "not mapped: ['age']"]),
        ({"users__columns__shoe": "age"}, ConfigError, ["mapped but not a field: ['shoe']"]),
        ({"users": None}, ConfigError, ["ingest.users is left out", "['city', 'age']"]),
        ({"events__0__columns__user_id": "cast(cast(substr(uid, 2) as int) / 0 as string)"}, DataError,
         ["ingest.events[0].columns.user_id", "Division by zero"]),
        ({"impressions__columns__item_id": "cast(cast(item as int) as string)"}, DataError,
         ["ingest.impressions.columns.item_id", "cast(item as int)", "'i1'"]),
    ],
)  # fmt: skip
def test_bad_configurations(
    spark: SparkSession, tmp_path: Path, changes: dict[str, object], kind: type[Exception], expected: list[str]
) -> None:
    with pytest.raises(kind) as raised:
        ingest(spark, make(tmp_path, **changes))
    message = str(raised.value)
    for part in expected:
        assert part in message
    assert "\n" not in message
    assert "SQLSTATE" not in message


def test_a_corrupt_parquet_file_is_named(spark: SparkSession, tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "log.parquet").write_bytes(b"PAR1 but then nothing of the kind")
    changes = {"events__0__path": "log.parquet", "events__0__format": "parquet"}
    with pytest.raises(DataError, match=r"ingest\.events\[0\]\.path.*log\.parquet cannot be read") as raised:
        ingest(spark, make(tmp_path, **changes))
    assert "\n" not in str(raised.value)


def test_a_parquet_file_damaged_inside_is_named(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path / "log.parquet", [{**row, "uid": f"{row['uid']}-{n}"} for n in range(500) for row in LOG], "parquet")
    content = bytearray((tmp_path / "log.parquet").read_bytes())
    content[4:1500] = bytes(1496)  # the footer stays whole, so only the reading of rows fails
    (tmp_path / "log.parquet").write_bytes(bytes(content))
    changes = {"events__0__path": "log.parquet", "events__0__format": "parquet"}
    with pytest.raises(DataError, match=r"log\.parquet cannot be read"):
        ingest(spark, make(tmp_path, **changes))


def test_empty_file(spark: SparkSession, tmp_path: Path) -> None:
    config = make(tmp_path)
    (tmp_path / "log.csv").write_text("")
    with pytest.raises(DataError, match=r"ingest\.events\[0\]\.path.*the file is empty or not csv"):
        ingest(spark, config)


@pytest.mark.long
def test_broken_json_lines_are_quarantined(spark: SparkSession, tmp_path: Path) -> None:
    config = make(tmp_path, impressions__path="log.jsonl", impressions__format="jsonl")
    write(tmp_path / "log.jsonl", LOG, "jsonl")
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"uid": "u1", "item"\n')
    result = ingest(spark, config)
    assert result.counts["impressions.unreadable row"] == 1
    assert '{\\"uid\\": \\"u1\\", \\"item\\"' in result.quarantine.collect()[0]["row"]


def test_without_users_and_items(spark: SparkSession, tmp_path: Path) -> None:
    config = make(tmp_path, users=None, items=None)
    fields = config.fields.model_copy(update={"categorical": [], "numeric": []})
    result = ingest(spark, config.model_copy(update={"fields": fields}))
    assert rows(result.users.select("user_id")) == [("u1",), ("u2",), ("u3",)]
    assert rows(result.items) == [
        ("i1", at("2024-01-02 10:00"), [], None, None, None),
        ("i2", at("2024-01-02 11:00"), [], None, None, None),
        ("i3", at("2024-01-04 10:00"), [], None, None, None),
    ]


@pytest.mark.parametrize(("domains", "items"), [(["reading"], ["i1", "i2", "i3"]), ([], ["i1", "i2"])])
def test_items_that_are_no_behaviour_come_from_impressions(
    spark: SparkSession, tmp_path: Path, domains: list[str], items: list[str]
) -> None:
    config = make(tmp_path, items=None, impressions__where="item != 'i3'")  # i3 is read and never shown
    fields = config.fields.model_copy(update={"item_domains": domains})
    result = ingest(spark, config.model_copy(update={"fields": fields}))
    assert [row[0] for row in rows(result.items)] == items
    assert result.events.count() == 2


@pytest.mark.long
@pytest.mark.parametrize(("keep", "city"), [("newest", "Nice"), ("oldest", "Lyon")])
def test_profiles_from_a_log(spark: SparkSession, tmp_path: Path, keep: str, city: str) -> None:
    profiles = [
        {"uid": "u1", "town": "Lyon", "age": "1", "seen": "2024-01-01"},
        {"uid": "u1", "town": "Nice", "age": "3", "seen": "2024-01-03"},
        {"uid": "u1", "town": "Metz", "age": "2", "seen": "2024-01-02"},
    ]
    changes = {"users__keep": keep, "users__columns__seen_at": "seen"}
    result = ingest(spark, make(tmp_path, user_rows=profiles, **changes))
    assert [tuple(r) for r in result.users.where("user_id = 'u1'").select("city").collect()] == [(city,)]
    assert result.quarantine.isEmpty()  # other moments of a user are not errors


@pytest.mark.long
def test_repeated_users_and_items_are_duplicates(spark: SparkSession, tmp_path: Path) -> None:
    items = [*ITEMS, {**ITEMS[0], "published": "2023-12-01"}]
    result = ingest(spark, make(tmp_path, user_rows=[*USERS, USERS[0]], item_rows=items))
    assert rows(result.quarantine.select("source", "reason")) == [("items", "duplicate"), ("users", "duplicate")]
    assert result.users.count() == 4
    assert result.items.where("item_id = 'i1'").collect()[0]["published_at"] == at("2023-12-01")
