"""One contract for places on this machine and on a real S3 server."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ralm.errors import ConfigError
from ralm.storage import copies
from ralm.storage.copies import copies_folder
from ralm.storage.path import StoragePath
from tests.s3_server import leading_to, make_bucket, s3_server


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3_server(tmp_path_factory.mktemp("s3")) as address, leading_to(address):
        make_bucket(address, "bucket")
        yield "s3a://bucket"


@pytest.fixture(params=["mounted", "s3a"])
def root(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StoragePath:
    monkeypatch.setattr(copies.tempfile, "tempdir", str(tmp_path))
    if request.param == "mounted":
        return StoragePath.at(f"file:{tmp_path / 'root'}")
    return StoragePath.at(f"{request.getfixturevalue('bucket')}/{tmp_path.name}")


def test_paths() -> None:
    assert StoragePath.at("file:///a/b%20c").path == "/a/b%20c"
    assert str(StoragePath.at("relative") / "x" / "y.npy") == "relative/x/y.npy"
    assert (StoragePath.at("s3a://bucket/models/") / "x").url == "s3a://bucket/models/x"
    assert StoragePath.at("/a").url == "file:/a"
    assert StoragePath.at("s3a://bucket/models/x").name == "x"
    assert StoragePath.at(Path("/a")).mounted
    assert not StoragePath.at("hdfs://node:8020/a").mounted


def test_a_file_system_that_is_not_known() -> None:
    with pytest.raises(ConfigError, match="dbfs: is no file system that models"):
        StoragePath.at("dbfs:/wh/model").exists()


def test_a_file_is_written_read_and_replaced(root: StoragePath) -> None:
    file = root / "folder" / "x.npy"
    assert not file.exists()
    for read in (lambda: file.local().read_bytes(), file.read_bytes):
        with pytest.raises(FileNotFoundError):
            read()
    for number in range(3):  # as fast as they come, and of one size
        array = np.full(1_000, number)
        file.write(lambda path, array=array: np.save(path, array))  # type: ignore[misc]
        np.testing.assert_array_equal(np.load(file.local(), mmap_mode="r"), array)
    assert [place.name for place in (root / "folder").children()] == ["x.npy"]
    file.remove()
    assert not file.exists()
    file.remove()


def test_nothing_is_there_after_a_failed_write(root: StoragePath) -> None:
    def fail(path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError("disk full")

    (root / "a").write_text("kept")
    for name in ("a", "b"):
        with pytest.raises(OSError, match="disk full"):
            (root / name).write(fail)
    assert [place.name for place in root.children()] == ["a"]
    assert (root / "a").read_text() == "kept"
    with pytest.raises(OSError, match="disk full"):
        (root / "c").write_folder(lambda folder: fail(folder / "x"), "_SUCCESS")
    assert [place.name for place in root.children("?")] == ["a"]


def test_a_folder_is_replaced_as_a_whole(root: StoragePath) -> None:
    def build(*names: str) -> None:
        folder.write_folder(lambda local: [(local / name).write_text(name) for name in names], "_SUCCESS")

    folder = root / "folder"
    build("_SUCCESS", "a.txt", "b.txt")
    build("_SUCCESS", "b.txt", "c.txt")
    assert [place.name for place in folder.children()] == ["_SUCCESS", "b.txt", "c.txt"]
    assert [place.name for place in folder.children("*.txt")] == ["b.txt", "c.txt"]
    with folder.copied() as local:
        assert sorted(path.read_text() for path in local.iterdir()) == ["_SUCCESS", "b.txt", "c.txt"]
    assert (root / "folder").exists()
    folder.remove()
    assert folder.children() == []
    assert not folder.exists()


def test_the_marker_appears_last(bucket: str) -> None:
    folder, seen = StoragePath.at(f"{bucket}/watched"), []

    def watch() -> None:
        while not done.is_set():
            seen.append({place.name for place in folder.children()})

    done = threading.Event()
    watcher = threading.Thread(target=watch)
    watcher.start()
    names = ["_SUCCESS", *(f"{number:02d}" for number in range(20))]
    for _ in range(2):
        folder.write_folder(lambda local: [(local / name).write_text("x") for name in names], "_SUCCESS")
    done.set()
    watcher.join()
    assert any(found and "_SUCCESS" not in found for found in seen)
    assert all(found == set(names) for found in seen if "_SUCCESS" in found)


def test_a_machine_fetches_a_file_once(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies.tempfile, "tempdir", str(tmp_path))
    file = StoragePath.at(f"{bucket}/fetched.txt")
    file.write_text("one")
    found: list[Path] = []
    readers = [threading.Thread(target=lambda: found.append(file.local())) for _ in range(4)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert len(found) == 4
    assert len(set(found)) == 1
    inode = found[0].stat().st_ino
    assert file.local().stat().st_ino == inode
    file.write_text("two")
    assert file.local().read_text() == "two"
    assert found[0].read_text() == "one"  # who has it open reads on
    old = time.time() - copies.KEPT_SECONDS - 60
    os.utime(found[0], (old, old))
    file.write_text("three")
    file.local()
    assert not found[0].exists()
    assert copies_folder().stat().st_mode & 0o077 == 0


def test_a_file_that_is_replaced_is_read_whole(bucket: str) -> None:
    file, contents = StoragePath.at(f"{bucket}/replaced.txt"), ["a" * 10, "b" * 3_000, "c" * 200]
    file.write_text(contents[0])

    def replace() -> None:
        while not done.is_set():
            for content in contents:
                file.write_text(content)

    done = threading.Event()
    writer = threading.Thread(target=replace)
    writer.start()
    found = {file.read_text() for _ in range(60)} | {file.local().read_text() for _ in range(20)}
    done.set()
    writer.join()
    assert found <= set(contents)
    assert len(found) > 1
