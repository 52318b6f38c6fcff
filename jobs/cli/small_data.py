"""Whether the data of a configuration are small: known before any JVM starts, from the sizes of its files."""

from __future__ import annotations

import re
from pathlib import Path

from ralm.config import Config
from ralm.config.sources import Place

# A million rows of 30 characters; of files that are compressed, a fifth of that.
TEXT_BYTES = 32 * 1024**2
COMPRESSED = 5
USERS = 50_000
_COMPRESSED = {".gz", ".bz2", ".zst", ".xz", ".lz4", ".snappy", ".zip"}


def is_small(config: Config) -> bool:
    """Whether the configured sources are known to have some million rows at most."""
    if config.simulate is not None:
        return config.simulate.users <= USERS
    settings = config.ingest
    if settings is None:
        return False
    sources = [settings.users, settings.items, *settings.events, *settings.all_impressions]
    places = [place for source in sources if source is not None for place in (source, *source.join)]
    total = 0
    for place in places:
        size = _size(place, config.data_root)
        if size is None:
            return False
        total += size
    return total <= TEXT_BYTES


def _size(place: Place, data_root: str) -> int | None:
    """Bytes of a source as text, roughly; None: its files are not on this machine, or it is a table."""
    path = place.path.removeprefix("file://")
    if place.table or re.match(r"^[A-Za-z][A-Za-z0-9+.-]*:", path):
        return None
    root = Path(data_root.removeprefix("file://"))
    if re.match(r"^[A-Za-z][A-Za-z0-9+.-]*:", str(root)):
        return None
    total = 0
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
    return place.format in ("parquet", "delta", "orc") or file.suffix in _COMPRESSED
