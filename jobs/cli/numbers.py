"""Whole numbers as options of the command line, within bounds."""

from __future__ import annotations

import argparse
from collections.abc import Callable


def whole(least: int, most: int) -> Callable[[str], int]:
    """The type of an option whose value is a whole number from `least` to `most`.

    Example:
        >>> whole(1, 9)("7")
        7
    """

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(f"expected a whole number from {least:,} to {most:,}, found '{text[:40]}'")
        return number

    return read
