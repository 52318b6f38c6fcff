"""The files and items of published protocols: which ads MetaHeac judges, how MovieLens 1M is divided."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

# MetaHeac's `data/process.py`: half of the ads, drawn after random.seed(2021), are for training.
METAHEAC_SEED = 2021
# The first 60 ratings of a new film are three batches of 20, by which it is warmed up.
FIRST = 60
# Shares of the old films' ratings before the end of each day: for histories, the user model and the look-alike model.
DAYS = np.array([0.5, 0.7, 1.0])
FIRST_DAY = np.datetime64("2000-01-01T00:00:00", "us")


@dataclass(frozen=True)
class Division:
    """Which films are old, and which are new; films with fewer ratings are neither.

    Attributes:
        old: least ratings of an old film.
        new: least ratings of a new film.
    """

    old: int
    new: int


# Meta-Embedding: 1,058 and 1,127 films, the 3,828 batches of 200 and 46 batches of 25 films in its notebook.
META_EMBEDDING = Division(300, 80)
# CVAR's `movielens1M_preprocess.ipynb`: more than 200 ratings, and at least 60.
CVAR = Division(201, 60)


def metaheac_test_ads(ads: Sequence[int]) -> list[int]:
    """The ads that MetaHeac judges: those that its script does not draw for training.

    The script numbers the ads from 0 in their order and gives `random.sample` the set of the numbers, which runs in
    that order.

    Args:
        ads: all ids in its two logs, in any order.
    """
    ordered = sorted(set(ads))
    drawn = random.Random(METAHEAC_SEED).sample(range(len(ordered)), len(ordered) // 2)
    return [ordered[number] for number in sorted(set(range(len(ordered))) - set(drawn))]


def tencent_ads(folder: Path) -> list[int]:
    """The ads of train.csv and test1_truth.csv, which has no header."""
    found: set[int] = set()
    for name, header in (("train.csv", None), ("test1_truth.csv", ["aid", "uid", "label"])):
        read = pa_csv.ReadOptions(column_names=header)
        kept = pa_csv.ConvertOptions(include_columns=["aid"])
        with pa_csv.open_csv(folder / name, read_options=read, convert_options=kept) as batches:
            for batch in batches:
                found.update(pc.unique(batch.column("aid")).to_pylist())
    return sorted(found)


def warm_up_pairs(
    item: NDArray[np.str_], order: NDArray[np.float64], division: Division, seed: int
) -> tuple[NDArray[np.datetime64], list[str]]:
    """When each pair happens in the made-up days of the protocol, and the new items.

    An old item's pairs fall on the first three days by chance. Of a new item the first 60 pairs fall on the third day,
    a second apart, and the others on the fourth. The pairs of items that are neither fall on the fifth day, which no
    part of the protocol sees.

    Args:
        item: (pairs,).
        order: (pairs,) what orders an item's pairs: their times.
        division: which items are old and new.
        seed: of the days, and of the order of equal times.
    """
    rng = np.random.default_rng(seed)
    names, index, counts = np.unique(item, return_inverse=True, return_counts=True)
    in_time = np.lexsort((rng.random(len(item)), order, index))
    place = np.empty(len(item), dtype=np.int64)  # (pairs,) from 0 within the item
    place[in_time] = np.arange(len(item)) - np.repeat(np.cumsum(counts) - counts, counts)
    is_new = (counts >= division.new) & (counts < division.old)
    old, new = (counts >= division.old)[index], is_new[index]  # (pairs,)
    early = new & (place < FIRST)
    day = np.full(len(item), len(DAYS) + 1)
    day[old] = np.searchsorted(DAYS, rng.random(int(old.sum())), side="right")
    day[new] = np.where(early[new], len(DAYS) - 1, len(DAYS))
    at = FIRST_DAY + day.astype("timedelta64[D]") + np.where(early, place, 0).astype("timedelta64[s]")
    return at, [str(name) for name in names[is_new]]


def write_films(source: Path, folder: Path, division: Division, seed: int = 1) -> tuple[list[str], bool]:
    """Write users, items and pairs of MovieLens 1M into a folder: the new films, and whether there are ratings.

    Args:
        source: a folder with users.dat, movies.dat and ratings.dat as they are packed, or with users.parquet,
            items.parquet and interactions.parquet, which have pairs of user and film without ratings and times.
        folder: where users.parquet, items.parquet and pairs.parquet are written.
        division: which films are old and new.
        seed: of the made-up days and, where there are no times, of an item's first users.
    """
    rated = (source / "ratings.dat").exists()
    if rated:
        user, item, rating, time = (np.array(column) for column in zip(*_cells(source / "ratings.dat"), strict=True))
        columns = {"user_id": user, "item_id": item, "rating": rating.astype(np.int64)}
        order = time.astype(np.float64)
        users = zip(*(cells[:4] for cells in _cells(source / "users.dat")), strict=True)
        people = dict(zip(("user_id", "gender", "age", "occupation"), map(list, users), strict=True))
        films = [(cells[0], cells[2], int(cells[1].rstrip()[-5:-1])) for cells in _cells(source / "movies.dat")]
        about = dict(zip(("item_id", "genres", "year"), map(list, zip(*films, strict=True)), strict=True))
        pq.write_table(pa.table(people), folder / "users.parquet")
        pq.write_table(pa.table(about), folder / "items.parquet")
    else:
        pairs = pq.read_table(source / "interactions.parquet", columns=["user_id", "item_id"])
        columns = {name: pairs[name].to_numpy().astype(str) for name in ("user_id", "item_id")}
        order = np.zeros(pairs.num_rows)
        for name in ("users", "items"):
            pq.write_table(pq.read_table(source / f"{name}.parquet"), folder / f"{name}.parquet")
    at, new = warm_up_pairs(columns["item_id"], order, division, seed)
    pq.write_table(pa.table({**columns, "at": at}), folder / "pairs.parquet")
    return new, rated


def _cells(path: Path) -> list[list[str]]:
    return [line.split("::") for line in path.read_text(encoding="iso-8859-1").splitlines() if line]
