"""The rows of an Excel workbook as text, read by openpyxl, which comes with the extra `excel`."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import Any

from ralm.errors import ConfigError, DataError

# Excel keeps 15 digits of a number; what follows them is zeros.
DIGITS = 15


def workbook_rows(content: bytes, name: str) -> tuple[list[list[str]], str]:
    """(rows of cells, name of the sheet) of a workbook whose rows are in one sheet.

    Args:
        content: the .xlsx file.
        name: the file, for the errors.

    Raises:
        ConfigError: openpyxl is not installed.
        DataError: the workbook is damaged, or several of its sheets hold rows, or a formula has no value.
    """
    try:
        import openpyxl
    except ImportError as error:
        raise ConfigError(
            f"list {name}: an Excel workbook; install openpyxl (pip install 'ralm[excel]'), or save it as CSV"
        ) from error
    try:
        books = [openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=only) for only in (True, False)]
        sheets = {}
        for sheet, written in zip(*(book.worksheets for book in books), strict=True):
            for each in (sheet, written):
                each.reset_dimensions()  # some programs write wrong ones, and rows would be cut off
            rows = []
            for cells, formulas in zip(sheet.iter_rows(), written.iter_rows(), strict=True):
                if (place := _without_value(cells, formulas)) is not None:
                    remedy = "open and save the file in Excel"
                    raise DataError(f"list {name}: {place} is a formula without a value: {remedy}")
                rows.append([_text(cell.value, cell.number_format) for cell in cells])
            if any(cell for row in rows for cell in row):
                sheets[sheet.title] = rows
    except DataError:
        raise
    except Exception as error:  # openpyxl raises whatever its parsers do
        raise DataError(f"list {name}: the Excel workbook cannot be read; it is damaged ({error})") from error
    if len(sheets) > 1:
        raise DataError(f"list {name}: several sheets hold rows ({', '.join(sheets)}); keep the one with the ids")
    title, rows = next(iter(sheets.items()), ("", []))
    width = max((len(row) for row in rows), default=0)
    return [row + [""] * (width - len(row)) for row in rows], title


def _without_value(cells: Sequence[Any], formulas: Sequence[Any]) -> str | None:
    """The first formula that no program has computed; one whose value is the empty text (`str`) has been."""
    pairs = zip(cells, formulas, strict=True)
    return next(
        (f.coordinate for c, f in pairs if f.data_type == "f" and c.value is None and c.data_type != "str"), None
    )


def _text(value: Any, number_format: str | None) -> str:
    """A cell as text: whole numbers without a fraction, with the zeros of their format, or so that lost digits show."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int | float) and float(value).is_integer():
        zeros = len(number_format) if number_format and re.fullmatch("0+", number_format) else 0
        return f"{int(value):0{zeros}d}" if abs(value) < 10**DIGITS else f"{value:.{DIGITS - 1}E}"
    return str(value)
