"""The report's two files: the page, and the data that it shows, to which each job adds its part."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ralm.report.data import ReportData
from ralm.report.few_people import without_few
from ralm.report.page import render_report
from ralm.storage.path import StoragePath

PAGE, DATA = "report.html", "report.json"


def update_report(folder: Path | StoragePath, heading: ReportData, **parts: Any) -> ReportData:
    """Write `report.json` and `report.html`, each atomically: these parts, besides those of earlier jobs.

    Args:
        folder: of both files.
        heading: title, configuration, time and first figures of the page.
        parts: the fields of `ReportData` that this job provides.
    """
    data = replace(
        read_report_data(folder) or heading,
        title=heading.title,
        configuration=heading.configuration,
        created=heading.created,
        first_figures=heading.first_figures,
        minimum=heading.minimum,
        **parts,
    )
    data = without_few(data)
    for name, text in ((DATA, json.dumps(asdict(data), default=_plain)), (PAGE, render_report(data))):
        (StoragePath.at(folder) / name).write_text(text)
    return data


def read_report_data(folder: Path | StoragePath) -> ReportData | None:
    """What the folder's report shows; None if there is none, or one of another format."""
    try:
        return TypeAdapter(ReportData).validate_json((StoragePath.at(folder) / DATA).read_text())
    except (FileNotFoundError, ValidationError):
        return None


def _plain(value: Any) -> Any:
    """Arrays and their numbers as lists and numbers, dates in words."""
    return value.tolist() if hasattr(value, "tolist") else str(value)
