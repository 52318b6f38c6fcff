"""The first bytes of text files, and what they tell: compression, encoding, and what is no text at all."""

from __future__ import annotations

import bz2
import codecs
import io
import lzma
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyspark.sql import SparkSession

from ralm.errors import ConfigError, DataError
from ralm.ingest.byte_order import marked
from ralm.ingest.files import SourceFile
from ralm.ingest.recognition import compression_of, encoding_of, foreign, is_utf8, opened
from ralm.spark.errors import user_errors

SIZE = 64 * 1024
# Nothing of a compressed block is known before all of it is read: bzip2's have up to 900 kB, zstd's 128 kB, lz4's 4 MB.
_BLOCKS = {"bzip2": 1024 * 1024, "zstd": 256 * 1024, "lz4": 4 * 1024 * 1024 + SIZE}
_READERS = 16

_ENDINGS = {"gz": "gzip", "bz2": "bzip2"}  # what Spark decompresses by the ending of the name
_CODECS = ("zst", "deflate", "snappy", "lz4", "lzo", "xz", "z")


@dataclass(frozen=True)
class Head:
    """The beginning of a text file.

    Attributes:
        file: whose.
        content: its first bytes, decompressed.
        whole: these are all.
        compression: by content; empty: none.
        native: Spark decompresses it by its name, or need not.
        encoding: by its byte-order mark or zero bytes, else as the source says.
    """

    file: SourceFile
    content: bytes
    whole: bool
    compression: str
    native: bool
    encoding: str

    @property
    def text(self) -> str:
        """The content as text; what cannot be decoded becomes U+FFFD."""
        decoder = codecs.getincrementaldecoder(self.encoding)(errors="replace")
        return decoder.decode(self.content, final=self.whole)


def read_heads(spark: SparkSession, files: list[SourceFile], encoding: str | None, where: str) -> list[Head]:
    """The heads of files, read in parallel on the driver: 64 kB each.

    Args:
        encoding: what the source says; a byte-order mark in the file wins.
        where: the setting, for messages.

    Raises:
        ConfigError: an unknown encoding.
        DataError: a file that is no text, or damaged.
    """
    try:
        b"a".decode(encoding or "utf-8", errors="replace")
    except LookupError:
        raise ConfigError(
            f"{where}: unknown options.encoding '{encoding}'; known are UTF-8, UTF-16, ISO-8859-1, …"
        ) from None

    def head(file: SourceFile) -> Head:
        with user_errors(where):
            first = first_bytes(spark, file.path, SIZE)
            if block := _BLOCKS.get(compression_of(first)):
                first = first_bytes(spark, file.path, block)
            return _head(file, first, encoding, where)

    with ThreadPoolExecutor(_READERS) as pool:
        return list(pool.map(head, files))


def first_bytes(spark: SparkSession, path: str, count: int) -> bytes:
    """The first bytes of a file, as they are stored."""
    jvm = spark._jvm
    assert jvm is not None
    place = jvm.org.apache.hadoop.fs.Path(path)
    stream = place.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration()).open(place)
    try:
        return bytes(stream.readNBytes(count))
    finally:
        stream.close()


def _head(file: SourceFile, raw: bytes, encoding: str | None, where: str) -> Head:
    place = where if where.endswith(file.name) else f"{where}: {file.name}"
    if what := foreign(raw):
        raise DataError(f"{place}: is {what}")
    compression = compression_of(raw)
    ending = file.path.rpartition(".")[2]
    if not compression and ending.lower() in _CODECS and b"\x00" in raw[:4096]:
        raise DataError(f"{place}: its compression (.{ending}) cannot be read here: compress it with gzip")
    try:
        content, whole = _decompressed(raw, compression, len(raw) >= file.size)
    except (OSError, EOFError, zlib.error, lzma.LZMAError, pa.ArrowException) as error:
        raise DataError(f"{place}: its {compression} is damaged ({error}): replace it") from error
    if what := foreign(content):
        raise DataError(f"{place}: is {what}")
    shown = encoding_of(content)
    # A mark in the file wins over what the source says, a guess does not.
    found = (shown if shown is not None and (encoding is None or marked(content)) else encoding) or "utf-8"
    if b"\x00" in content[:4096] and found.startswith(("utf-8", "UTF-8")):
        raise DataError(f"{place}: is no text; look at `format`, or at options.encoding")
    if _one_byte(found) and _reads_as_utf8(content, whole):
        raise DataError(f"{place}: is UTF-8, and options.encoding says {found}: leave options.encoding out")
    native = compression == _ENDINGS.get(ending, "") and ending not in _CODECS  # Spark heeds the case of endings
    return Head(file, content, whole, compression, native, found)


def _one_byte(encoding: str) -> bool:
    """Whether each byte is a letter: in other encodings these two are none, or one."""
    return not is_utf8(encoding) and len(b"\xe3\xa1".decode(encoding, "replace")) == 2


def _reads_as_utf8(content: bytes, whole: bool) -> bool:
    """Whether it has letters other than ASCII, all in UTF-8; it may end inside of a letter."""
    try:
        return not content.isascii() and bool(codecs.getincrementaldecoder("utf-8")().decode(content, final=whole))
    except UnicodeDecodeError:
        return False


def _decompressed(raw: bytes, compression: str, all_read: bool) -> tuple[bytes, bool]:
    """The first bytes of the content, and whether they are all."""
    if not compression:
        return raw, all_read
    if compression == "gzip":
        stream: Any = zlib.decompressobj(31)
        content = stream.decompress(raw, SIZE)
        return content, all_read and stream.eof and not stream.unused_data
    if compression in ("bzip2", "xz"):
        stream = bz2.BZ2Decompressor() if compression == "bzip2" else lzma.LZMADecompressor()
        content = stream.decompress(raw, SIZE)
        return content, all_read and stream.eof and not stream.unused_data
    content = opened(io.BytesIO(raw), compression).read(SIZE)
    return content, all_read and len(content) < SIZE


def in_bytes(encoding: str) -> bool:
    """Whether Spark's reader of cells knows it, and ends lines at its bytes."""
    return is_utf8(encoding) or codecs.lookup(encoding).name == "iso8859-1"
