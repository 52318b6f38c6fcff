"""Whether the data of a configuration are small: known before any JVM starts, from the sizes of its files."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ralm.config import Config
from ralm.config.locations import is_url
from ralm.config.place import Place
from ralm.ingest.byte_order import PACKED_ENDINGS

ROWS = 200_000
# Rows of 30 characters; of texts that are compressed, a fifth of that.
ROW_BYTES = 30
TEXT_BYTES = ROWS * ROW_BYTES
COMPRESSED = 5


def is_small(config: Config) -> bool:
    """Whether the configured sources are known to have some 200,000 rows at most."""
    world = config.simulate
    if world is not None:
        return world.users * (world.impressions_per_user + world.behaviour_events) <= ROWS
    if config.ingest is None:
        return False
    sizes = [_size(place, config.data_root) for source in config.ingest.sources for place in (source, *source.join)]
    return all(size is not None for size in sizes) and sum(size or 0 for size in sizes) <= TEXT_BYTES


def _size(place: Place, data_root: str) -> int | None:
    """Bytes of a source as text, roughly; None: its files are not on this machine, or it is a table."""
    if place.table or is_url(place.path) or is_url(data_root):
        return None
    root, path, total = Path(data_root), place.path, 0
    try:
        for found in [root / path] if (root / path).exists() else root.glob(path):
            for file in [found] if found.is_file() else found.rglob("*"):
                total += _text_bytes(place, file)
                if total > TEXT_BYTES:
                    return total
    except (OSError, ValueError, NotImplementedError):  # an absolute pattern; a folder that cannot be read
        return None
    return total


def _text_bytes(place: Place, file: Path) -> int:
    """Bytes of a file as text; a Parquet file says how many rows it has, which its size does not."""
    size = file.stat().st_size
    if place.format not in ("parquet", "delta"):
        return size * COMPRESSED if file.name.endswith(PACKED_ENDINGS) else size
    try:
        rows: int = pq.read_metadata(file).num_rows
    except pa.ArrowException:  # a log's entry, or a damaged file, of which ingest says what is wrong
        return size
    return rows * ROW_BYTES
