"""The protocols of published tables, each by one command: `make protocols`.

docs/protocols.md says what they are, where they depart from their sources, and what was published.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from benchmarks.published_files import CVAR, META_EMBEDDING, Division, metaheac_test_ads, tencent_ads, write_films

CONF = Path(__file__).resolve().parents[1] / "conf"
SYSTEMS = (
    "ralm",
    "plda",
    "als_fold_in",
    "regression_logistic",
    "information_value",
    "similarity_cosine_mean",
    "cold_start",
    "user_activity",
)


def metaheac(data: Path, folder: Path) -> dict[str, Any]:
    """The configuration for the raw files of Tencent Look-alike 2018, with the ads that MetaHeac's script judges."""
    content = _read("tencent_lookalike")
    held_out = [str(ad) for ad in metaheac_test_ads(tencent_ads(data))]
    print(f"{len(held_out)} ads are held out, as MetaHeac's script draws them", flush=True)
    content["evaluation"]["new_item_share"] = held_out
    return content | {"data_root": str(data.resolve())}


def warm_up(division: Division, data: Path, folder: Path) -> dict[str, Any]:
    """The configuration for MovieLens 1M; without ratings, every pair is a click and users are ranked among all."""
    content = _read("movielens_warm_up")
    held_out, rated = write_films(data, folder, division)
    print(f"{len(held_out):,} films are held out{'' if rated else '; there are no ratings: pairs alone'}", flush=True)
    content["evaluation"]["new_item_share"] = held_out
    if not rated:
        ingest = content["ingest"]
        ingest["events"] = [source for source in ingest["events"] if source["domain"] == "film"]
        del ingest["impressions"]["columns"]["clicked"]
        content["fields"]["item_domains"] = ["film"]
    return content | {"data_root": str(folder.resolve())}


@dataclass(frozen=True)
class Protocol:
    """A published protocol by the name of its paper.

    Attributes:
        folder: of its set beside the others.
        configure: what to run, from the folder of the set and a folder for further files.
    """

    folder: str
    configure: Callable[[Path, Path], dict[str, Any]]


PROTOCOLS = {
    "metaheac": Protocol("tencent_lookalike", metaheac),
    "meta_embedding": Protocol("movielens_1m", partial(warm_up, META_EMBEDDING)),
    "cvar": Protocol("movielens_1m", partial(warm_up, CVAR)),
}


def _read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((CONF / f"{name}.yaml").read_text(encoding="utf-8"))
    return content


def configured(name: str, data: Path, folder: Path, systems: list[str]) -> Path:
    """The configuration of a protocol, written into the folder beside the files that it needs."""
    folder.mkdir(parents=True, exist_ok=True)
    content = PROTOCOLS[name].configure(data, folder)
    content["comparison"]["systems"] = systems
    content["warehouse"] = str((folder / "warehouse").resolve())
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path


def main() -> int:
    """Train as a night does, then compare; `compare` prints the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.protocols", description=__doc__)
    parser.add_argument("protocol", choices=list(PROTOCOLS))
    parser.add_argument("--data", type=Path, help="folder of the set; default: its folder in ../shared/data")
    parser.add_argument("--out", type=Path, default=Path("warehouse/protocols"), help="folder for the warehouse")
    parser.add_argument("--systems", nargs="+", default=list(SYSTEMS), help=f"default: {' '.join(SYSTEMS)}")
    arguments = parser.parse_args()
    name: str = arguments.protocol
    data = arguments.data or Path("../shared/data") / PROTOCOLS[name].folder
    path = configured(name, data, arguments.out / name, arguments.systems)
    for job in ("pipeline", "compare"):
        ended = subprocess.run([sys.executable, "-m", f"jobs.{job}", "--config", str(path)], check=False)
        if ended.returncode:
            return ended.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
