"""File access for Iceberg on local disks: durable when closed, and able to follow a moved folder.

pyiceberg syncs none of the data, manifest and metadata files that it writes. After a power cut the
catalog could name files without content whose events the journal has already dropped. Here every
output file and its folder are synced before `close` returns.

Iceberg writes absolute addresses into its metadata. They keep the folder in which the lake was
made (its *home*); when the lake lies elsewhere now, addresses below the home are read and written
below the present folder. Such a lake is read by Allotment, while other engines need it at its home.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote, urlparse

from pyiceberg.io import FileIO, InputFile, InputStream, OutputFile, OutputStream
from pyiceberg.typedef import EMPTY_DICT, Properties

HOME = "allotment.lake.home"
"""Catalog property: the folder that the addresses in the metadata name."""
FOLDER = "allotment.lake.folder"
"""Catalog property: the folder in which the lake lies now."""


def local_path(location: str, home: str = "", folder: str = "") -> Path:
    """The file that a location names: a path or a `file:` address, moved from home to folder.

    Raises:
        ValueError: the location has a scheme other than `file`.
    """
    if location.startswith("/"):
        path = Path(location)
    else:
        parsed = urlparse(location)
        if parsed.scheme != "file":
            raise ValueError(f"{location!r} is no local file; this lake keeps its files on disk")
        path = Path(unquote(parsed.path))
    if home and home != folder and path.is_relative_to(home):
        return Path(folder) / path.relative_to(home)
    return path


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class _SyncedStream(OutputStream):
    """A file being written, whose `close` returns when content and name are on disk."""

    def __init__(self, path: Path, *, overwrite: bool) -> None:
        missing = [folder for folder in path.parents if not folder.exists()]
        path.parent.mkdir(parents=True, exist_ok=True)
        for made in missing:
            sync_folder(made.parent)
        self._path = path
        self._stream = path.open("wb" if overwrite else "xb")

    def write(self, b: bytes) -> int:
        return self._stream.write(b)

    def tell(self) -> int:
        """Bytes written so far; the Parquet writer asks."""
        return self._stream.tell()

    def flush(self) -> None:
        """Hand what is buffered to the system; the Parquet writer asks."""
        self._stream.flush()

    @property
    def closed(self) -> bool:
        """Whether the file is closed; the Parquet writer asks."""
        return self._stream.closed

    def close(self) -> None:
        if self._stream.closed:
            return
        try:
            self._stream.flush()
            os.fsync(self._stream.fileno())
        finally:
            self._stream.close()
        sync_folder(self._path.parent)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _LocalFile(InputFile, OutputFile):
    """One local file, for reading and writing."""

    def __init__(self, location: str, path: Path) -> None:
        super().__init__(location=location)
        self._path = path

    def __len__(self) -> int:
        return self._path.stat().st_size

    def exists(self) -> bool:
        return self._path.exists()

    def open(self, seekable: bool = True) -> InputStream:  # noqa: ARG002, FBT001, FBT002 - pyiceberg's signature
        stream: Any = self._path.open("rb")
        return stream  # type: ignore[no-any-return]

    def create(self, overwrite: bool = False) -> OutputStream:  # noqa: FBT001, FBT002 - pyiceberg's signature
        return _SyncedStream(self._path, overwrite=overwrite)

    def to_input_file(self) -> _LocalFile:
        return self


class SyncedFileIO(FileIO):
    """pyiceberg's file access for one lake on a local disk (its `py-io-impl`)."""

    def __init__(self, properties: Properties = EMPTY_DICT) -> None:
        super().__init__(properties=properties)

    def path(self, location: str) -> Path:
        """Where the file that a location names lies now."""
        return local_path(location, self.properties.get(HOME, ""), self.properties.get(FOLDER, ""))

    def new_input(self, location: str) -> InputFile:
        return _LocalFile(location, self.path(location))

    def new_output(self, location: str) -> OutputFile:
        return _LocalFile(location, self.path(location))

    def delete(self, location: str | InputFile | OutputFile) -> None:
        named = location if isinstance(location, str) else location.location
        self.path(named).unlink()
