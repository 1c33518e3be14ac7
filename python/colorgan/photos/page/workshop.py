"""Runs the page's only Colorizer in a thread of its own, for photos that wait for it or that are
kept for painting.
"""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import BoundedSemaphore
from typing import Self, TypeVar

import cv2
import numpy as np

from colorgan.errors import UserError, enough_memory_for
from colorgan.photos.coloring.colorizer import Colorizer
from colorgan.photos.coloring.hints import Hints
from colorgan.photos.coloring.reference import COLORLESS, Reference, is_colorless
from colorgan.photos.coloring.sitting import Sitting
from colorgan.photos.page.kept import KeptPhoto, KeptPhotos
from colorgan.photos.pictures.encoding import encode_picture
from colorgan.photos.pictures.reading import read_color, read_picture, read_strokes

WAITING = 4  # photos that may wait while another is coloured

_WEBP_QUALITY = 95  # as for JPEG; lossless WebP takes several times as long as a PNG
_UNSHOWN = (".tif",)  # formats that browsers cannot show
_PREVIEW_SIDE = 2048  # pixels, more than most screens have


_Result = TypeVar("_Result")


class BusyError(Exception):
    """No photo can be taken now; the text is one line for the page to show."""


class GoneError(Exception):
    """A photo is no longer kept; the text is one line for the page to show."""


@dataclass(frozen=True)
class ColoredPhoto:
    """The result for a photo."""

    content: bytes
    """A picture file: upright, with the photo's luminance; gray where nothing was coloured."""
    suffix: str
    """The suffix of the photo's own format if that can be written, else ".png"."""
    preview: bytes | None
    """A JPEG to look at, if browsers cannot show the content."""
    faces: int
    was_color: bool
    """Whether the file had colour, which was not used."""
    frames: int
    """Pictures in the file; only the first is coloured."""
    bits: int | None
    """Bits of the file's levels, if they were stretched to the full range."""
    middle: float
    """Horizontal centre of the surest face, or else of the photo, from 0 to 1 of the width."""


