"""`--suggest` for files of other languages and programs: names, separators, forms of times, JSON that is no lines."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from pyspark.sql import SparkSession

from ralm.config import load_config
from ralm.errors import DataError
from ralm.ingest.column_words import words_of
from ralm.ingest.suggest import suggestion
from tests.ingest.files import read
from tests.ingest.strangers import LOG, cells, when

Make = Callable[[int, int, int, float], list[object]]


def suggested(folder: Path, name: str, content: bytes) -> dict[str, Any]:
    """The first source of events and the impressions, as one; both load."""
    (folder / name).write_bytes(content)
    (folder / "c.yaml").write_text(suggestion([str(folder / name)]), encoding="utf-8")
    load_config(folder / "c.yaml")
    found = yaml.safe_load((folder / "c.yaml").read_text(encoding="utf-8"))["ingest"]
    shown: dict[str, Any] = found["impressions"]
    assert found["events"][0]["columns"]["feature_id"] == shown["columns"]["item_id"]
    return shown


def plain(user: int, item: int, at: int, draw: float) -> list[object]:
    return [f"u{user}", f"p{item}", when(at), int(draw > 0.5)]


@pytest.mark.parametrize(
    "names",
    [
        ("usuario", "artículo", "fecha", "clic"),
        ("utente", "prodotto", "data", "cliccato"),
        ("usuário", "produto", "data_hora", "clicou"),
        ("id_klienta", "id_produktu", "data_zakupu", "klik"),
        ("gebruiker", "artikel", "tijdstip", "geklikt"),
        ("kullanıcı_id", "ürün_id", "tarih", "tıklama"),
        ("användare", "vara", "tid", "klick"),
        ("пользователь", "товар", "время", "клик"),
        ("用户ID", "商品ID", "时间戳", "是否点击"),
        ("ユーザーID", "記事ID", "日時", "クリック"),
        ("사용자ID", "상품ID", "시간", "클릭"),
        ("userID", "artistID", "played_at", "opened"),
    ],
)
def test_names_in_other_languages(tmp_path: Path, names: tuple[str, str, str, str]) -> None:
    shown = suggested(tmp_path, "log.csv", cells(",".join(names), (plain(*row) for row in LOG)))
    columns = shown["columns"]
    assert (columns["user_id"], columns["item_id"], columns["shown_at"]) == names[:3]
    assert names[3] in columns["clicked"]


def test_words_of_names() -> None:
    assert words_of("是否点击") == ["是否点击"]
    assert words_of("用户ID") == ["用户", "id"]
    assert words_of("Usuário") == ["usuario"]
    assert words_of("numéroClient") == ["numero", "client"]
    assert words_of("Größe_łąka") == ["grosse", "laka"]
    assert words_of("ユーザーが") == ["ユーザーが"]


@pytest.mark.parametrize(
    ("write", "form"),
    [
        (lambda t: f"{t / 86_400 + 25_569:.5f}", "Excel"),
        (lambda t: f"{t / 86_400 + 25_569:.5f}".replace(".", ","), "Excel"),
        (lambda t: when(t, "%Y%m%dT%H%M%SZ"), "yyyyMMdd'T'HHmmssX"),
        (lambda t: when(t, "%a %b %d %Y %H:%M:%S GMT+0000"), "EEE MMM d yyyy H:mm:ss 'GMT'xx"),
        (lambda t: when(t, "%b %d, %Y %I:%M %p"), "MMM dd, yyyy hh:mm a"),
        (lambda t: when(t, "%d%b%Y:%H:%M:%S").upper(), "ddMMMyyyy:HH:mm:ss"),
        (lambda t: when(t, "%Y年%m月%d日 %H:%M:%S"), "yyyy年MM月dd日 HH:mm:ss"),
        (lambda t: when(t, "%m/%d/%Y, %I:%M:%S %p"), "MM/dd/yyyy, hh:mm:ss a"),
        (lambda t: when(t, "%y%m%d%H"), "yyMMddHH"),
    ],
)
def test_forms_of_times(tmp_path: Path, write: Callable[[int], str], form: str) -> None:
    rows = ([10**18 + n, f"u{u}", f"i{i}", write(t)] for n, (u, i, t, _) in enumerate(LOG))
    shown = suggested(tmp_path, "log.csv", cells("id;user;item;time", rows, ";"))
    if form == "Excel":
        assert shown["columns"]["shown_at"].startswith("cast(timestamp_seconds(round((try_cast(replace(`time`")
        assert "time_format" not in shown
    else:
        assert (shown["columns"]["shown_at"], shown["time_format"]) == ("time", form)


@pytest.mark.parametrize(
    ("separator", "make", "expected"),
    [
        (" ", lambda u, i, t, p: [u + 1, i + 1, 1 + int(4 * p), t], ("_c0", "_c1", "_c3", "_c2")),
        ("^", lambda u, i, t, p: [f"u{u}", f"i{i}", when(t)], ("_c0", "_c1", "_c2", None)),
        ("\x01", lambda u, i, t, p: [f"u{u}", f"i{i}", when(t)], ("_c0", "_c1", "_c2", None)),
        # Ids of few users are no rating, nor are places of the world.
        ("\t", lambda u, i, t, p: [u, when(t), 30.25 + i, -97.5 - i, 22_000 + i], ("_c0", "_c4", "_c1", None)),
    ],
)
def test_files_without_a_header(
    tmp_path: Path, separator: str, make: Make, expected: tuple[str, str, str, str | None]
) -> None:
    shown = suggested(tmp_path, "000000_0", cells("", (make(*row) for row in LOG), separator))
    columns = shown["columns"]
    assert (columns["user_id"], columns["item_id"], columns["shown_at"]) == expected[:3]
    assert (expected[3] or "none") in columns.get("clicked", "none")
    assert shown["options"].get("sep", "\t") == separator


@pytest.mark.parametrize(
    ("words", "yes"),
    [(("clicked", "not clicked"), "clicked"), (("like", "dislike"), "like"), (("Not_Opened", "Opened"), "opened")],
)
def test_values_that_say_what_was_clicked(tmp_path: Path, words: tuple[str, str], yes: str) -> None:
    """Whatever the column is called."""
    rows = ([f"u{u}", f"p{i}", when(t), words[p > 0.5]] for u, i, t, p in LOG)
    shown = suggested(tmp_path, "log.csv", cells("user,item,ts,status", rows))
    assert shown["columns"]["clicked"] == f"lower(trim(`status`)) IN ('{yes}')"


def test_what_was_shown_and_clicked_in_a_column_of_another_name(tmp_path: Path) -> None:
    rows = ([f"u{u}", f"p{i}", when(t), "click" if p > 0.5 else "impression"] for u, i, t, p in LOG)
    shown = suggested(tmp_path, "log.csv", cells("user,item,ts,status", rows))
    assert shown["columns"]["clicked"] == "`status` IN ('click')"
    kinds = ([f"u{u}", f"p{i}", when(t), "search" if p > 0.5 else "display"] for u, i, t, p in LOG)
    assert "clicked" not in suggested(tmp_path, "log.csv", cells("user,item,ts,channel", kinds))["columns"]


def test_quotes_that_mean_nothing(tmp_path: Path) -> None:
    """Inches and names in lines of tabs: as quotes, they would swallow the lines that follow."""
    rows = [
        f'u{u}\t{when(t)}\ti{i}\t"TV 40" no {i}' if i % 2 else f'u{u}\t{when(t)}\ti{i}\t"Open' for u, i, t, _ in LOG
    ]
    shown = suggested(tmp_path, "log.tsv", "\n".join(["user_id\tts\titem_id\ttitle", *rows]).encode())
    assert shown["options"] == {"quote": ""}
    quoted = [f'"u{u}","{when(t)}","i{i}","a, b"' for u, i, t, _ in LOG]
    assert "options" not in suggested(tmp_path, "log.csv", "\n".join(["user_id,ts,item_id,title", *quoted]).encode())


def test_columns_of_folders_and_tables_of_delta(tmp_path: Path) -> None:
    for day in ("2024-01-01", "2024-01-02"):
        (tmp_path / "ev" / f"day={day}").mkdir(parents=True)
        (tmp_path / "ev" / f"day={day}" / "a.csv").write_bytes(cells("user,item", ([u, i] for u, i, *_ in LOG)))
    found = yaml.safe_load(suggestion([str(tmp_path / "ev")]))["ingest"]
    assert found["impressions"]["columns"] == {"user_id": "user", "item_id": "item", "shown_at": "day"}
    users, items, times = ([row[place] for row in LOG] for place in range(3))
    table = pa.table({"user": users, "item": items, "at": pa.array([t * 10**6 for t in times], pa.timestamp("us"))})
    (tmp_path / "lake" / "_delta_log").mkdir(parents=True)
    (tmp_path / "lake" / "_delta_log" / "00000000000000000000.json").write_text('{"protocol": {}}\n')
    pq.write_table(table, tmp_path / "lake" / "part-0.parquet")
    source = yaml.safe_load(suggestion([str(tmp_path / "lake")]))["ingest"]["events"][0]
    assert (source["path"], source["format"]) == ("lake", "delta")
    assert source["columns"] == {"user_id": "user", "feature_id": "item", "event_time": "at"}


def test_a_name_that_comes_twice(tmp_path: Path) -> None:
    rows = ([f"u{u}", f"i{i}", when(t), u] for u, i, t, _ in LOG)
    shown = suggested(tmp_path, "log.csv", cells("user,item,ts,user", rows))
    assert shown["columns"] == {"user_id": "user0", "item_id": "item", "shown_at": "ts"}


def test_names_that_say_nothing_are_said_to(tmp_path: Path) -> None:
    shown = suggested(tmp_path, "log.csv", cells("a,b,c,d", ([f"e{n}", *plain(*row)[:3]] for n, row in enumerate(LOG))))
    assert shown["columns"] == {"user_id": "b", "item_id": "c", "shown_at": "d"}
    assert "the first column that repeats: no name says what it is, so look at it" in (tmp_path / "c.yaml").read_text()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("header.csv", b"user_id,item_id,ts\n", "there are no rows below its header user_id, item_id, ts"),
        ("lines.txt", b"one-two\nthree-four\n", "one cell in each line, such as 'three-four': no separator was found"),
        (
            "access.log",
            b'10.0.0.1 - - [01/Jan/2024:10:00:00 +0000] "GET /a HTTP/1.1" 200 5\n',
            "the log of a web server",
        ),
    ],
)
def test_what_is_no_table(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=said) as caught:
        suggestion([str(tmp_path / name)])
    assert "\n" not in str(caught.value)


def views() -> list[dict[str, str]]:
    return [{"user": f"u{u}", "video": f"v{i}", "watchedAt": when(t)} for u, i, t, _ in LOG]


@pytest.mark.parametrize("indent", [None, 1])
def test_a_json_array(tmp_path: Path, indent: int | None) -> None:
    shown = suggested(tmp_path, "history.json", json.dumps(views(), indent=indent).encode())
    assert shown["options"] == {"multiLine": "true"}
    assert shown["columns"] == {"user_id": "user", "item_id": "video", "shown_at": "watchedAt"}


@pytest.mark.spark
def test_spark_reads_them_so(spark: SparkSession, tmp_path: Path) -> None:
    """One object with all rows in a list, and Excel's days."""
    (tmp_path / "a").mkdir()
    wrapped = json.dumps({"page": 1, "views": views()}, indent=1)
    suggested(tmp_path / "a", "history.json", wrapped.encode())
    rows = ([f"u{u}", f"i{i}", f"{t / 86_400 + 25_569:.9f}"] for u, i, t, _ in LOG)
    suggested(tmp_path, "log.csv", cells("user;item;time", rows, ";"))
    for folder in (tmp_path / "a", tmp_path):
        found = read(spark, load_config(folder / "c.yaml", ["dates={a0: 0.3, a1: 0.5, a2: 0.7}"]))
        assert not [name for name in found.counts if not name.endswith(".rows")], found.counts
        times = sorted(row["shown_at"] for row in found.impressions.collect())
        assert times == [dt.datetime.fromtimestamp(t, dt.UTC).replace(tzinfo=None) for *_, t, _ in LOG]
