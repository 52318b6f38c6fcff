"""Byte-order marks, with the encodings that they stand for."""

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
