"""Writes the sample set to disk: many portraits in CelebA's layout."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import cv2

from colorgan.errors import UserError
from colorgan.faces.drawn.portrait import draw_face
from colorgan.faces.workers import working_in_order

JPEG_QUALITY = 92
IMAGES, PARTITION, OPTIONS = "img_align_celeba", "list_eval_partition.txt", "sample.json"
TRAIN, TEST = 0, 2  # CelebA's numbers for its partitions


@dataclass(frozen=True)
class SampleOptions:
    """What a sample set consists of: training faces come first, then test faces."""

    count: int
    test_count: int
    seed: int

    def __post_init__(self) -> None:
        if self.total > 999_999:
            raise UserError(f"{self.total} faces do not fit six-digit names; ask for fewer")

    @property
    def total(self) -> int:
        """The number of all faces."""
        return self.count + self.test_count


def _file_name(number: int) -> str:
    return f"{number:06d}.jpg"


def _partition_list(options: SampleOptions) -> str:
    lines = (
        f"{_file_name(number)} {TRAIN if number <= options.count else TEST}"
        for number in range(1, options.total + 1)
    )
    return "\n".join(lines) + "\n"


def _is_complete(out: Path, options: SampleOptions) -> bool:
    """Whether `out` already holds exactly this set."""
    try:
        recorded = json.loads((out / OPTIONS).read_text())
        listed = (out / PARTITION).read_text()
    except (OSError, ValueError, RecursionError):
        return False
    return (
        recorded == asdict(options)
        and listed == _partition_list(options)
        and all(
            (out / IMAGES / _file_name(number)).is_file() for number in range(1, options.total + 1)
        )
    )


def _refuse_to_overwrite(out: Path, force: bool) -> None:
    """Raise UserError unless `out` is free, or is a sample set and `force` is set."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not (out / OPTIONS).is_file():
        raise UserError(f"{out} exists and is not a sample set; choose another --out")
    if not force:
        raise UserError(
            f"{out} holds a sample set with other options, or an incomplete one; "
            "add --force to replace it"
        )


@contextmanager
def _artist(seed: int) -> Iterator[Callable[[int, int], bytes]]:
    """Gives a worker its function: it draws a face by number and returns a JPEG."""
    cv2.setNumThreads(1)  # the workers are the parallelism
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    yield lambda _, number: cv2.imencode(".jpg", draw_face(seed, number), quality)[1].tobytes()


def _write_faces(folder: Path, options: SampleOptions, workers: int) -> None:
    numbers = range(1, options.total + 1)
    start = partial(_artist, options.seed)
    with working_in_order(start, numbers, workers, __name__, folder) as faces:
        for number, face in zip(numbers, faces, strict=True):
            (folder / _file_name(number)).write_bytes(face)


@contextmanager
def _drawn_beside(out: Path) -> Iterator[Path]:
    """Yield a new folder that replaces `out` when the block succeeds, and is removed otherwise."""
    out.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        fresh = beside / "new"
        fresh.mkdir()
        yield fresh
        if out.exists():
            os.replace(out, beside / "old")
        os.replace(fresh, out)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def make_sample(out: Path, options: SampleOptions, workers: int, force: bool = False) -> bool:
    """Write the sample set `options` to the folder `out`, in CelebA's layout.

    `out` gets img_align_celeba/000001.jpg ... (178x218), list_eval_partition.txt (0 train, 2 test)
    and sample.json (the options). It appears complete or not at all. The images do not depend on
    `workers`, the number of processes.

    Without `force`, returns False and draws nothing if `out` already holds exactly this set.
    Raises UserError if `out` holds something else, or cannot be written.
    """
    if _is_complete(out, options) and not force:
        return False
    _refuse_to_overwrite(out, force)
    try:
        with _drawn_beside(out) as folder:
            (folder / IMAGES).mkdir()
            _write_faces(folder / IMAGES, options, workers)
            (folder / PARTITION).write_text(_partition_list(options))
            (folder / OPTIONS).write_text(json.dumps(asdict(options)) + "\n")
    except OSError as error:
        raise UserError(f"cannot write the sample to {out}: {error.strerror or error}") from error
    return True
