"""Decodes many images in several processes and hands the faces over in order.

Each worker has its own pipe, and nobody else holds its other end: when the main process ends,
however it ends, every worker reads an end of file and leaves. Pixels do not go through the pipes
but lie in memory that all share, in which a chunk in work has a slot of its own.

`concurrent.futures` was tried in place of this module, with Python 3.11: its ProcessPoolExecutor
decodes as fast (900 to 1,200 images/s with two workers on two busy cores, as here). It is left out
because its workers stay when the main process is killed (they were still there ten minutes later),
and because it takes all chunks at once, however far that runs ahead of who reads the faces.
"""

import math
import mmap
import os
import signal
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from colorgan.errors import UserError
from colorgan.faces.celeba import FaceDecoder, UnusableImageError
from colorgan.faces.images import ImageReader

_CHUNK_IMAGES = 64
_TASKS_PER_WORKER = 2
"""One in work and one in the pipe, so that a worker never waits for its next task."""
_CHUNKS_AHEAD_PER_WORKER = 4
"""How far decoding may run ahead of the slowest chunk; bounds the memory."""


class Decoded(NamedTuple):
    """What became of one image."""

    number: int
    name: str
    """File name without folders."""
    pixels: np.ndarray | None
    """uint8 `(3, size, size)`, BGR, valid until the next result; None for an unusable image."""
    kind: str
    """Empty for a face, otherwise the kind of defect ..."""
    detail: str
    """... and a line about it."""


@contextmanager
def decoding_in_order(
    containers: Sequence[Path], entries: np.ndarray, size: int, workers: int
) -> Iterator[Iterator[Decoded]]:
    """Decode images of a source in `workers` processes, which end with the block.

    `entries` are rows of the index of an `ImageSource` with these `containers`. The block gets an
    iterator over one result for each, in their order, which raises `UserError` when a worker dies.
    """
    chunks = [entries[at : at + _CHUNK_IMAGES] for at in range(0, len(entries), _CHUNK_IMAGES)]
    context = get_context("forkserver")  # forks a clean process: no LMDB, no Caffe, no threads
    context.set_forkserver_preload(["__main__", __name__])  # or each worker imports them anew
    count = min(workers, len(chunks))
    slots = _SharedSlots(count * _CHUNKS_AHEAD_PER_WORKER, size)
    with _interrupts_held_back():
        pool = [_Worker(context, containers, slots, size) for _ in range(count)]
    try:
        yield chain.from_iterable(_in_order(pool, chunks))
    finally:
        for worker in pool:
            worker.stop()


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Let Ctrl-C wait until the block ends, and for ever in the processes started in it.

    A terminal sends it to all processes, but it is the main process's to handle.
    """
    resource_tracker.ensure_running()  # the first forkserver would start it, which lets Ctrl-C in
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _in_order(pool: list["_Worker"], chunks: list[np.ndarray]) -> Iterator[list[Decoded]]:
    by_connection = {worker.connection: worker for worker in pool}
    finished: dict[int, list[Decoded]] = {}
    sent = handed_over = 0
    while handed_over < len(chunks):
        # no further ahead than there are slots: a slot is free once its chunk is handed over
        limit = min(len(chunks), handed_over + _CHUNKS_AHEAD_PER_WORKER * len(pool))
        while sent < limit:
            worker = min(pool, key=lambda worker: len(worker.tasks))
            if len(worker.tasks) == _TASKS_PER_WORKER:
                break
            worker.send(sent, chunks[sent])
            sent += 1
        for connection in wait(by_connection):
            ordinal, results = by_connection[connection].receive()
            finished[ordinal] = results
        while handed_over in finished:
            yield finished.pop(handed_over)
            handed_over += 1


class _SharedSlots:
    """Memory for the faces of `count` chunks, which workers fill and the main process reads."""

    def __init__(self, count: int, size: int, file: int | None = None) -> None:
        """Make the memory, or share that of the file descriptor `file`, which becomes ours."""
        shape = (count, _CHUNK_IMAGES, 3, size, size)
        self._arguments = count, size
        self._file = os.memfd_create("decoded faces") if file is None else file
        os.truncate(self._file, math.prod(shape))
        memory = mmap.mmap(self._file, math.prod(shape))
        self._faces = np.frombuffer(memory, np.uint8).reshape(shape)

    def __reduce__(self) -> tuple:
        return _share_slots, (*self._arguments, DupFd(self._file))

    def __del__(self) -> None:
        os.close(self._file)

    def faces(self, ordinal: int) -> np.ndarray:
        """Return the slot of a chunk, uint8 `(images in a chunk, 3, size, size)`."""
        return self._faces[ordinal % len(self._faces)]


def _share_slots(count: int, size: int, file: Any) -> _SharedSlots:
    """Share the slots of the process that `file`, a DupFd, comes from."""
    return _SharedSlots(count, size, file.detach())


class _Worker:
    """The main process's view of one decoding process."""

    def __init__(
        self, context: BaseContext, containers: Sequence[Path], slots: _SharedSlots, size: int
    ) -> None:
        self._slots = slots
        self.tasks: deque[tuple[int, np.ndarray]] = deque()
        self.connection, theirs = context.Pipe()
        arguments = (theirs, containers, slots, size)
        self._process = context.Process(target=_work, args=arguments, daemon=True)
        self._process.start()
        theirs.close()

    def send(self, ordinal: int, chunk: np.ndarray) -> None:
        self.tasks.append((ordinal, chunk))
        with suppress(BrokenPipeError):  # a dead worker is reported by `receive`
            self.connection.send((ordinal, chunk))

    def receive(self) -> tuple[int, list[Decoded]]:
        """Return the ordinal and the results of the oldest task."""
        try:
            defects = self.connection.recv()
        except (EOFError, ConnectionResetError):
            self._process.join()
            raise UserError(
                f"a decoding process ended with exit code {self._process.exitcode}; "
                "if memory ran out, try fewer --workers"
            ) from None
        ordinal, chunk = self.tasks.popleft()
        faces = self._slots.faces(ordinal)
        names = [os.fsdecode(path).rpartition("/")[2] for path in chunk["path"].tolist()]
        results = [
            Decoded(number, name, None if at in defects else faces[at], *defects.get(at, ("", "")))
            for at, (number, name) in enumerate(zip(chunk["number"].tolist(), names, strict=True))
        ]
        return ordinal, results

    def stop(self) -> None:
        self.connection.close()
        self._process.terminate()
        self._process.join()


def _work(
    connection: Connection, containers: Sequence[Path], slots: _SharedSlots, size: int
) -> None:
    """Decode chunks until the main process closes the pipe.

    Their faces go into the shared slots. The answer to a chunk is a dict: place in the chunk, and
    kind and detail of the defect there.
    """
    cv2.setNumThreads(1)
    with (
        FaceDecoder(size) as decoder,
        ImageReader(containers) as reader,
        suppress(EOFError, BrokenPipeError, ConnectionResetError),
    ):
        while True:
            ordinal, chunk = connection.recv()
            faces = slots.faces(ordinal)
            defects = {}
            for at, entry in enumerate(chunk.tolist()):
                try:
                    decoder.decode(reader.read(entry), faces[at])
                except UnusableImageError as defect:
                    defects[at] = defect.kind, str(defect)
            connection.send(defects)
