"""Ways in which a text file is spoilt: by hand, by editors, by copies that broke off."""

from __future__ import annotations

import random
from collections.abc import Callable

Damage = Callable[[bytes, random.Random], bytes]

STRANGE = [
    *("\t", "\x00", "\x07", "\x1b[31m", "\x7f", "\x85", "\u2028", "\u00a0", "\ufeff", "\u202e", "é", "💡", "\u0301"),
    *("'", '"', "{", "}", "[", "]", ":", ": ", ",", "#", "&a ", "*a", "!", "!!python/name:os.system ", "|", ">", "%"),
    *("@", "`", "-", "- ", "? ", "<<: ", "---\n", "...\n", "\r", "\r\n", "\n", "~", "0x", "1_000", "12:30:45", ".inf"),
]  # fmt: skip


def _place(content: bytes, drawn: random.Random) -> int:
    return drawn.randrange(len(content) + 1)


def flip(content: bytes, drawn: random.Random) -> bytes:
    """Some bytes are others."""
    spoilt = bytearray(content)
    for _ in range(min(len(spoilt), drawn.choice([1, 1, 2, 8]))):
        spoilt[drawn.randrange(len(spoilt))] = drawn.randrange(256)
    return bytes(spoilt)


def cut(content: bytes, drawn: random.Random) -> bytes:
    """The end is missing."""
    return content[: _place(content, drawn)]


def behead(content: bytes, drawn: random.Random) -> bytes:
    """The beginning is missing."""
    return content[_place(content, drawn) :]


def insert(content: bytes, drawn: random.Random) -> bytes:
    """A sign that means something, somewhere."""
    at = _place(content, drawn)
    return content[:at] + drawn.choice(STRANGE).encode() + content[at:]


def drop_piece(content: bytes, drawn: random.Random) -> bytes:
    """A few bytes are missing."""
    at = _place(content, drawn)
    return content[:at] + content[at + drawn.choice([1, 1, 2, 5, 40]) :]


def repeat_piece(content: bytes, drawn: random.Random) -> bytes:
    """A piece is there twice."""
    at, length = _place(content, drawn), drawn.choice([1, 4, 40, 400])
    return content[: at + length] + content[at:]


def _lines(content: bytes) -> list[bytes]:
    return content.splitlines(keepends=True) or [b""]


def drop_line(content: bytes, drawn: random.Random) -> bytes:
    """A line is missing."""
    lines = _lines(content)
    del lines[drawn.randrange(len(lines))]
    return b"".join(lines)


def repeat_line(content: bytes, drawn: random.Random) -> bytes:
    """A line is there twice, or very often."""
    lines = _lines(content)
    at = drawn.randrange(len(lines))
    return b"".join(lines[:at] + [lines[at]] * drawn.choice([2, 2, 3, 500]) + lines[at + 1 :])


def swap_lines(content: bytes, drawn: random.Random) -> bytes:
    """Two lines are in each other's place."""
    lines = _lines(content)
    one, other = drawn.randrange(len(lines)), drawn.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return b"".join(lines)


def indent(content: bytes, drawn: random.Random) -> bytes:
    """A line begins further in or further out."""
    lines = _lines(content)
    at = drawn.randrange(len(lines))
    lines[at] = drawn.choice([b" ", b"  ", b"\t", b"    ", b""]) + lines[at].lstrip(b" ")
    return b"".join(lines)


def end_lines(content: bytes, drawn: random.Random) -> bytes:
    """Lines end as on another machine."""
    return content.replace(b"\n", drawn.choice([b"\r\n", b"\r", b"\n\n", b"\x00\n", "\u2028".encode(), b"\x85"]))


def encode(content: bytes, drawn: random.Random) -> bytes:
    """The text in another encoding, with or without the mark of the byte order."""
    text = content.decode("utf-8", errors="replace") + drawn.choice(["", "é", "中"])
    wanted = drawn.choice(["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "latin-1", "utf-7", "cp037"])
    return text.encode(wanted, errors="replace")


def empty(content: bytes, drawn: random.Random) -> bytes:
    """Next to nothing is left."""
    return drawn.choice(
        [b"", b"\n", b" ", b"\x00", b"\x00" * 4096, b"\xef\xbb\xbf", b"#", b"---", b"null", b"\xff\xfe"]
    )


TEXT: dict[str, Damage] = {
    damage.__name__: damage
    for damage in (
        *(flip, flip, cut, behead, insert, drop_piece, repeat_piece, drop_line, repeat_line),
        *(swap_lines, indent, end_lines, encode, empty),
    )
}


def damaged(content: bytes, drawn: random.Random, ways: dict[str, Damage] = TEXT) -> tuple[str, bytes]:
    """The content spoilt in one to three ways, and their names."""
    names = [drawn.choice(list(ways)) for _ in range(drawn.choice([1, 1, 2, 3]))]
    for name in names:
        content = ways[name](content, drawn)
    return "+".join(names), content
