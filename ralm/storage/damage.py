"""What is said of a file that is not what was written: one line, whatever its reader raises."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ralm.errors import DataError, MissingInputError, RalmError


@contextmanager
def unless_damaged(what: str, remedy: str) -> Iterator[None]:
    """Read files that this project has written.

    Args:
        what: is read, with its path.
        remedy: what to do if it is damaged or has gone.

    Raises:
        MissingInputError: one of its files has gone.
        DataError: one of them is damaged: its reader raised anything else.
    """
    try:
        yield
    except RalmError:
        raise
    except FileNotFoundError as error:
        raise MissingInputError(f"{what}: {error.filename or error} has gone; {remedy}") from error
    except Exception as error:  # torch, numpy and zipfile raise whatever their parsers do
        raise DataError(f"{what}: damaged ({type(error).__name__}: {str(error)[:200]}); {remedy}") from error
