import threading
from collections.abc import Iterator

import pytest

from ralm.training.read_ahead import read_ahead


def test_items_keep_their_order_and_are_made_by_another_thread() -> None:
    makers = set()

    def items() -> Iterator[int]:
        for number in range(20):
            makers.add(threading.current_thread().name)
            yield number

    assert list(read_ahead(items(), 3)) == list(range(20))
    assert threading.current_thread().name not in makers


def test_no_more_than_asked_are_made_ahead_and_closing_ends_the_thread() -> None:
    made = []

    def endless() -> Iterator[int]:
        while True:
            made.append(len(made))
            yield made[-1]

    before = threading.active_count()
    found = read_ahead(endless(), 3)
    assert [next(found), next(found)] == [0, 1]
    found.close()
    assert len(made) <= 5
    assert threading.active_count() == before


def test_an_error_comes_in_its_place() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("unreadable")

    found = read_ahead(broken(), 3)
    assert next(found) == 1
    with pytest.raises(ValueError, match="unreadable"):
        next(found)
