"""The results of jobs: what they are to be like, which exist already, and how they are written.

Several processes may share the jobs of a run. If one makes a result and is killed before it can
report that, the process that does the job again counts the result as its own.
"""

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from colorgan.errors import UserError
from colorgan.photos.coloring.hints import Point
from colorgan.photos.coloring.reference import Reference
from colorgan.photos.jobs import MARK, Job
from colorgan.photos.pictures.encoding import encode_picture, write_picture
from colorgan.photos.pictures.reading import Picture


@dataclass(frozen=True)
class ResultOptions:
    """What the results are to be like."""

    whole: bool
    """Colour what is outside of faces, too."""
    grid: bool
    """Put the gray and the coloured picture side by side."""
    faces_only: bool
    """Write only the faces, 64 x 64, each to a file of its own."""
    suffix: str
    """Format of pictures that go to standard output, such as ".png"."""
    quality: int | None
    """1 to 100; None for the format's default."""
    overwrite: bool
    """Replace results that exist already."""
    max_pixels: int
    """Refuse larger pictures and frames."""
    strokes: np.ndarray | None = None
    """Colours painted over the one photo of the run, BGRA; see `Hints.of_picture`."""
    points: tuple[Point, ...] = ()
    """Colours at places of the one photo of the run."""
    reference: Reference | None = None
    """A photo whose colours are used outside of faces."""

    @property
    def beyond_faces(self) -> bool:
        """Whether there is something to colour in a photo without a face."""
        hinted = self.strokes is not None or self.points
        return self.whole or self.reference is not None or bool(hinted)


class Results:
    """Writes results, unless they exist already and are not to be replaced.

    Attributes:
        before: those that existed before the run began; None for all that exist now.
    """

    def __init__(self, wanted: ResultOptions) -> None:
        self._wanted = wanted
        self.before: set[Path] | None = None

    def of(self, jobs: Iterable[Job]) -> set[Path]:
        """The results of jobs that exist and are to stay, which show what has been done."""
        places = {place for job in jobs for place in (job.target, self._last_of(job))}
        return {place for place in places if place is not None and self.is_there(place)}

    def were_made(self, job: Job) -> bool:
        """Whether all results of a job existed before the run began."""
        last = self._last_of(job)
        return last is not None and self._is_of_before(last)

    def is_there(self, target: Path) -> bool:
        """Whether a result exists and is to stay, whoever has made it."""
        return os.path.lexists(target) and not self._wanted.overwrite

    def write(self, colored: np.ndarray, picture: Picture, target: Path | None) -> bool:
        """Write a picture, BGR `(h, w, 3)`; False if it existed before the run began.

        `picture` is its source. Without a target it goes to standard output. UserError if it cannot
        be written.
        """
        if target is not None and self.is_there(target):
            return not self._is_of_before(target)
        alpha, quality, metadata = picture.alpha, self._wanted.quality, picture.metadata
        if self._wanted.grid:
            colored = np.hstack([cv2.merge([picture.gray] * 3), colored])
            alpha = None if alpha is None else np.hstack([alpha, alpha])
        if target is None:
            _send(encode_picture(colored, alpha, self._wanted.suffix, quality, metadata))
        else:
            write_picture(target, colored, alpha, quality, metadata)
        return True

    def write_faces(
        self, colored: np.ndarray, crops: np.ndarray, picture: Picture, target: Path
    ) -> list[Path]:
        """Write each face, BGR `(k, 64, 64, 3)`, to a file of its own; returns the new files.

        `crops`, `(k, 64, 64)`, are the same faces in gray, cut out of `picture`.
        """
        metadata = picture.metadata.of_a_part()
        made: list[Path] = []
        for number in range(len(crops), 0, -1):  # the first one comes last, see _last_of
            alone = replace(picture, gray=crops[number - 1], alpha=None, metadata=metadata)
            place = _face_target(target, number)
            if self.write(colored[number - 1], alone, place):
                made.insert(0, place)
        return made

    def _last_of(self, job: Job) -> Path | None:
        """The file that a job writes last; if it exists, so do the job's others."""
        if job.target is None or not self._wanted.faces_only:
            return job.target
        return _face_target(job.target, 1)

    def _is_of_before(self, target: Path) -> bool:
        return self.is_there(target) and (self.before is None or target in self.before)


def _face_target(target: Path, number: int) -> Path:
    """The path for a single face; its name ends like all results', so that folders skip it."""
    stem = target.stem.removesuffix(MARK)
    mark = target.stem.removeprefix(stem)
    return target.with_name(f"{stem}_face{number}{mark}{target.suffix}")


def _send(content: bytes) -> None:
    """Write a picture to standard output; UserError if that fails."""
    sys.stdout.flush()
    try:
        with open(sys.stdout.fileno(), "wb", closefd=False) as output:
            output.write(content)
    except OSError as error:
        raise UserError(f"cannot write to standard output: {error.strerror}") from None
