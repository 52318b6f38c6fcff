"""Which columns `--suggest` takes where names and values say different things."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from pyspark.sql import SparkSession

from ralm.config import load_config
from ralm.ingest.suggest import suggestion
from tests.ingest.files import read

Cells = list[list[object]]


def written(folder: Path, name: str, header: str, rows: Cells, encoding: str = "utf-8") -> str:
    lines = [header, *[",".join(map(str, row)) for row in rows]]
    (folder / name).write_text("\n".join(lines) + "\n", encoding=encoding)
    return str(folder / name)


def sources(*paths: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The first source of events, and the impressions."""
    found = yaml.safe_load(suggestion(paths))["ingest"]
    return found["events"][0], found["impressions"]


def test_an_invoice_is_no_item(tmp_path: Path) -> None:
    """The columns of UCI's Online Retail, times as Excel writes them in the USA."""
    header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
    rows: Cells = [
        [536365 + n // 5, f"{85123 + n % 30}A", "CREAM", n % 9 + 1, f"12/{1 + n // 40}/2010 {8 + n % 10}:{n % 60:02}",
         "2.55", 17850 + n % 40, "France"]
        for n in range(400)
    ]  # fmt: skip
    acted, _ = sources(written(tmp_path, "uci.csv", header, rows))
    assert acted["columns"] == {"user_id": "CustomerID", "feature_id": "StockCode", "event_time": "InvoiceDate"}
    assert acted["time_format"] == "M/d/yyyy H:mm"


def test_kinds_of_devices_are_no_users(tmp_path: Path) -> None:
    kinds = ("desktop", "mobile", "tablet")
    rows: Cells = [[f"s{n % 70}", kinds[n % 3], f"/p/{n % 30}", 1_709_251_200 + n * 60] for n in range(400)]
    acted, _ = sources(written(tmp_path, "log.csv", "session_id,device,page,timestamp", rows))
    assert acted["columns"]["user_id"] == "session_id"


def test_a_birth_is_no_deed_and_a_sparse_time_no_time_of_rows(tmp_path: Path) -> None:
    rows: Cells = [
        [f"{n % 50:05}", f"19{60 + n % 40}-01-02", f"p{n % 20}", f"2024-03-{1 + n % 28:02}"] for n in range(300)
    ]
    acted, _ = sources(written(tmp_path, "crm.csv", "customer_no,birthdate,product,order_dt", rows))
    assert acted["columns"]["event_time"] == "order_dt"
    rows = [[f"u{n % 50}", f"a{n % 20}", 1_709_251_200 + n, "" if n % 5 else 1_709_251_300 + n] for n in range(300)]
    _, shown = sources(written(tmp_path, "ads.csv", "user_id,ad_id,ts,click_time", rows))
    assert shown["columns"]["shown_at"] == "ts"
    assert shown["columns"]["clicked"] == "coalesce(trim(`click_time`), '') <> ''"


@pytest.mark.parametrize(
    ("cells", "condition"),
    [
        (("ja", "nein"), "lower(trim(`clicked`)) IN ('ja')"),
        (("oui", "non", ""), "coalesce(lower(trim(`clicked`)) IN ('oui'), false)"),
        (("x", ""), "coalesce(trim(`clicked`), '') <> ''"),
        (("Y", ""), "coalesce(trim(`clicked`), '') <> ''"),
        (("1", "-1"), "try_cast(`clicked` AS double) > 0"),
        (("0", "1", "2"), "try_cast(`clicked` AS double) > 0"),
        (("yes", "no"), "try_cast(`clicked` AS boolean)"),
        (("1.0", "0.0"), "try_cast(`clicked` AS double) > 0"),
    ],
)
def test_clicks_in_whatever_words(tmp_path: Path, cells: tuple[str, ...], condition: str) -> None:
    rows: Cells = [[f"u{n % 40}", f"i{n % 17}", 1_709_251_200 + n, cells[n % len(cells)]] for n in range(200)]
    acted, shown = sources(written(tmp_path, "log.csv", "user_id,item_id,ts,clicked", rows))
    assert shown["columns"]["clicked"] == acted["where"] == condition


