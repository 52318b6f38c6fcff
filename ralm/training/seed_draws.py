"""Rows of arrays that hold every item once per draw of its seeds: all items of draw 0 first."""

from __future__ import annotations

from typing import Any


def draw_row(draw: Any, item: Any, items: int) -> Any:
    """The row of an item in a draw; arguments and result are integers, arrays of them or Spark columns.

    Args:
        draw: 0 … draws - 1.
        item: the index of the item, 0 … items - 1.
        items: how many items there are.
    """
    return draw * items + item


def row_item(row: Any, items: int) -> Any:
    """The item of a row, whatever its draw: undoes `draw_row`."""
    return row % items
