"""RALM by its defaults beside the other systems, on sets unlike those that it was developed on: `make robust`.

Each set is a part of a public one, or a made retail log, read through a configuration that only says what the data are.
For every set the pipeline and `compare` run; one table has the figures of the test split.
"""

from __future__ import annotations

import argparse
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml

from ralm.warehouse.without_spark import TableFiles

ROOT = Path(__file__).resolve().parents[1]
SYSTEMS = ("ralm", "plda", "als_fold_in", "regression_logistic", "information_value", "user_activity")
SHOWN = ("item_auc", "all_users_auc", "prec@10", "recall@5%")
# What the systems are judged by: among users who were shown an item, sampled non-clicks are those of active users.
FIRST = "recall@5%"
# Exit status of a pipeline that did its work and whose release did not pass the gate.
REFUSED = 3


@dataclass(frozen=True)
class RobustSet:
    """A set to try.

    Attributes:
        name: of the set.
        about: in a few words.
        make: writes the data into a folder and gives the configuration, without name and warehouse; None where the
            public set that it is made of is not there.
    """

    name: str
    about: str
    make: Callable[[Path, Path], dict[str, Any] | None]


def _sampled(column: pa.ChunkedArray, count: int) -> pa.Array:
    values = np.sort(pc.unique(column).to_numpy(zero_copy_only=False))
    return pa.array(np.random.default_rng(1).choice(values, min(count, len(values)), replace=False))


def films(users: int | None, items: int | None) -> Callable[[Path, Path], dict[str, Any] | None]:
    """Part of MovieLens 1M: pairs of user and film without times."""

    def make(data: Path, folder: Path) -> dict[str, Any] | None:
        source = data / "movielens_1m" / "interactions.parquet"
        if not source.exists():
            return None
        pairs = pq.read_table(source, columns=["user_id", "item_id"])
        for name, count in (("user_id", users), ("item_id", items)):
            if count is not None:
                pairs = pairs.filter(pc.is_in(pairs[name], _sampled(pairs[name], count)))
        pq.write_table(pairs, folder / "pairs.parquet")
        return {
            "ingest": {
                "events": [
                    {
                        "path": "pairs.parquet",
                        "domain": "film",
                        "columns": {"user_id": "user_id", "feature_id": "item_id"},
                    }
                ],
                "impressions": {
                    "path": "pairs.parquet",
                    "domain": "film",
                    "columns": {"user_id": "user_id", "item_id": "item_id"},
                },
            }
        }

    return make


def news(days: int, users: int) -> Callable[[Path, Path], dict[str, Any] | None]:
    """The first days of the Globo clicks, of some users."""

    def make(data: Path, folder: Path) -> dict[str, Any] | None:
        source = data / "globo" / "clicks.parquet"
        if not source.exists():
            return None
        clicks = pq.read_table(source, columns=["user_id", "article_id", "click_time"])
        first = pc.min(clicks["click_time"]).as_py()
        start = pa.scalar(first.replace(hour=0, minute=0, second=0, microsecond=0)).cast(clicks["click_time"].type)
        end = pc.add(start, pa.scalar(days * 86_400 * 10**9, pa.duration("ns")).cast(pa.duration("us")))
        clicks = clicks.filter(pc.less(clicks["click_time"], end))
        clicks = clicks.filter(pc.is_in(clicks["user_id"], _sampled(clicks["user_id"], users)))
        pq.write_table(clicks, folder / "clicks.parquet")
        columns = {"user_id": "user_id", "feature_id": "article_id", "event_time": "click_time"}
        shown = {"user_id": "user_id", "item_id": "article_id", "shown_at": "click_time"}
        return {
            "user_id_type": "bigint",
            "ingest": {
                "not_after": "2017-10-13T00:00:00",
                "events": [{"path": "clicks.parquet", "domain": "news", "columns": columns}],
                "impressions": {"path": "clicks.parquet", "domain": "news", "columns": shown},
            },
        }

    return make


def shop(households: int, products: int) -> Callable[[Path, Path], dict[str, Any] | None]:
    """A made retail log: every household buys for half a year, mostly what all buy, a little by its taste."""

    def make(_: Path, folder: Path) -> dict[str, Any]:
        rng = np.random.default_rng(5)
        topics = 12
        taste = rng.dirichlet(np.full(topics, 0.5), households)  # (households, topics)
        popularity = 1.0 / np.arange(1, products + 1) ** 0.9
        about = rng.integers(0, topics, products)
        baskets = rng.lognormal(4.2, 0.8, households).astype(int).clip(5, 800)
        household = np.repeat(np.arange(households), baskets)
        liking = 0.5 + 2.0 * taste[:, about]  # (households, products): weak tastes
        cumulative = np.cumsum(liking * popularity, axis=1)
        draws = rng.random(len(household)) * cumulative[household, -1]
        product = np.array([np.searchsorted(cumulative[h], d) for h, d in zip(household, draws, strict=True)])
        start = np.datetime64("2024-01-01T00:00:00")
        bought = start + rng.integers(0, 180 * 86_400, len(household)).astype("timedelta64[s]")
        pq.write_table(
            pa.table(
                {
                    "household": pa.array([f"h{h}" for h in household]),
                    "product": pa.array([f"p{p}" for p in product]),
                    "bought_at": pa.array(bought.astype("datetime64[us]")),
                }
            ),
            folder / "baskets.parquet",
        )
        columns = {"user_id": "household", "feature_id": "product", "event_time": "bought_at"}
        shown = {"user_id": "household", "item_id": "product", "shown_at": "bought_at"}
        return {
            "ingest": {
                "not_after": "2024-12-31T00:00:00",
                "events": [{"path": "baskets.parquet", "domain": "purchase", "columns": columns}],
                "impressions": {"path": "baskets.parquet", "domain": "purchase", "columns": shown},
            }
        }

    return make