def test_clicks_that_are_not_understood_are_named(tmp_path: Path) -> None:
    rows: Cells = [[f"u{n % 40}", f"i{n % 17}", 1_709_251_200 + n, ("maybe", "later")[n % 2]] for n in range(200)]
    text = suggestion([written(tmp_path, "log.csv", "user_id,item_id,ts,clicked", rows)])
    assert "# clicked has the values maybe, later, which are not understood as yes and no: map it as `clicked`" in text


@pytest.mark.parametrize(
    ("names", "path"),
    [
        (("clicks-2024-03.csv", "clicks-2024-04.csv"), "clicks-2024-*.csv"),
        (("part 0.csv", "part 1.csv"), "part *.csv"),
        (("day1.csv", "day2.csv"), "{day1.csv,day2.csv}"),  # there is a day3 that was not given
    ],
)
def test_files_of_one_layout_are_one_source(tmp_path: Path, names: tuple[str, ...], path: str) -> None:
    rows: Cells = [[f"u{n % 40}", f"i{n % 17}", 1_709_251_200 + n, n % 2] for n in range(50)]
    written(tmp_path, "day3.csv", "user_id,item_id,ts,clicked", rows)
    given = [written(tmp_path, name, "user_id,item_id,ts,clicked", rows) for name in names]
    found = yaml.safe_load(suggestion(given))["ingest"]
    assert [source["path"] for source in found["events"]] == [path]
    assert found["impressions"]["path"] == path


def test_the_letters_of_windows(tmp_path: Path) -> None:
    rows: Cells = [[f"u{n % 40}", ("Preis", "Preis€", "„Buch“")[n % 3], 1_709_251_200 + n] for n in range(50)]
    acted, _ = sources(written(tmp_path, "log.csv", "user_id,item,ts", rows, "cp1252"))
    assert acted["options"] == {"encoding": "windows-1252"}


def test_ticks_of_net_are_no_nanoseconds(tmp_path: Path) -> None:
    rows: Cells = [[f"u{n % 40}", f"i{n % 17}", 638_448_480_000_000_000 + n * 10**7] for n in range(50)]
    text = suggestion([written(tmp_path, "log.csv", "user_id,item_id,time", rows)])
    assert "untimed: true" in text
    assert '# time has values such as "638448480000000000": if they are times, see `time_format`' in text


def test_a_click_beside_its_impression_is_told(tmp_path: Path) -> None:
    rows: Cells = []
    for n in range(60):
        rows.append([1_709_251_200 + n * 60, f"u{n % 20}", f"a{n % 7}", "impression"])
        rows += [[1_709_251_207 + n * 60, f"u{n % 20}", f"a{n % 7}", "click"]] if n % 5 == 0 else []
    text = suggestion([written(tmp_path, "log.csv", "event_time,user_id,ad_id,event_type", rows)])
    assert "in 72 rows, 12 of 12 clicks stand beside a row that says that the user was shown the" in text
    yaml.safe_load(text)


@pytest.mark.spark
def test_spark_reads_them_so(spark: SparkSession, tmp_path: Path) -> None:
    rows: Cells = [[f"u{n % 40}", ("Preis", "Preis€", "„Buch“")[n % 3], 1_709_251_200 + n] for n in range(60)]
    given = [written(tmp_path, f"day{day}.csv", "user_id,item,ts", rows, "cp1252") for day in (1, 2, 3)]
    (tmp_path / "c.yaml").write_text(suggestion(given[:2]), encoding="utf-8")
    result = read(spark, load_config(tmp_path / "c.yaml", ["dates={a0: 0.3, a1: 0.5, a2: 0.7}"]))
    assert result.counts == {"events[0].rows": 120, "impressions.rows": 120}
    items = {row["item_id"] for row in result.impressions.select("item_id").collect()}
    assert items == {"Preis", "Preis€", "„Buch“"}


def test_a_time_of_the_day_with_am_and_pm(tmp_path: Path) -> None:
    rows: Cells = [
        [f"u{n % 40}", f"i{n % 17}", "2024-03-01", f"{n % 12 + 1}:05 {('AM', 'PM')[n % 2]}"] for n in range(50)
    ]
    acted, _ = sources(written(tmp_path, "log.csv", "user_id,item_id,date,time", rows))
    assert acted["columns"]["event_time"] == "concat(`date`, ' ', `time`)"
    assert acted["time_format"] == "yyyy-MM-dd h:mm a"
