"""Files as known programs export them and as public sets have them, a few dozen made-up rows each."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
import json
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

# User, item, second, a number from 0 to 1; in order of time.
Row = tuple[int, int, int, float]


def log(count: int = 90, seed: int = 3) -> list[Row]:
    draw = random.Random(seed)
    rows = [(draw.randrange(15), draw.randrange(9), 1_714_000_000 + draw.randrange(30 * 86_400), draw.random())
            for _ in range(count)]  # fmt: skip
    return sorted(rows, key=lambda row: row[2])


LOG = log()


def when(at: int, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    return dt.datetime.fromtimestamp(at, dt.UTC).strftime(form)


def cells(header: str, rows: Iterable[Sequence[object]], separator: str = ",") -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator)
    writer.writerows([header.split(separator), *rows] if header else rows)
    return text.getvalue().encode()


def lines(rows: Iterable[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def recbole() -> dict[str, bytes]:
    header = "user_id:token\titem_id:token\trating:float\ttimestamp:float"
    items = [[i + 1, f"Film {i}", 1990 + i, "Comedy Drama" if i % 2 else "Crime"] for i in range(9)]
    return {
        "ml.inter": cells(header, ([u, i + 1, round(1 + 4 * p), t] for u, i, t, p in LOG), "\t"),
        "ml.item": cells("item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq", items, "\t"),
    }


def shopify() -> dict[str, bytes]:
    """Of an order with several lines, only the first has a time of payment."""
    header = "Name,Email,Financial Status,Paid at,Currency,Created at,Lineitem quantity,Lineitem name,Lineitem sku,Id"
    orders = [
        [f"#{n}", f"c{u}@shop.example", "paid", f"{when(t)} +0200" if k == 0 else "", "EUR", f"{when(t)} +0200", 1,
         f"Shirt no. {i} - M", f"SH-{(i + k) % 9:03}", 5_000_000_000_000 + n]
        for n, (u, i, t, _) in enumerate(LOG) for k in range(2)
    ]  # fmt: skip
    return {"orders_export.csv": cells(header, orders)}


def analytics() -> dict[str, bytes]:
    """Google Analytics 4, exported from BigQuery: each event has the items that it is about."""
    deeds = ("page_view", "view_item", "add_to_cart", "purchase")
    events = [
        {"event_date": when(t, "%Y%m%d"), "event_timestamp": str(t * 1_000_000), "event_name": deeds[int(4 * p)],
         "event_params": [{"key": "page", "value": {"string_value": f"https://shop.example/{i}"}}],
         "user_pseudo_id": f"{u}1234.{u}5678", "device": {"category": "mobile"},
         "items": [{"item_id": f"SKU{i}", "item_name": f"Thing {i}", "price": 9.5}] if p >= 0.25 else []}
        for u, i, t, p in LOG
    ]  # fmt: skip
    return {"events_20240501.json": lines(events)}


def matomo() -> dict[str, bytes]:
    header = "idvisit,idvisitor,server_time,url,action_type,time_spent_ref_action"
    rows = [[n // 3, f"{u:016x}", when(t), f"https://site.example/{i}.html", n % 2, 9] for n, (u, i, t, _) in
            enumerate(LOG)]  # fmt: skip
    return {"log_link_visit_action.csv": cells(header, rows)}


def lastfm() -> dict[str, bytes]:
    """No header; ids of artists and tracks are missing here and there, their names are not."""
    rows = [[f"user_{u:06}", when(t, "%Y-%m-%dT%H:%M:%SZ"), f"{i:08x}-1c3e" if i % 3 else "", f"Artist {i // 2}",
             f"{i:08x}-2222" if i % 4 else "", f"Song {i}"] for u, i, t, _ in LOG]  # fmt: skip
    return {"plays.tsv": cells("", rows, "\t")}


def yelp() -> dict[str, bytes]:
    reviews = [
        {"review_id": f"r{n:04}", "user_id": f"U{u:04}", "business_id": f"B{i:04}", "stars": float(round(1 + 4 * p)),
         "useful": n % 3, "funny": 0, "text": 'Nice, good\nfood "here".', "date": when(t)}
        for n, (u, i, t, p) in enumerate(LOG)
    ]  # fmt: skip
    places = [
        {"business_id": f"B{i:04}", "name": f"Cafe {i}", "city": "Tucson", "latitude": 32.2, "stars": 4.0,
         "attributes": None, "categories": "Cafes, Food, Coffee & Tea"}
        for i in range(9)
    ]  # fmt: skip
    return {"review.json": lines(reviews), "business.json": lines(places)}


def steam() -> dict[str, bytes]:
    rows = [[900_000 + i, n % 4, when(t, "%Y-%m-%d"), str(p > 0.3).lower(), round(90 * p, 1), 50_000 + u, n]
            for n, (u, i, t, p) in enumerate(LOG)]  # fmt: skip
    games = [[900_000 + i, f"Game {i}, part two", "2021-02-03", "true", "Mostly Positive", 70 + i] for i in range(9)]
    return {
        "recommendations.csv": cells("app_id,helpful,date,is_recommended,hours,user_id,review_id", rows),
        "games.csv": cells("app_id,title,date_release,win,rating,positive_ratio", games),
    }


def netflix() -> dict[str, bytes]:
    parts = [f"{i}:\n" + "".join(f"{1_488_800 + u},{round(1 + 4 * p)},{when(t, '%Y-%m-%d')}\n" for u, j, t, p in LOG
             if i == j) for i in range(9)]  # fmt: skip
    return {"combined_data_1.txt": "".join(parts).encode()}


def instacart() -> dict[str, bytes]:
    """Who ordered stands in one file, what in another; no file has a date."""
    orders = [[n + 1, u + 1, "prior", 1 + n // 15, n % 7, f"{n % 24:02}"] for n, (u, *_) in enumerate(LOG)]
    contents = [[n + 1, 100 + (i + k) % 9, k + 1, n % 2] for n, (_, i, *_) in enumerate(LOG) for k in range(2)]
    return {
        "orders.csv": cells("order_id,user_id,eval_set,order_number,order_dow,order_hour_of_day", orders),
        "contents.csv": cells("order_id,product_id,add_to_cart_order,reordered", contents),
        "products.csv": cells("product_id,product_name,aisle_id", [[100 + i, f"Milk, {i} %", i % 3] for i in range(9)]),
    }


def spotify() -> dict[str, bytes]:
    header = "session_id,session_position,track_id_clean,skip_1,not_skipped,hour_of_day,date,hist_user_behavior_reason"
    rows = [[f"0_{u:08x}-60f8", n % 20 + 1, f"t_{i:08x}", str(p < 0.3).lower(), str(p >= 0.5).lower(), n % 24,
             when(t, "%Y-%m-%d"), "trackdone"] for n, (u, i, t, p) in enumerate(LOG)]  # fmt: skip
    return {"log_0_20180715.csv": cells(header, rows)}


def goodbooks() -> dict[str, bytes]:
    books = [[i + 1, 2_767_052 + i, "Ann, Bo", 2008.0, f"First title {i}" if i % 2 else "", f"Title {i} (#1)", 4.3,
              f"https://img.example/{i}.jpg"] for i in range(9)]  # fmt: skip
    return {
        "ratings.csv": cells("user_id,book_id,rating", ([u, i + 1, round(1 + 4 * p)] for u, i, _, p in LOG)),
        "books.csv": cells("book_id,work_id,authors,year,original_title,title,average_rating,image_url", books),
        "to_read.csv": cells("user_id,book_id", ([u, i + 1] for u, i, *_ in log(40, 5))),
    }


def spreadsheet() -> dict[str, bytes]:
    """Unicode text of a German Excel."""
    header = "Bestellnummer\tKundennummer\tArtikelnummer\tBezeichnung\tUmsatz\tBestelldatum"
    rows = [[n, f"K-{u:05}", f"{i:06}", f"Hose Gr. {i}", "19,90", when(t, "%d.%m.%Y")] for n, (u, i, t, _) in
            enumerate(LOG)]  # fmt: skip
    return {"export.csv": cells(header, rows, "\t").decode().encode("utf-16")}


def amplitude() -> dict[str, bytes]:
    """Users who have not signed in have no id."""
    rows = [
        {"user_id": None if p < 0.1 else f"u{u}", "device_id": f"d-{u}", "event_time": f"{when(t)}.123000",
         "event_type": "Article Opened" if p > 0.5 else "Article Shown", "uuid": f"x{n}",
         "event_properties": {"articleId": f"art-{i}", "section": "sport"}}
        for n, (u, i, t, p) in enumerate(LOG)
    ]  # fmt: skip
    return {"2024-05-01_0.json.gz": gzip.compress(lines(rows))}


def put(folder: Path, files: dict[str, bytes]) -> list[str]:
    """Writes the files; their paths."""
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return [str(folder / name) for name in files]
