"""A store whose files were damaged: one line, and no process that is ended by a signal."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ralm.errors import DataError
from ralm.serving import Scorer
from ralm.serving.lmdb_store import LmdbStore
from ralm.serving.records import UserRecord
from tests.faults.fuzz.isolated import isolated
from tests.faults.fuzz.trial import Case
from tests.scoring.weights import random_items, random_weights
from tests.serving.test_scorer import export, raw_users, write

ITEMS = [f"i{number}" for number in range(50)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    export(LmdbStore(str(tmp_path)), "r1", random_weights(), *random_items(50), raw_users())
    return tmp_path


def ask(folder: Path) -> str:
    scorer = Scorer(str(folder))
    for user in range(40):
        scorer.score(f"u{user}", ITEMS)
    return "answered"


def test_a_file_that_was_cut_off_ends_no_reader(folder: Path) -> None:
    """Reading beyond the end of a mapped file would end the process by SIGBUS."""
    assert isolated(Case("whole", lambda: ask(folder))).read() == "answered"
    read = [path for path in sorted(folder.rglob("*.lmdb")) if not path.name.startswith("model")]
    assert len(read) == 6
    for path in read:
        whole = path.read_bytes()
        for pages in range(len(whole) // 4096):
            os.truncate(path, pages * 4096 + 100)
            assert isolated(Case("cut", lambda: ask(folder))).read() == "refused (3)", (path.name, pages)
        for moved in (b"x" + whole, whole[:9_000] + b"x" + whole[9_000:]):
            path.write_bytes(moved)
            assert isolated(Case("moved", lambda: ask(folder))).read() == "refused (3)"
        path.write_bytes(whole)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"release": "r1"}', b'{"layers": {"users": [1]}}', b"\xff\xfe"]
)
def test_a_manifest_that_is_none(folder: Path, content: bytes) -> None:
    (folder / "manifest.json").write_bytes(content)
    with pytest.raises(DataError, match=r"its manifest is damaged .* run job 'export_serving'"):
        Scorer(str(folder))


def test_files_that_are_no_lmdb(folder: Path) -> None:
    for path in folder.rglob("*.lmdb"):
        path.write_bytes(b"x" * path.stat().st_size)
    with pytest.raises(DataError, match=r"lmdb is damaged: .* run job 'export_serving' with --full"):
        Scorer(str(folder))


@pytest.mark.parametrize(
    ("kind", "key", "spoil"),
    [
        ("users", "u1", lambda record: record[:-3]),
        ("users", "u1", lambda record: record[:-8]),
        ("users", "u1", lambda record: record[:2]),
        ("items", "i2", lambda record: record[:5]),
        ("items", "i2", lambda record: b"\xff" * 4 + record[4:]),
        ("items", "i2", lambda record: record[:-4]),
    ],
)
def test_a_record_of_another_size(folder: Path, kind: str, key: str, spoil: Callable[[bytes], bytes]) -> None:
    """The others are answered, before and after it was met."""
    store = LmdbStore(str(folder))
    manifest = store.manifest()
    assert manifest is not None
    layer = manifest.layers[kind][0]
    (whole,) = store.read(kind, layer, [key])
    assert whole
    names = [f"{key[0]}{number}" for number in range(40)]
    records = dict(zip(names, store.read(kind, layer, names), strict=True))
    write(store, kind, layer, {name: spoil(one) if name == key else one for name, one in records.items() if one})
    scorer = Scorer(LmdbStore(str(folder)))
    expected = scorer.score("u3", ["i4"]).scores
    for _ in range(2):
        with pytest.raises(DataError, match="a record of release r1 is damaged"):
            scorer.score("u1", ["i2"])
        assert scorer.score("u3", ["i4"]).scores.tolist() == expected.tolist()


def test_a_record_without_values() -> None:
    with pytest.raises((ValueError, IndexError)):
        UserRecord.decode(b"")
