"""Batches that a thread reads while the model trains on those before them."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def read_ahead(items: Iterator[Item], count: int) -> Generator[Item, None, None]:
    """The same items in the same order, of which up to `count` are made before they are asked for.

    Closing the generator ends the thread. What `items` raises is raised in its place.
    """
    pool = ThreadPoolExecutor(1, "read-ahead")
    try:
        coming = deque(pool.submit(next, items, None) for _ in range(count))
        while (item := coming.popleft().result()) is not None:
            coming.append(pool.submit(next, items, None))
            yield item
    finally:
        pool.shutdown(cancel_futures=True)
