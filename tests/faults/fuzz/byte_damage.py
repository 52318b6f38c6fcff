"""Ways in which a file of bytes is spoilt: disks, copies that broke off, other files in its place."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random

from tests.faults.fuzz.text_damage import Damage, cut, drop_piece, empty, end_lines, flip, insert, repeat_piece


def zeros(content: bytes, drawn: random.Random) -> bytes:
    """A block of zeros, as file systems leave it after a crash."""
    at, length = drawn.randrange(len(content) + 1), drawn.choice([1, 16, 512, 4096])
    length = min(length, len(content) - at)
    return content[:at] + b"\x00" * length + content[at + length :]


def swap_blocks(content: bytes, drawn: random.Random) -> bytes:
    """Two blocks are in each other's place."""
    size = drawn.choice([4, 64, 512])
    blocks = [content[at : at + size] for at in range(0, len(content), size)] or [b""]
    one, other = drawn.randrange(len(blocks)), drawn.randrange(len(blocks))
    blocks[one], blocks[other] = blocks[other], blocks[one]
    return b"".join(blocks)


def flip_end(content: bytes, drawn: random.Random) -> bytes:
    """A byte of the last 64, where formats keep their directories."""
    last = min(64, len(content))
    return content[: len(content) - last] + flip(content[len(content) - last :], drawn)


def append(content: bytes, drawn: random.Random) -> bytes:
    """More than there was."""
    return content + drawn.choice([b"\x00", b"\n", b"x" * 100, content, drawn.randbytes(300)])


def compress(content: bytes, drawn: random.Random) -> bytes:
    """Packed once more, rightly or not."""
    packed = drawn.choice([gzip.compress, bz2.compress, lzma.compress])(content)
    return drawn.choice([packed, packed[: len(packed) // 2], packed + b"x", packed[:12], packed + packed])


def noise(content: bytes, drawn: random.Random) -> bytes:
    """Anything else of the same length."""
    return drawn.randbytes(min(len(content), 10_000))


BYTES: dict[str, Damage] = {
    damage.__name__: damage
    for damage in (
        *(flip, cut, drop_piece, insert, repeat_piece, zeros, swap_blocks, flip_end, append, compress, noise, empty),
        end_lines,
    )
}
