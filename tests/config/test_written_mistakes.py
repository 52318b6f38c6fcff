"""What people get wrong when they write a configuration: refused when it is read, in one line, with the place."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from jobs.steps.systems.registry import systems
from ralm.config import load_config
from ralm.config.locations import plain_path
from ralm.config.time_formats import check_quoted_zone, check_time_format, check_time_zone, either_way
from ralm.errors import ConfigError

TINY = Path(__file__).resolve().parents[2] / "conf" / "tiny.yaml"
LOGS: dict[str, Any] = {
    "name": "mine",
    "ingest": {
        "users": {"path": "u.csv", "columns": {"user_id": "uid", "Age": "age"}},
        "items": {"path": "i.csv", "columns": {"item_id": "id", "words": "words"}},
        "events": [
            {"path": "e.csv", "domain": "reading", "columns": {"user_id": "u", "feature_id": "i", "event_time": "t"}},
            {"path": "s.csv", "domain": "shopping", "columns": {"user_id": "u", "feature_id": "i", "event_time": "t"}},
        ],
        "impressions": {"path": "e.csv", "domain": "reading",
                        "columns": {"user_id": "u", "item_id": "i", "shown_at": "t"}},
    },
}  # fmt: skip


def mine(tmp_path: Path, *assignments: str) -> str:
    """The message of the mistakes, or nothing."""
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(LOGS), encoding="utf-8")
    try:
        load_config(path, list(assignments))
    except ConfigError as error:
        return str(error)
    return ""


def test_what_is_written_rightly_is_read(tmp_path: Path) -> None:
    assert mine(tmp_path) == ""
    assert (
        mine(tmp_path, "fields.history=[shopping]", "fields.item_domains=[reading]", "fields.strong_domain=shopping")
        == ""
    )
    assert mine(tmp_path, "fields.item_domains=[]", "fields.strong_domain=shopping") == ""


def test_excluded_fields_are_no_fields_any_more(tmp_path: Path) -> None:
    assert mine(tmp_path, "privacy.excluded_fields=[Age]", "fields.categorical=[]") == ""  # mapped, and not named
    path = tmp_path / "mine.yaml"
    given = load_config(path, ["privacy.excluded_fields=[reading, Age]"])
    assert given.fields.strong_domain == "shopping"  # the first that may be used
    assert list(given.fields.profiles) == ["Age"]  # what `ingest` reads
    used = given.without_excluded()
    assert [field.domain for field in used.fields.history] == ["shopping"]
    assert not used.fields.profiles
    assert used.without_excluded() == used
    plain = load_config(path)
    assert used.digest("fields") != plain.digest("fields")
    assert given.digest("ingest", "fields.categorical") == plain.digest("ingest", "fields.categorical")


@pytest.mark.parametrize(
    ("assignments", "words"),
    [
        # case 53g: a typo would keep held-out items in the events
        (["fields.item_domains=[readin]", "fields.strong_domain=reading"],
         ["fields.item_domains", "'readin'", "meant: 'reading'", "known: reading, shopping"]),
        (["fields.history=[reading, shoping]"], ["fields.history", "no source fills 'shoping'", "meant: 'shopping'"]),
        (["fields.categorical=[Age, town]"], ["no source fills 'town'", "ingest.users.columns"]),
        (["fields.categorical=[]"], ["ingest.users.columns.Age", "mapped but not a field"]),
        (["ingest.users=null", "fields.categorical=[Age]"], ["Age would come from ingest.users, which is left out"]),
        # case 74: names that collide, impossible sizes
        (["ingest.users.columns={user_id: uid, as_of: x}"], ["'as_of' is a column of the tables"]),
        (["fields.history=[reading, shopping, User_Id]", "fields.item_domains=[reading]"],
         ["domain 'User_Id' is a column of the tables"]),
        (["ingest.users.columns={user_id: uid, As_Of: x}"], ["'As_Of' is a column of the tables"]),
        (["ingest.users.columns={user_id: uid, Age: a, age: b}"], ["'Age' and 'age' differ in case only"]),
        (["fields.history=[reading, shopping]", "fields.numeric=[Reading]", "fields.categorical=[Age]"],
         ["'reading' and 'Reading' differ in case only"]),
        (["ingest.items.columns={item_id: id, Published_At: x}"], ["ingest.items.columns", "reserved"]),
        (["ingest.items.columns={item_id: id, 'a b': x}"], ["'a b' is no name for a column"]),
        (["ingest.impressions.domain=Reading", "fields.item_domains=[reading]"], ["differ in case only"]),
        (["user_model.hidden=[0]"], ["user_model.hidden.0", "greater than or equal to 1", "found 0"]),
        (["user_model.hidden=[-5]"], ["user_model.hidden.0", "found -5"]),
        (["comparison.seeds=[0]"], ["comparison.seeds.0"]),
        (["user_model.representations=[reading, reading]"], ["user_model.representations", "'reading' is named twice"]),
        (["comparison.seeds=[5, 5]"], ["comparison.seeds: '5' is named twice"]),
        (["variants={ralm: {}, Ralm: {}}"], ["variants"]),
        (["variants={ralm: {}, oracle: {}}"], ["variants: 'oracle' is the name of another system"]),
        (["spark.driver_memory=lots"], ["spark.driver_memory"]),
        (["dates.a0=2024-02-30"], ["--set dates.a0=2024-02-30", "no such date", "2024-02-30"]),
        (["dates.a0='2024-02-30'"], ["dates.a0"]),
        # case 85: the session's zone is fixed, as is what readers rely on
        (["spark.conf={spark.sql.session.timeZone: America/New_York}"],
         ["spark.conf", "spark.sql.session.timeZone is fixed to UTC", "`time_zone` of the source"]),
        (["spark.conf={spark.sql.ansi.enabled: 'false'}"], ["spark.sql.ansi.enabled is fixed to true"]),
        (["spark.conf={spark.databricks.delta.properties.defaults.enableDeletionVectors: 'true'}"],
         ["is fixed to false"]),
        (["spark.conf={spark.sql.legacy.timeParserPolicy: LEGACY}"], ["is fixed to CORRECTED"]),
        # case 73, 96
        (["warehouse=${NO_SUCH_VARIABLE}/wh"], ["warehouse", "no variable 'NO_SUCH_VARIABLE'"]),
        (["warehouse=file://server/wh"], ["names the machine 'server'", "file:///server/wh"]),
        (["warehouse=''"], ["warehouse"]),
        # case 100
        (["warehouse=a#7", "user_training.loader=petastorm"], ["cannot read paths with '#'", "loader: pyarrow"]),
        (["warehouse=a?b", "lookalike_training.loader=petastorm"], ["lookalike_training.loader", "'?'"]),
        # what may not be used
        (["privacy.excluded_fields=[agee]"], ["no field 'agee'", "meant: 'Age'", "known: reading, shopping, Age"]),
        (["privacy.excluded_fields=[Age, Age]"], ["privacy.excluded_fields: 'Age' is named twice"]),
        (["privacy.excluded_fields=[reading, shopping]"], ["leaves no behaviour domain", "keep one"]),
        (["privacy.excluded_fields=[reading]", "fields.strong_domain=reading"],
         ["'reading' is fields.strong_domain", "name another"]),
        (["privacy.excluded_fields=[shopping]", "user_model.representations=[reading, shopping]"],
         ["'shopping' is in user_model.representations"]),
        (["privacy.minimum=-1"], ["privacy.minimum", "greater than or equal to 0"]),
        *((["ingest.impressions={path: e.csv, time_zone: '" + zone + "', columns: {}}"],
           [f"time_zone '{zone}'", "write a region (Europe/London) or an offset (+01:00)"])
          for zone in ("BST", "IST", "CST", "EST", "MESZ", "", "Europe/berlin", "Mars/Phobos")),
        (["ingest.max_bad_share=1%"], ["ingest.max_bad_share", "(found '1%'): write 0.01"]),
        (["seed={a: 1, a: 2}"], ["--set seed", "key 'a' is given twice"]),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place(tmp_path: Path, assignments: list[str], words: list[str]) -> None:
    message = mine(tmp_path, *assignments)
    assert "\n" not in message
    assert message.startswith(f"configuration {tmp_path}/mine.yaml: ")
    assert all(word in message for word in words), message


def test_a_variant_cannot_have_the_name_of_another_system() -> None:
    for name in ("popularity", "Similarity", "lsh_iv", "similarity_cosine_mean"):
        with pytest.raises(ConfigError, match=f"variants: '{name}' is the name of another system"):
            systems(load_config(TINY, [f"variants={{ralm: {{}}, {name}: {{}}}}"]))
    assert {"ralm", "wide", "popularity"} <= set(systems(load_config(TINY, ["variants={ralm: {}, wide: {}}"])))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        # case 70
        ("name: x\nscoring:\n  items: all\nseed: 1\nscoring:\n  max_items: 3\n", ["'scoring'", "line 2 and in line 5"]),
        ("name: x\nsimulate: {users: 1000, users: 5000}\n", ["'users' is given twice", "line 2"]),
        ("name: x\ndates:\n  a0: 2024-02-30\n", ["line 3", "2024-02-30"]),
        ("name: x\nspark: {conf: {\ta: [}\n", ["not YAML"]),
        ("- a\n", ["expected a mapping"]),
    ],
)
def test_yaml_that_says_something_else(tmp_path: Path, text: str, words: list[str]) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert "\n" not in str(caught.value)
    assert all(word in str(caught.value) for word in [*words, str(path)]), str(caught.value)


@pytest.mark.parametrize(
    ("encoding", "words"),
    [("utf-16", "it is UTF-16"), ("utf-16-be", "UTF-8"), ("cp1252", "line 2 has the byte 0xfc")],
)
def test_a_file_that_is_not_in_utf8(tmp_path: Path, encoding: str, words: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes("name: x\n# Müller\n".encode(encoding))
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert words in str(caught.value) or "not YAML" in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_byte_order_mark_and_anchors_are_read(tmp_path: Path) -> None:
    text = TINY.read_text(encoding="utf-8")
    (tmp_path / "bom.yaml").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert load_config(tmp_path / "bom.yaml").name == "tiny"
    (tmp_path / "anchor.yaml").write_text("simulate: {}\nname: x\nuser_training: &both {processes: 1}\n"
                                          "lookalike_training:\n  <<: *both\n  epochs: 2\n")  # fmt: skip
    config = load_config(tmp_path / "anchor.yaml")
    assert (config.lookalike_training.processes, config.lookalike_training.epochs) == (1, 2)


def test_items_named_twice_count_once_and_it_is_said() -> None:
    """Case 104."""
    config = load_config(TINY, ["scoring.items=[i001, i001, i002]"])
    assert config.scoring.items == ["i001", "i002"]
    assert config.notes == ["scoring.items: 3 names of 2 items; named more than once: i001"]
    assert load_config(TINY).notes == []


def test_paths_as_people_write_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("LAKE", "/lake")
    written = {
        "~/wh": "/home/me/wh", "~": "/home/me", "${LAKE}/wh": "/lake/wh", "file:///x/y": "/x/y", "file:/x": "/x",
        "file://localhost/x": "/x", "FILE:///x": "/x", "s3a://b/k": "s3a://b/k", "w#7/~x": "w#7/~x", "a b": "a b",
        "file://../wh": "../wh", "w:": "w:", "~x.csv": "~x.csv",
    }  # fmt: skip
    assert {text: plain_path(text) for text in written} == written
    config = load_config(TINY, ["warehouse=file:///tmp/wh", "data_root=${LAKE}", "serving.store=~/store"])
    assert (config.warehouse, config.data_root, config.serving.store) == ("/tmp/wh", "/lake", "/home/me/store")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("epoch_m", "epoch_us, epoch_ns"), ("unix", "epoch_s"), ("%Y-%m-%d %H:%M", "write 'yyyy-MM-dd HH:mm'"),
        ("YYYY-MM-dd", "week-based"), ("yyyy-mm-dd", "months are MM"), ("yyyy-MM-DD", "days of the month are dd"),
        ("yyyy-MM-dd hh:mm:ss", "AM or PM"), ("yyyy-MM-dd HH:mm:SS", "seconds are ss"), ("MM-dd HH:mm", "no year"),
        ("yyyy-MM-dd HH:MM:ss", "minutes are mm"), ("yyyy-MM-ddTHH:mm", "text stands in quotes"),
        ("dd EEE yyyy", "weekday"), ("yyyy-MM-dd'T", "not closed"), ("???", "no letters"),
    ],
)  # fmt: skip
def test_formats_that_would_read_times_wrongly(text: str, words: str) -> None:
    with pytest.raises(ValueError, match="known are epoch_s, epoch_ms") as caught:
        check_time_format(text)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["epoch_us", "iso", "EEE MMM dd HH:mm:ss Z yyyy", "dd/MMM/yyyy:HH:mm:ss Z", "yyyyMMdd", "dd.MM.yy HH:mm",
     "yyyy-DDD", "MM/dd/yyyy hh:mm a", "yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "yyyy-MM-dd[ HH:mm]"],
)  # fmt: skip
def test_formats_that_are_read(text: str) -> None:
    assert check_time_format(text) == text


def test_zones_that_mean_one() -> None:
    for zone in ("UTC", "GMT", "Z", "+01:00", "-0530", "UTC+2", "GMT-03:00", "Europe/London", "US/Eastern"):
        assert check_time_zone(zone) == zone
    with pytest.raises(ValueError, match="meant: Europe/Berlin"):
        check_time_zone("Europe/berlin")


def test_a_zone_in_quotes_is_skipped_only_where_it_is_true() -> None:
    for pattern, letter in (("yyyy-MM-dd'T'HH:mm:ss'Z'", "XXX"), ("yyyy-MM-dd HH:mm:ss' UTC'", "z")):
        check_quoted_zone([pattern], "UTC")
        with pytest.raises(ValueError, match=f"in quotes is no zone: write {letter}"):
            check_quoted_zone(["iso", pattern], "Europe/Berlin")
    check_quoted_zone(["yyyy-MM-dd'T'HH:mm:ssXXX"], "Europe/Berlin")


@pytest.mark.parametrize(
    ("formats", "refused"),
    [
        (["d/M/yyyy", "MM/dd/yyyy"], True), (["yyyyMMdd", "yyyyddMM"], True), (["iso", "yyyy-dd-MM HH:mm:ss"], True),
        (["yyyy-dd-MM", "epoch_s", "iso"], True), (["yyyy-MM-dd[ HH:mm]", "yyyy-dd-MM"], True),
        (["iso", "yyyy-MM-dd"], False), (["dd MMM yyyy", "MMM dd yyyy"], False), (["dd/MM/yy", "MM/dd/yyyy"], False),
        (["dd/MM/yyyy", "d/M/yyyy HH:mm", "epoch_ms"], False),
    ],
)  # fmt: skip
def test_days_and_months_either_way_are_seen_however_they_are_written(formats: list[str], refused: bool) -> None:
    assert (either_way(formats) is not None) == refused


def test_options_may_be_what_yaml_makes_of_them(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    users = LOGS["ingest"]["users"] | {"format": "csv", "options": {"header": True, "maxColumns": 3, "sep": ";"}}
    path.write_text(yaml.safe_dump(LOGS | {"ingest": LOGS["ingest"] | {"users": users}}), encoding="utf-8")
    read = load_config(path).ingest
    assert read is not None
    assert read.users is not None
    assert read.users.options == {"header": "true", "maxColumns": "3", "sep": ";"}


@pytest.mark.data
def test_the_listed_cases(cases: Path) -> None:
    with pytest.raises(ConfigError, match="'readin' is neither a domain"):
        load_config(cases / "53g" / "c.yaml")
    assert load_config(cases / "96" / "c.yaml").warehouse == "../shared/cases/96/a b/wh/"
    with pytest.raises(ConfigError, match="cannot read paths with '#'"):
        load_config(cases / "100" / "c.yaml", ["user_training.loader=petastorm"])
