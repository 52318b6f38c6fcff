"""A file or folder beside the tables, on the file system of its path: models, the input of scoring runs, pages.

On a mounted file system, files are used where they lie. On any other that pyarrow knows (s3a, gs, abfss, hdfs) they are
written on this machine and uploaded, and fetched once per machine and content. A file is whole or missing everywhere:
it gets its name by a rename, or, on an object store, when its upload is complete. A folder of several files has a
marker, which is written last.
"""

from __future__ import annotations

import fnmatch
import io
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ralm.storage.copies import copy_of, read_whole
from ralm.storage.filesystem import open_filesystem, plain_path

if TYPE_CHECKING:  # services that read mounted files need no pyarrow
    import pyarrow.fs as pafs

# Here a file appears when its upload is complete; elsewhere, while it is written.
OBJECT_STORES = ("s3", "gs", "gcs")
CHUNK = 8 * 2**20


@dataclass(frozen=True, order=True)
class StoragePath:
    """A path, which may not exist; made by `StoragePath.at`.

    Attributes:
        path: as it is given to others: a local one without `file:`, or a URL.
    """

    path: str

    @staticmethod
    def at(path: str | os.PathLike[str] | StoragePath) -> StoragePath:
        """The place of a path or URL."""
        if isinstance(path, StoragePath):
            return path
        scheme, plain = plain_path(os.fspath(path))
        return StoragePath(plain if scheme == "file" else os.fspath(path).rstrip("/"))

    def __truediv__(self, name: str) -> StoragePath:
        return StoragePath(f"{self.path}/{name}" if not self.mounted else str(Path(self.path) / name))

    def __str__(self) -> str:
        return self.path

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def mounted(self) -> bool:
        """Whether the path is one of this machine's file system."""
        return plain_path(self.path)[0] == "file"

    @property
    def url(self) -> str:
        """With its scheme, as Hadoop needs it whatever the default file system is."""
        return f"file:{Path(self.path).absolute()}" if self.mounted else self.path

    def exists(self) -> bool:
        """Whether a file or a folder is there."""
        return Path(self.path).exists() if self.mounted else self._kind() != "NotFound"

    def local(self) -> Path:
        """The file on this machine: itself, or a copy that is fetched once per content; not to be written to.

        Raises:
            FileNotFoundError: there is nothing to fetch; a mounted file fails when it is opened.
        """
        return Path(self.path) if self.mounted else copy_of(self.path, *self._opened())

    def read_bytes(self) -> bytes:
        """The file's content; FileNotFoundError if it does not exist."""
        if self.mounted:
            return Path(self.path).read_bytes()
        filesystem, path = self._opened()
        found = io.BytesIO()
        read_whole(filesystem, path, found)
        return found.getvalue()

    def read_text(self) -> str:
        """The file's content, UTF-8; raises like `read_bytes`."""
        return self.read_bytes().decode()

    def children(self, pattern: str = "*") -> list[StoragePath]:
        """What lies in the folder under names of a pattern, in their order; nothing if there is no such folder."""
        if self.mounted:
            names = [path.name for path in Path(self.path).glob(pattern)]
        else:
            from pyarrow.fs import FileSelector

            filesystem, path = self._opened()
            inside = filesystem.get_file_info(FileSelector(path, allow_not_found=True))
            names = [info.base_name for info in inside if fnmatch.fnmatchcase(info.base_name, pattern)]
        return [self / name for name in sorted(names)]

    def write(self, save: Callable[[Path], object]) -> None:
        """Write the file so that it is whole or missing; folders above it are made.

        Args:
            save: writes the content to a local path that has the suffix of the file.
        """
        if not self.mounted:
            with tempfile.TemporaryDirectory(prefix="ralm-") as folder:
                save(Path(folder) / self.name)
                self._upload(Path(folder) / self.name)
            return
        final = Path(self.path)
        final.parent.mkdir(parents=True, exist_ok=True)
        temporary = final.with_name(f".{final.stem}.{uuid.uuid4().hex[:8]}.tmp{final.suffix}")
        try:
            save(temporary)
            with temporary.open("rb") as written:
                os.fsync(written.fileno())
            temporary.replace(final)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    def write_text(self, text: str) -> None:
        """Write the file, UTF-8, as `write` does."""
        self.write(lambda path: path.write_text(text, encoding="utf-8"))

    def write_folder(self, build: Callable[[Path], object], marker: str) -> None:
        """Replace the folder; without its marker it does not count.

        Args:
            build: writes the files into a local folder.
            marker: the name of one of them: the last one that appears.
        """
        if not self.mounted:
            with tempfile.TemporaryDirectory(prefix="ralm-") as made:
                build(Path(made))
                (self / marker).remove()  # before the files that it stands for
                self.remove()
                for file in sorted(Path(made).iterdir(), key=lambda path: path.name == marker):
                    (self / file.name)._upload(file)
            return
        final = Path(self.path)
        final.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{final.name}.", dir=final.parent) as above:
            temporary = Path(above) / final.name
            temporary.mkdir()
            build(temporary)
            self.remove()
            temporary.replace(final)

    @contextmanager
    def copied(self) -> Iterator[Path]:
        """The folder with its files on this machine: itself, or a copy that is gone after the block."""
        if self.mounted:
            yield Path(self.path)
            return
        with tempfile.TemporaryDirectory(prefix="ralm-") as folder:
            for child in self.children():
                (Path(folder) / child.name).write_bytes(child.read_bytes())
            yield Path(folder)

    def remove(self) -> None:
        """Remove the file, or the folder with all that is in it; nothing if it is not there."""
        if self.mounted:
            path = Path(self.path)
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
            return
        filesystem, inside = self._opened()
        kind = self._kind()
        if kind == "Directory":
            filesystem.delete_dir(inside)
        elif kind != "NotFound":
            filesystem.delete_file(inside)

    def upload_from(self, folder: Path) -> None:
        """Put the files of a local folder into this one, over those of the same names."""
        for file in sorted(folder.iterdir()):
            (self / file.name)._upload(file)

    def _upload(self, file: Path) -> None:
        filesystem, final = self._opened()
        at_once = plain_path(self.path)[0] in OBJECT_STORES
        above, _, name = final.rpartition("/")
        path = final if at_once else f"{above}/.{name}.{uuid.uuid4().hex[:8]}.tmp"
        if not at_once:
            filesystem.create_dir(above, recursive=True)
        with file.open("rb") as source, filesystem.open_output_stream(path) as sink:
            shutil.copyfileobj(source, sink, CHUNK)
        if not at_once:
            filesystem.move(path, final)

    def _kind(self) -> str:
        """`File`, `Directory` or `NotFound`."""
        filesystem, path = self._opened()
        return str(filesystem.get_file_info(path).type.name)

    def _opened(self) -> tuple[pafs.FileSystem, str]:
        filesystem, (path,) = open_filesystem([self.path])
        return filesystem, path
