"""The database of faces: an LMDB of Caffe `Datum` records, written once and read by index.

One record is one face: `channels` is 3, `height` and `width` are equal, `data` has the uint8 pixels
in C x H x W order with channels blue, green, red, and `label` is the CelebA image number. Keys are
`%08d_<file name>` with a running index, as Caffe's `convert_imageset` writes them, so that Caffe's
own `Data` layer reads the same faces in the same order.
"""

import errno
import os
import shutil
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Self

import lmdb
import numpy as np
from google.protobuf.message import DecodeError

from colorgan.errors import UserError
from colorgan.nets.runtime import load_caffe

FIRST_MAP_SIZE = 64 << 20
DISK_IS_FULL_BELOW = 16 << 20
RECORDS_PER_TRANSACTION = 64  # a megabyte, which stays in the cache: 2.5 times as fast as 256


Indices = Sequence[int] | np.ndarray


class Face(NamedTuple):
    """One face on its way into a database."""

    number: int
    """CelebA image number, stored as the record's label."""
    name: str
    """File name of the image, the end of the record's key."""
    pixels: np.ndarray
    """uint8 `(3, size, size)`, channels blue, green, red."""


@cache
def _datum_class() -> type:
    """Return Caffe's own Datum message, imported late, as decoding processes do not need Caffe.

    It is Caffe's own, since protobuf ends a process that registers caffe.proto a second time.
    """
    return load_caffe().proto.caffe_pb2.Datum


class FaceDatabase:
    """Read-only random access to a database of faces.

    Several threads may share one; each process must open its own.
    """

    def __init__(self, path: Path) -> None:
        """Open the LMDB folder `path`.

        `UserError` if it is missing, not a database of faces, empty, truncated, or already open in
        this process.
        """
        self.path = Path(path)
        if not (self.path / "data.mdb").is_file():
            raise UserError(f"{self.path}: no such LMDB; build it with colorgan build-lmdb")
        self.size = 0  # a face's side in pixels, taken from the first one
        with ExitStack() as opened:
            try:
                self._environment = opened.enter_context(
                    lmdb.open(str(self.path), readonly=True, lock=False)
                )
                self._check_length()
                with self._environment.begin() as transaction:
                    self._keys = list(transaction.cursor().iternext(values=False))
            except lmdb.Error as error:
                problem = f"not a readable LMDB ({error}); build it again"
                if "already open" in str(error):  # LMDB allows it once in a process
                    problem = "already open in this process; close that FaceDatabase first"
                raise UserError(f"{self.path}: {problem}") from None
            if not self._keys:
                raise UserError(f"{self.path}: holds no faces; build it again")
            self.size = next(iter(self._records([0]))).height
            opened.pop_all()

    def _check_length(self) -> None:
        """UserError if the file is truncated, as reading beyond its end would kill the process."""
        pages = self._environment.info()["last_pgno"] + 1
        if (self.path / "data.mdb").stat().st_size < pages * self._environment.stat()["psize"]:
            raise UserError(f"{self.path}: data.mdb is truncated; copy it or build it again")

    def __len__(self) -> int:
        return len(self._keys)

    def faces(self, indices: Indices) -> np.ndarray:
        """Return the faces at `indices` as uint8 `(len(indices), 3, size, size)`, BGR.

        `UserError` if a record is not a face of this size, IndexError if there is none.
        """
        faces = np.empty((len(indices), 3, self.size, self.size), np.uint8)
        for face, datum in zip(faces, self._records(indices), strict=True):
            face.ravel()[:] = np.frombuffer(datum.data, np.uint8)
        return faces

    def numbers(self, indices: Indices) -> list[int]:
        """Return the CelebA image numbers of the faces at `indices`."""
        return [datum.label for datum in self._records(indices)]

    def _records(self, indices: Indices) -> Iterable[Any]:
        datum = _datum_class()()
        with self._environment.begin(buffers=True) as transaction:
            for index in indices:
                key = self._keys[index]
                with suppress(DecodeError, lmdb.Error):
                    datum.Clear()
                    datum.ParseFromString(transaction.get(key))
                side = self.size or datum.height
                shape = datum.channels, datum.height, datum.width, len(datum.data)
                if shape != (3, side, side, 3 * side * side) or not side:
                    raise UserError(
                        f"{self.path}: record {os.fsdecode(key)!r} is not a square 3-channel face"
                        f"{f' of {side} pixels' if side else ''}; build it with colorgan build-lmdb"
                    )
                yield datum

    def close(self) -> None:
        """Release the database; a second call does nothing."""
        self._environment.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_splits(data: Path) -> tuple[FaceDatabase, FaceDatabase]:
    """Open the training and the test faces of a folder; UserError unless they have one size."""
    with ExitStack() as opened:
        train = opened.enter_context(FaceDatabase(data / "train_lmdb"))
        test = opened.enter_context(FaceDatabase(data / "test_lmdb"))
        if train.size != test.size:
            raise UserError(
                f"{data}: training faces have {train.size} pixels a side, but test faces "
                f"{test.size}; build them again"
            )
        opened.pop_all()
    return train, test


class FaceWriter:
    """Writes faces into a new LMDB, in the order given.

    The map grows as needed. Only a record's index decides in which transaction it is, so the same
    faces give the same file, byte for byte. A context manager; data are only safely on the disk
    after it ends.
    """

    def __init__(self, path: Path, map_size: int = FIRST_MAP_SIZE) -> None:
        """Create the LMDB folder `path`, which must not exist, at first with `map_size` bytes."""
        path.mkdir()
        self._path = path
        self._datum = _datum_class()
        self._environment = lmdb.open(str(path), map_size=map_size, lock=False, sync=False)
        self._map_size = map_size
        self._pending: list[tuple[bytes, bytes]] = []
        # The disk writes while faces arrive; otherwise the last sync would wait for gigabytes.
        self._flusher = ThreadPoolExecutor(1, "lmdb flusher")
        self._flush = self._flusher.submit(self._environment.sync, True)
        self.count = 0

    def add(self, face: Face) -> None:
        """Append one face."""
        _, height, width = face.pixels.shape
        datum = self._datum(
            channels=3, height=height, width=width, data=face.pixels.tobytes(), label=face.number
        )
        key = f"{self.count:08d}_{face.name}".encode()
        key = key[: self._environment.max_key_size()]  # letters may take three bytes each
        self._pending.append((key, datum.SerializeToString()))
        self.count += 1
        if len(self._pending) == RECORDS_PER_TRANSACTION:
            self._commit()

    def _commit(self) -> None:
        while True:
            try:
                with self._environment.begin(write=True) as transaction:
                    for key, value in self._pending:
                        transaction.put(key, value, append=True)
                break
            except lmdb.MapFullError:
                self._map_size *= 2
                self._environment.set_mapsize(self._map_size)
            except lmdb.Error:
                # On a full disk, LMDB reports an input/output error.
                if shutil.disk_usage(self._path).free < DISK_IS_FULL_BELOW:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self._path) from None
                raise
        self._pending.clear()
        if self._flush.done():
            self._flush = self._flusher.submit(self._environment.sync, True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Write what is pending and wait for the disk; after an error, only close."""
        try:
            if kind is None:
                self._commit()
                self._flush.result()
                self._environment.sync(True)
        finally:
            self._flusher.shutdown()
            self._environment.close()
