"""Decodes many images in several processes, and delivers the faces in order.

Pixels do not go through the workers' pipes, but into shared memory, in which each chunk that is
being decoded has its own slot.
"""

import math
import mmap
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from tqdm import tqdm

from colorgan.faces.celeba.aligned import FaceDecoder, UnusableImageError
from colorgan.faces.celeba.images import ImageReader
from colorgan.faces.workers import TASKS_AHEAD_PER_WORKER, Start, working_in_order
from colorgan.processes import all_processes

_CHUNK_IMAGES = 64

Defects = dict[int, tuple[str, str]]
"""The kind and the details of defects, by an image's place in its chunk."""


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
    """... and a line with details."""


@contextmanager
def decoding_in_order(
    containers: Sequence[Path], entries: np.ndarray, size: int, workers: int, folder: Path
) -> Iterator[Iterator[Decoded]]:
    """Decode images in `workers` processes, or in all that share a run, see `working_in_order`.

    `entries` are rows of the index of an `ImageSource` with these `containers`. Yields an iterator
    over one result for each, in their order, which raises `UserError` if a worker dies.
    """
    chunks = [entries[at : at + _CHUNK_IMAGES] for at in range(0, len(entries), _CHUNK_IMAGES)]
    if all_processes().size > 1:  # these share no memory
        start: Start = partial(_sending_decoder, containers, size)
        with working_in_order(start, chunks, workers, __name__, folder) as answers:
            yield _results(chunks, answers)
        return
    slots = _SharedSlots(min(workers, len(chunks)) * TASKS_AHEAD_PER_WORKER, size)
    start = partial(_decoder, containers, slots, size)
    with working_in_order(start, chunks, workers, __name__, folder) as answers:
        yield _results(chunks, ((slots.faces(at), defects) for at, defects in enumerate(answers)))


def _results(
    chunks: list[np.ndarray], answers: Iterator[tuple[np.ndarray, Defects]]
) -> Iterator[Decoded]:
    for chunk, (faces, defects) in zip(chunks, answers, strict=True):
        names = [os.fsdecode(path).rpartition("/")[2] for path in chunk["path"].tolist()]
        for at, (number, name) in enumerate(zip(chunk["number"].tolist(), names, strict=True)):
            pixels = None if at in defects else faces[at]
            yield Decoded(number, name, pixels, *defects.get(at, ("", "")))


@contextmanager
def _decoder(
    containers: Sequence[Path], slots: "_SharedSlots", size: int
) -> Iterator[Callable[[int, np.ndarray], Defects]]:
    """Gives a worker its function: it puts a chunk's faces into their slot and returns defects."""
    cv2.setNumThreads(1)
    with FaceDecoder(size) as decoder, ImageReader(containers) as reader:

        def decode(place: int, chunk: np.ndarray) -> Defects:
            faces, defects = slots.faces(place), {}
            for at, entry in enumerate(chunk.tolist()):
                try:
                    decoder.decode(reader.read(entry), faces[at])
                except UnusableImageError as defect:
                    defects[at] = defect.kind, str(defect)
            return defects

        yield decode


@contextmanager
def _sending_decoder(
    containers: Sequence[Path], size: int
) -> Iterator[Callable[[int, np.ndarray], tuple[np.ndarray, Defects]]]:
    """Gives a process that also prints its function, which returns the faces, too."""
    tqdm.monitor_interval = 0  # a bar's own thread would print while a decoder reads descriptor 2
    slot = _SharedSlots(1, size)

    def decode(place: int, chunk: np.ndarray) -> tuple[np.ndarray, Defects]:
        with _decoder(containers, slot, size) as decode_into_slot:  # 0.1 ms for 64 images
            defects = decode_into_slot(place, chunk)
        return slot.faces(place)[: len(chunk)], defects

    yield decode


class _SharedSlots:
    """Memory for the faces of `count` chunks, which workers fill and the main process reads."""

    def __init__(self, count: int, size: int, file: int | None = None) -> None:
        """Allocate the memory, or share that of the file descriptor `file`, and take it over."""
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

    def faces(self, place: int) -> np.ndarray:
        """Return the slot of a chunk, uint8 `(images in a chunk, 3, size, size)`."""
        return self._faces[place % len(self._faces)]


def _share_slots(count: int, size: int, file: Any) -> _SharedSlots:
    """Share the slots of another process, given their file as a DupFd."""
    return _SharedSlots(count, size, file.detach())
