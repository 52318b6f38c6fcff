"""Whether the data of a configuration are small: known before any JVM starts, from the sizes of its files."""

from __future__ import annotations

from pathlib import Path

from ralm.config import Config
from ralm.config.locations import is_url
from ralm.config.place import Place
from ralm.ingest.byte_order import PACKED_ENDINGS

# A million rows of 30 characters; of files that are compressed, a fifth of that.
TEXT_BYTES = 32 * 1024**2
COMPRESSED = 5
USERS = 50_000


def is_small(config: Config) -> bool:
    """Whether the configured sources are known to have some million rows at most."""
    if config.simulate is not None:
        return config.simulate.users <= USERS
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
                total += file.stat().st_size * (COMPRESSED if _is_compressed(place, file) else 1)
                if total > TEXT_BYTES:
                    return total
    except (OSError, ValueError, NotImplementedError):  # an absolute pattern; a folder that cannot be read
        return None
    return total


def _is_compressed(place: Place, file: Path) -> bool:
    return place.format in ("parquet", "delta") or file.name.endswith(PACKED_ENDINGS)
