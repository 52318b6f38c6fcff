"""The smallest inputs of public bug reports, in ../shared/cases: each is read right, or refused in one line.

Cases without a folder, and what happens after `ingest`, have their tests where the code is.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from ralm.config import Config, load_config
from ralm.errors import RalmError
from tests.ingest.files import parts_of, read

pytestmark = [pytest.mark.spark, pytest.mark.data]
NOT_UTF8 = "invalid user_id (not UTF-8: set options: {encoding: windows-1252} or the like)"
IDS = ["-5", "0", "007", "12345", "2024-01-01", "7", "9223372036854775808", "U1", "a/b%20c?d=e#f", "u\t1", "u1"]
IDS += ["x" * 3000, "\u00fc", "u\u0308", "\u00fc\u0144\u00ef", "\U0001f600"]
# Case -> users and things that are read of its events, and rows that are refused.
READ: dict[str, tuple[list[tuple[str, str]], dict[str, int]]] = {
    "01": ([("u1", "i1"), ("u1", "i3"), ("u2", "i1"), ("u2", "i2")], {}),  # each file by its own header
    "02b": ([("u1", "i1")], {"unreadable row": 1}),  # more cells than the header
    "03": ([("u1", "0012"), ("u1", "0345")], {}),  # folders named item=0012
    "04": ([("u1", "i1")], {}),  # nanoseconds
    "10m": ([], {NOT_UTF8: 3}),
    "21f": ([("u0", "i1")], {}),  # microseconds
    "25": ([(user, "i1") for user in IDS], {"null user_id": 13}),
    "33D": ([("u1", "i179")], {}),  # unfinished and hidden files beside it
    "33c": ([("u1", "i1")], {}),  # ev[1].csv
    "33s": ([("u1", "i1")], {}),  # sub-folders
    "85": ([("u1", "i1"), ("u2", "i2")], {}),  # times with and without a zone
}
REFUSED = {
    "06": r"06/ev/b\.parquet: column user_id is double, but bigint in .*06/ev/a\.parquet: write them alike",
    "20b2": r"events\[0\]\.columns\.feature_id: .*name the array under `explode` of the source",
    "21a": r"events\[0\]\.time_format: 1704103200 looks like seconds, .* set epoch_s",
    "32": r"is a Delta table, whose files hold old rows as well: give its folder and `format: delta`",
    "53g": r"fields\.item_domains: 'readin' is neither a domain .* \(meant: 'reading'\?\)",
}


def test_each_is_read(spark: SparkSession, cases: Path) -> None:
    """As sources of one configuration, which takes a third of the time."""
    content = load_config(cases / "01" / "c.yaml", [f"data_root={cases / '01'}"]).model_dump(mode="json")
    events = []
    for case in READ:
        source = load_config(cases / case / "c.yaml").model_dump(mode="json")["ingest"]["events"][0]
        events.append(source | {"path": f"{cases / case}/{source['path']}"})
    content["ingest"] |= {"events": events}
    parts = parts_of(spark, Config.model_validate(content))
    for number, (case, (expected, refused)) in enumerate(READ.items()):
        part = parts[f"events[{number}]"]
        assert (part.pairs, part.bad) == (sorted(expected), refused), case


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused(spark: SparkSession, cases: Path, case: str) -> None:
    here = cases / case
    with pytest.raises(RalmError, match=REFUSED[case]) as raised:
        read(spark, load_config(here / "c.yaml", [f"data_root={here}"]))
    assert "\n" not in str(raised.value)