def campaigns(people: int, count: int) -> Callable[[Path, Path], dict[str, Any] | None]:
    """What a marketer has: pages that two kinds of people look at for a month, and campaigns with ten clicks or so."""

    def make(_: Path, folder: Path) -> dict[str, Any]:
        rng = np.random.default_rng(4)
        start = np.datetime64("2024-01-01T00:00:00")

        def written(name: str, person: Any, what: list[str]) -> None:
            at = start + rng.integers(0, 30 * 86_400, len(person)).astype("timedelta64[s]")
            names = pa.array([f"p{one}" for one in person])
            table = {"person": names, "what": pa.array(what), "at": pa.array(at.astype("datetime64[us]"))}
            pq.write_table(pa.table(table), folder / name)

        viewer = np.repeat(np.arange(people), rng.integers(3, 25, people))
        kind = np.where(rng.random(len(viewer)) < 0.8, viewer % 2, 1 - viewer % 2)
        page = 2 * rng.integers(0, 200, len(viewer)) + kind
        written("views.parquet", viewer, [f"page{one}" for one in page])
        campaign = np.repeat(np.arange(count), rng.integers(6, 16, count))
        kind = np.where(rng.random(len(campaign)) < 0.85, campaign % 2, 1 - campaign % 2)
        clicker = 2 * rng.integers(0, people // 2, len(campaign)) + kind
        written("clicks.parquet", clicker, [f"c{one}" for one in campaign])
        viewed = {"user_id": "person", "feature_id": "what", "event_time": "at"}
        clicked = {"user_id": "person", "item_id": "what", "shown_at": "at"}
        return {
            "ingest": {
                "not_after": "2024-12-31T00:00:00",
                "events": {"path": "views.parquet", "domain": "page", "columns": viewed},
                "impressions": {"path": "clicks.parquet", "columns": clicked},
            }
        }

    return make


SETS = (
    RobustSet("films_500", "500 users, all films", films(500, None)),
    RobustSet("films_1000", "1,000 users, all films", films(1_000, None)),
    RobustSet("films_3000_300", "3,000 users, 300 films", films(3_000, 300)),
    RobustSet("news_5_days", "five days of news, 20,000 users", news(5, 20_000)),
    RobustSet("shop", "2,400 households, 1,700 products, weak tastes", shop(2_400, 1_700)),
    RobustSet("shop_300", "2,400 households, 300 products", shop(2_400, 300)),
    RobustSet("campaigns", "3,000 people, 26 campaigns with ten clicks each", campaigns(3_000, 26)),
)


def run_set(found: RobustSet, data: Path, folder: Path) -> list[dict[str, Any]] | None:
    """The metrics of a set's comparison; None where its data are missing."""
    work = folder / found.name
    work.mkdir(parents=True, exist_ok=True)
    content = found.make(data, work)
    if content is None:
        print(f"{found.name}: left out, {data} does not have the set that it is a part of", flush=True)
        return None
    content |= {"name": found.name, "data_root": str(work.resolve()), "warehouse": str((work / "warehouse").resolve())}
    path = work / "config.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    chosen = f"comparison.systems=[{','.join(SYSTEMS)}]"
    for job in ("pipeline", "compare"):
        with (work / f"{job}.log").open("w") as log:
            command = ["./spark-submit.sh", job, "--config", str(path.resolve()), "--set", chosen]
            ended = subprocess.run(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, check=False)
        if ended.returncode == REFUSED:
            print(f"{found.name}: the release was refused: it is not ahead of user activity and chance", flush=True)
        elif ended.returncode:
            last = (work / f"{job}.log").read_text().strip().splitlines()[-1:]
            print(f"{found.name}: {job} ended with {ended.returncode}: {' '.join(last)}", flush=True)
            return None
    metrics = TableFiles(content["warehouse"]).rows("metrics")  # some hundred figures
    return [row for row in metrics if row["split"] == "test"]


def print_table(name: str, rows: Iterable[dict[str, Any]]) -> None:
    """A line per protocol and system: the figures, and whether the difference to RALM is clear."""
    known = {(row["protocol"], row["system"], row["metric"]): row for row in rows}
    for protocol in sorted({protocol for protocol, _, _ in known if protocol.startswith(("new_items@", "later"))}):
        for system in SYSTEMS:
            values = [known.get((protocol, system, metric)) for metric in SHOWN]
            if not any(values):
                continue
            shown = "".join(f"{row['value']:>15.4f}" if row else f"{'':>15}" for row in values)
            against = known.get((protocol, f"ralm - {system}", FIRST))
            clear = "" if against is None or against["low"] is None else _clear(against["low"], against["high"])
            print(f"{name:<16}{protocol:<18}{system:<22}{shown}  {clear}", flush=True)


def _clear(low: float, high: float) -> str:
    if low > 0:
        return "RALM is ahead"
    return "RALM is behind" if high < 0 else "no clear difference"


def main() -> None:
    """Run the sets and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.robust", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the public sets")
    parser.add_argument("--out", type=Path, default=Path("warehouse/robust"), help="folder for data and warehouses")
    parser.add_argument("sets", nargs="*", help=f"names; default: all of {', '.join(found.name for found in SETS)}")
    arguments = parser.parse_args()
    chosen = [found for found in SETS if not arguments.sets or found.name in arguments.sets]
    header = "".join(f"{metric:>15}" for metric in SHOWN)
    print(f"{'set':<16}{'protocol':<18}{'system':<22}{header}  by {FIRST}", flush=True)
    for found in chosen:
        rows = run_set(found, arguments.data, arguments.out)
        if rows is not None:
            print_table(found.name, rows)


if __name__ == "__main__":
    main()
