"""The store of a URL. Only the chosen store's client is imported: a reader of LMDB files needs no Redis client."""

from __future__ import annotations

from ralm.errors import ConfigError, masked
from ralm.serving.store import Store

# File systems of folders, by Hadoop's names.
FOLDERS = ("file", "s3a", "gs", "abfs", "abfss", "hdfs", "viewfs")


def open_store(url: str) -> Store:
    """The store of a URL: redis://…, rediss://…, unix://…, or a folder for LMDB: a path, s3a://…, gs://…, abfss://….

    Raises:
        ConfigError: another scheme, or the store's client is not installed.
    """
    scheme, separator, _ = url.partition("://")
    if scheme in ("redis", "rediss", "unix"):
        try:
            from ralm.serving.redis_store import RedisStore
        except ImportError as error:
            raise _not_installed(url, "redis", error) from error
        return RedisStore(url)
    if separator and scheme not in FOLDERS:
        raise ConfigError(
            f"serving.store {masked(url)}: expected redis://host:port/database, or a folder: a path or s3a://bucket/folder"
        )
    try:
        from ralm.serving.lmdb_store import LmdbStore
    except ImportError as error:
        raise _not_installed(url, "lmdb", error) from error
    return LmdbStore(url)


def _not_installed(url: str, client: str, error: ImportError) -> ConfigError:
    return ConfigError(f"serving.store {masked(url)}: install {client} (pip install 'ralm[{client}]'): {error}")
