"""Byte-order marks, with the encodings that they stand for; endings of compressed files."""

from __future__ import annotations

import codecs

# The marks of UTF-32 begin like those of UTF-16, so they come first.
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
PACKED_ENDINGS = (".gz", ".bz2", ".zst", ".xz", ".lz4")


def marked(content: bytes) -> bool:
    """Whether the encoding is certain: content begins with a mark."""
    return any(content.startswith(mark) for mark, _ in MARKS)
