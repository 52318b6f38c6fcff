"""The page of `live`: written after each round, served while the rounds go on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from pyspark.sql import functions as F

from jobs.steps.sources.item_names import item_names
from ralm.errors import ConfigError
from ralm.report.world_page import LiveItem, LivePage, PolicyRate, render_live
from ralm.runs.context import Context
from ralm.storage.path import StoragePath

PAGE = "live.html"
SHOWN_ITEMS = 24


def write_page(context: Context) -> StoragePath:
    """Write `<warehouse>/live.html` after the last round."""
    place = StoragePath.at(context.warehouse.path) / PAGE
    place.write_text(render_live(page_data(context)))
    return place


def page_data(context: Context) -> LivePage:
    """What the page shows: the newest items with their rounds, and the policies' click rates per round."""
    items = context.warehouse.read("live_items").orderBy("round").collect()  # one row per round and shown item
    exposures = context.warehouse.read("live_exposures")
    counted = [F.count("*").alias("shown"), F.count_if("clicked").alias("clicks")]
    chosen = exposures.where("NOT explored")
    by_item = chosen.groupBy("item_id", "policy").agg(*counted).collect()
    by_round = chosen.groupBy("round", "policy").agg(*counted).orderBy("round").collect()
    rates = {(row["item_id"], row["policy"]): (row["clicks"], row["shown"]) for row in by_item}
    shown = context.config.live.policies
    found: dict[str, LiveItem] = {}
    for row in items:
        before = found.get(row["item_id"])
        rounds = [] if before is None else list(before.rounds)
        seeds = [] if before is None else list(before.seeds)
        systems = [] if before is None else list(before.systems)
        found[row["item_id"]] = LiveItem(
            row["item_id"],
            row["categories"],
            row["published_at"],
            [*rounds, row["round"]],
            [*seeds, row["seeds"]],
            [*systems, row["system"]],
            row["audience"],
            {policy: rates.get((row["item_id"], policy), (0, 0)) for policy in shown},
        )
    newest = sorted(found.values(), key=lambda item: item.published_at, reverse=True)[:SHOWN_ITEMS]
    names = item_names(context.spark, context.warehouse.read("items"), [item.item_id for item in newest])
    newest = [replace(item, title=names[item.item_id].title) if item.item_id in names else item for item in newest]
    policies = []
    for policy in shown:
        own = [row for row in by_round if row["policy"] == policy]
        columns = ([row[name] for row in own] for name in ("round", "clicks", "shown"))
        policies.append(PolicyRate(policy, *columns))
    return LivePage(context.config.name, max(r["round"] for r in items), max(r["at"] for r in items), newest, policies)


@contextmanager
def page_server(context: Context, port: int) -> Iterator[str | None]:
    """Serve the page on this machine while the block runs; yields its address, or None for port 0.

    Raises:
        ConfigError: the port is taken.
    """
    if port == 0:
        yield None
        return
    place = StoragePath.at(context.warehouse.path) / PAGE

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = (
                place.read_bytes() if place.exists() else b"<meta http-equiv=refresh content=5>The first round is on."
            )
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:
            pass

    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    except OSError as error:
        raise ConfigError(f"--port {port}: {error.strerror}; give another one, or 0 for the file alone") from error
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