class Workshop:
    """A Colorizer in a thread of its own, with room for a few photos at a time.

    All photos use the same thread, since threads can share neither the Colorizer nor Caffe, which
    sets its device for each thread.
    """

    def __init__(self, weights: Path | None, device: str | None, max_pixels: int) -> None:
        """Load the nets, see `Colorizer`; photos of more than `max_pixels` are refused."""
        self._max_pixels = max_pixels
        self._places = BoundedSemaphore(1 + WAITING)
        self._worker = ThreadPoolExecutor(max_workers=1)
        self._colorizer = self._worker.submit(Colorizer, weights, device).result()
        self._kept = KeptPhotos(max_pixels)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Drop all photos except the one being worked on, and wait for that."""
        self._worker.shutdown(cancel_futures=True)

    def dismiss(self) -> None:
        """Drop all photos except the one being worked on, and take no more; do not wait."""
        self._worker.shutdown(wait=False, cancel_futures=True)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold room for one photo, from before its upload until the client has its answer.

        Raises `BusyError` if all room is taken.
        """
        if not self._places.acquire(blocking=False):
            raise BusyError("Other photos are waiting; try again in a moment.")
        try:
            yield
        finally:
            self._places.release()

    async def colorize(self, file: bytes, whole: bool) -> ColoredPhoto:
        """Colour a picture file, when it is its turn.

        `whole` colours what is outside of faces, too. Raises `UserError` for a file that cannot be
        read, `BusyError` if the program ends first.
        """
        return await self._done(self._colorize, file, whole)

    async def keep(self, file: bytes) -> str:
        """Keep a picture file for painting; returns its name. Raises like `colorize`."""
        return self._kept.add(await self._done(self._prepare, file))

    async def paint(self, name: str, strokes: bytes, whole: bool) -> ColoredPhoto:
        """Colour a kept photo with a picture of strokes, or without if that is empty.

        Raises like `colorize`, and `GoneError` if the photo is no longer kept.
        """
        return await self._done(self._paint, self._kept_photo(name), strokes, whole)

    async def refer(self, name: str, file: bytes) -> None:
        """Give a kept photo a reference, or remove it if the file is empty. Raises like `paint`."""
        photo = self._kept_photo(name)
        photo.reference = await self._done(self._reference_in, file) if file else None

    def forget(self, name: str) -> None:
        """Drop a kept photo."""
        self._kept.remove(name)

    def _kept_photo(self, name: str) -> KeptPhoto:
        photo = self._kept.get(name)
        if photo is None:
            raise GoneError("This photo is no longer kept; send it again.")
        return photo

    async def _done(self, work: Callable[..., _Result], *given: object) -> _Result:
        """Do some work in the thread, when it is its turn, and return the result."""
        ending = BusyError("The program is being stopped.")
        try:
            job = self._worker.submit(_within_memory, work, *given)
        except RuntimeError:  # raised once the thread has been shut down
            raise ending from None
        (done,), _ = await asyncio.wait([asyncio.wrap_future(job)])
        if done.cancelled():
            raise ending
        return done.result()

    def _colorize(self, file: bytes, whole: bool) -> ColoredPhoto:
        photo = self._sit(file)
        return _result(photo, photo.sitting.colorize(whole))

    def _sit(self, file: bytes) -> KeptPhoto:
        picture = read_picture(file, "This file", self._max_pixels)
        return KeptPhoto(picture, Sitting(self._colorizer, picture.gray))

    def _prepare(self, file: bytes) -> KeptPhoto:
        photo = self._sit(file)
        photo.sitting.prepare()
        photo.sitting.expect_strokes()
        return photo

    def _paint(self, photo: KeptPhoto, strokes: bytes, whole: bool) -> ColoredPhoto:
        hints = self._hints_in(strokes, photo.picture.gray.shape) if strokes else None
        photo.sitting.prepare(whole, photo.reference)
        photo.sitting.expect_strokes()
        return _result(photo, photo.sitting.colorize(whole, hints, photo.reference))

    def _hints_in(self, strokes: bytes, shape: tuple[int, int]) -> Hints:
        name = "This picture of strokes"
        try:
            return Hints.of_picture(read_strokes(strokes, name, self._max_pixels), shape)
        except ValueError as error:
            raise UserError(f"{name}: {error}") from None

    def _reference_in(self, file: bytes) -> Reference:
        color = read_color(file, self._max_pixels, "This file")
        if color is None or is_colorless(color):
            raise UserError(f"This file {COLORLESS}")
        return self._colorizer.reference_of(color)


def _within_memory(work: Callable[..., _Result], *given: object) -> _Result:
    with enough_memory_for("This file"):
        return work(*given)


def _result(photo: KeptPhoto, colored: np.ndarray) -> ColoredPhoto:
    """The answer for a photo that was coloured, BGR `(h, w, 3)`."""
    picture, faces = photo.picture, photo.sitting.faces
    middle = 0.5
    if len(faces):
        middle = float(np.clip(faces[0, :, 0].mean() / picture.gray.shape[1], 0, 1))
    suffix = picture.suffix
    return ColoredPhoto(
        content=encode_picture(
            colored,
            picture.alpha,
            suffix,
            _WEBP_QUALITY if suffix == ".webp" else None,
            picture.metadata,
        ),
        suffix=suffix,
        preview=_preview(colored, picture.alpha) if suffix in _UNSHOWN else None,
        faces=1 if photo.sitting.is_aligned else len(faces),
        was_color=picture.was_color,
        frames=picture.frames,
        bits=picture.bits,
        middle=middle,
    )


def _preview(bgr: np.ndarray, alpha: np.ndarray | None) -> bytes:
    """A JPEG of a picture, BGR `(h, w, 3)` and alpha `(h, w)`, no larger than a screen."""
    scale = min(1, _PREVIEW_SIDE / max(bgr.shape))
    size = [max(1, round(scale * side)) for side in bgr.shape[1::-1]]
    small = cv2.resize(bgr, size, interpolation=cv2.INTER_AREA)
    if alpha is not None:
        alpha = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
    return encode_picture(small, alpha, ".jpg")
