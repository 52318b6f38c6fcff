"""Rows of arrays over draws and items."""

import numpy as np

from ralm.training.seed_draws import draw_row, row_item


def test_rows_are_one_an_item_and_draw() -> None:
    draws, items = np.meshgrid(np.arange(3), np.arange(5), indexing="ij")
    rows = draw_row(draws, items, 5)
    assert rows.reshape(-1).tolist() == list(range(15))  # all items of draw 0 first
    assert np.array_equal(row_item(rows, 5), items)
