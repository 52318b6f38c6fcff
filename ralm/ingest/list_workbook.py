"""The rows of an Excel workbook as text, read by openpyxl, which comes with the extra `excel`."""

from __future__ import annotations

import io
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
        DataError: the workbook is damaged, or several of its sheets hold rows.
    """
    try:
        import openpyxl
    except ImportError as error:
        raise ConfigError(
            f"list {name}: an Excel workbook; install openpyxl (pip install 'ralm[excel]'), or save it as CSV"
        ) from error
    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        sheets = {}
        for sheet in book.worksheets:
            sheet.reset_dimensions()  # some programs write wrong ones, and rows would be cut off
            rows = [[_text(value) for value in row] for row in sheet.iter_rows(values_only=True)]
            if any(cell for row in rows for cell in row):
                sheets[sheet.title] = rows
    except Exception as error:  # openpyxl raises whatever its parsers do
        raise DataError(f"list {name}: the Excel workbook cannot be read; it is damaged ({error})") from error
    if len(sheets) > 1:
        raise DataError(f"list {name}: several sheets hold rows ({', '.join(sheets)}); keep the one with the ids")
    title, rows = next(iter(sheets.items()), ("", []))
    width = max((len(row) for row in rows), default=0)
    return [row + [""] * (width - len(row)) for row in rows], title


def _text(value: Any) -> str:
    """A cell as text: whole numbers without a fraction, longer ones so that their lost digits show."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int | float) and float(value).is_integer():
        return str(int(value)) if abs(value) < 10**DIGITS else f"{value:.{DIGITS - 1}E}"
    return str(value)
