"""What is beside the tables: files of models, what crashed runs left, pages that name users."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import DataFrame

from jobs.steps.audience_reports.report import FOLDER
from jobs.steps.forgetting.tables import Leaving
from ralm.report.files import DATA, PAGE, read_report_data, update_report
from ralm.storage.path import StoragePath
from ralm.training.erased_vectors import erase_vectors
from ralm.warehouse.vector_keys import vector_keys

# (path under the warehouse, vectors that went; 0: the whole file is made anew or goes).
Touched = Iterator[tuple[str, int]]
# The users on the page of an audience: the rows of its section "why these users".
_WHY = re.compile(r'<section id="why">.*?</section>', re.DOTALL)
_NAMED = re.compile(r'<th scope="row">([^<]*)</th>')


def erase_from_models(leaving: Leaving) -> Touched:
    """Take the users' vectors out of the look-alike models' files, and remove what crashed runs left behind."""
    models = StoragePath.at(leaving.warehouse.path) / "_models"
    folders = (models / "lookalike").children()
    if folders:
        keys = _sorted_keys(leaving.vectors)
        for folder in folders:
            touched = erase_vectors(folder, lambda vectors: np.isin(vector_keys(vectors), keys))
            yield from ((f"_models/lookalike/{folder.name}/{name}", count) for name, count in touched.items())
    for kind, pattern in (("work", "*"), ("als", "*.checkpoints")):
        for left in (models / kind).children(pattern):
            left.remove()
            yield f"_models/{kind}/{left.name}", 0


def erase_from_pages(leaving: Leaving) -> Touched:
    """Draw the report without the users whom it names, and remove pages of audiences that name them."""
    root = StoragePath.at(leaving.warehouse.path)
    pages = {page: _named(page.read_text()) for page in (root / FOLDER).children("*.html")}
    data = read_report_data(root)
    examples = [] if data is None else [str(user) for one in data.audiences for user, _ in one.top_users]
    gone = _forgotten(leaving, set(examples).union(*pages.values()))
    if data is not None and gone.intersection(examples):
        left = [replace(one, top_users=[row for row in one.top_users if row[0] not in gone]) for one in data.audiences]
        update_report(root, data, audiences=left)
        yield from ((name, 0) for name in (DATA, PAGE))
    if data is None:  # a report of an earlier release, whose data cannot be read: `evaluate` makes it again
        for file in (root / DATA, root / PAGE):
            if file.exists():
                file.remove()
                yield file.name, 0
    for page, users in pages.items():
        if users & gone:
            page.remove()  # `audience_report` makes it again
            yield f"{FOLDER}/{page.name}", 0


def _sorted_keys(vectors: DataFrame) -> NDArray[np.int64]:
    """8 bytes per vector of a forgotten user."""
    return np.sort(vectors.toArrow().column("key").to_numpy())


def _named(page: str) -> set[str]:
    """The users whom the page of an audience names."""
    return {html.unescape(user) for part in _WHY.findall(page) for user in _NAMED.findall(part)}


def _forgotten(leaving: Leaving, users: set[str]) -> set[str]:
    frame = leaving.warehouse.spark.createDataFrame([(user,) for user in users], "user string")
    return {row["user"] for row in leaving.users.among(frame, "user").collect()}
