"""Reads still pictures, in whatever format people have them, as gray; `encoding` writes them.

Pictures that are too large are refused before a pixel is decoded, and problems are reported in one
line. Which library decodes which format is up to `formats`.
"""

import os
import stat
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from colorgan.errors import UserError, enough_memory_for, lacks_memory
from colorgan.luminance import eight_bits
from colorgan.photos.pictures.formats import Decoded, decode, is_known, why_not_read
from colorgan.photos.pictures.metadata import QUARTER_TURNS, Metadata
from colorgan.photos.pictures.tiff import TooLargeError, at_full_range

_SHALLOW = (8, 10, 12)  # bits a level that files store in 16 without saying so
_ROWS = 256  # checked for colour at a time, so that a large photo needs no second copy
_BYTES_PER_PIXEL, _OTHER_BYTES = 8, 1 << 26  # RGBA of 16 bits, uncompressed, and metadata


@dataclass(frozen=True)
class Picture:
    """One picture, upright: turned as its EXIF orientation says."""

    gray: np.ndarray
    """`(h, w)`, uint8 or uint16: BT.601 luminance as in `luminance.gray_from_bgr`, or a gray file's
    own values."""
    alpha: np.ndarray | None
    """`(h, w)`, of gray's type, or None if the file has no transparency."""
    was_color: bool
    """Whether the channels of some pixel differ by more than rounding; this colour is not used."""
    frames: int
    """Frames or pages in the file, at most 1,000 for a TIFF; the picture is the first one. Previews
    that cameras hide in a JPEG do not count."""
    bits: int | None = None
    """Bits of the file's levels, such as 8, 10, 12 or 14, if they were stored in 16 and have been
    stretched to the full range. The file says so, or all of its levels are so low that it would
    look black otherwise."""
    metadata: Metadata = Metadata()
    """The file's metadata, for `encode_picture` to carry over."""
    suffix: str = ".png"
    """The suffix of the writable format that is nearest to the file's own."""


def read_picture(source: Path | bytes, name: str, max_pixels: int) -> Picture:
    """Read a picture in any format of `formats`, from a regular file or its content.

    `name` is what messages call it. A picture of more than `max_pixels` is refused before a pixel
    is decoded. Colours are taken as they are stored, and profiles are not applied. CMYK, which
    JPEGs hold inverted, a habit of Adobe's, is turned into RGB by (1 - C, M, Y)(1 - K). Threads
    take turns here, and what others write to standard error in the meantime is lost. Raises
    `UserError` for whatever cannot be read; damaged metadata is no obstacle.
    """
    return _picture(*_read(source, name, max_pixels))


def read_color(source: Path | bytes, max_pixels: int, name: str | None = None) -> np.ndarray | None:
    """Read a picture's colours, the way `read_picture` does: uint8 BGR `(h, w, 3)`, upright.

    None for a gray picture. Transparent pixels have the colour that is stored for them. `name` is
    the path by default.
    """
    decoded, _ = _read(source, name or str(source), max_pixels)
    pixels, _ = _full_range(decoded)
    if pixels.ndim == 2 or pixels.shape[2] < 3:
        return None
    color = eight_bits(pixels[..., :3])
    return _upright(color, decoded.orientation) if _has_color(color) else None


def read_strokes(source: Path | bytes, name: str, max_pixels: int) -> np.ndarray:
    """Read a picture with transparency: BGRA `(h, w, 4)`, uint8 or uint16, upright.

    See `read_picture`. UserError for one without transparency.
    """
    decoded, _ = _read(source, name, max_pixels)
    pixels, _ = _full_range(decoded)
    if pixels.ndim == 3 and pixels.shape[2] == 2:  # gray ones
        pixels = cv2.merge([pixels[..., 0]] * 3 + [pixels[..., 1]])
    if pixels.ndim == 2 or pixels.shape[2] != 4:
        raise UserError(
            f"{name}: has no transparency; leave it transparent where there is no stroke"
        )
    return _upright(pixels, decoded.orientation)


def largest_file(max_pixels: int) -> int:
    """The largest file, in bytes, that `read_picture` accepts for a picture of `max_pixels`."""
    return _BYTES_PER_PIXEL * max_pixels + _OTHER_BYTES


def _refuse_large(size: int, name: str, max_pixels: int) -> None:
    if size > largest_file(max_pixels):
        raise UserError(
            f"{name}: {size / 1e6:,.0f} MB is too large for a picture of at most "
            f"{max_pixels / 1e6:g} megapixels; scale it down, or raise the limit"
        )


def _file_content(path: Path, name: str, max_pixels: int) -> tuple[bytes, int]:
    """A file's content, and when it was last written, in nanoseconds since 1970."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise UserError(f"{name}: a folder, not a picture")
        if not stat.S_ISREG(status.st_mode):  # reading from a pipe or a device may never end
            raise UserError(f"{name}: not a regular file")
        _refuse_large(status.st_size, name, max_pixels)
        return path.read_bytes(), status.st_mtime_ns
    except OSError as error:
        raise UserError(f"{name}: cannot be read ({error.strerror})") from None


def _read(source: Path | bytes, name: str, max_pixels: int) -> tuple[Decoded, int | None]:
    """The decoded picture, and when its file was last written, see above; None for bytes."""
    if isinstance(source, bytes):
        content, modified = source, None
    else:
        content, modified = _file_content(source, name, max_pixels)
    _refuse_large(len(content), name, max_pixels)
    if not content:
        raise UserError(f"{name}: empty; copy it again")
    with _tamed_libraries(max_pixels), enough_memory_for(name):
        return _decode_or_refuse(content, name, max_pixels), modified


_LIBRARIES = threading.Lock()


@contextmanager
def _tamed_libraries(max_pixels: int) -> Iterator[None]:
    """Set Pillow's limit of pixels to ours, and silence the libraries.

    These settings are global to the process, hence the lock.
    """
    with _LIBRARIES, warnings.catch_warnings(), _stderr_dropped():
        warnings.simplefilter("ignore")
        before = Image.MAX_IMAGE_PIXELS
        # Pillow warns above this, and refuses above twice this, which need not be a whole number.
        Image.MAX_IMAGE_PIXELS = max_pixels / 2  # type: ignore[assignment]
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


@contextmanager
def _stderr_dropped() -> Iterator[None]:
    """Drop what is written to standard error: libjpeg, libpng and libtiff write there unasked."""
    try:
        kept = os.dup(2)
    except OSError:  # standard error is closed
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _decode_or_refuse(content: bytes, name: str, max_pixels: int) -> Decoded:
    """Decode the first frame; `UserError` if anything goes wrong."""
    try:
        return decode(content, max_pixels)
    except UserError as error:
        raise UserError(f"{name}: {error}") from None
    except (Image.DecompressionBombError, TooLargeError):
        raise UserError(
            f"{name}: more than {max_pixels / 1e6:g} megapixels; scale it down, or raise the limit"
        ) from None
    except Exception as error:  # on damaged files, the libraries raise all kinds of exceptions
        if lacks_memory(error):
            raise
        problem = why_not_read(content)
        if problem is None and is_known(content):
            problem = "damaged, truncated or of an unknown kind; copy it again, or save it as a PNG"
        elif problem is None:
            problem = "not a picture that can be read; save it as a PNG, JPEG or TIFF"
        raise UserError(f"{name}: {problem}") from error


def _picture(decoded: Decoded, modified: int | None) -> Picture:
    alpha, was_color = None, False
    pixels, bits = _full_range(decoded)
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    if channels in (2, 4):
        alpha = _upright(pixels[..., -1], decoded.orientation)
    if channels >= 3:
        gray = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)  # accepts four channels, too
        was_color = _has_color(pixels)
    else:
        gray = pixels if channels == 1 else pixels[..., 0]
    gray = _upright(gray, decoded.orientation)
    metadata = replace(decoded.blocks.metadata(), modified=modified)
    if decoded.orientation in QUARTER_TURNS:
        metadata = metadata.turned()
    return Picture(gray, alpha, was_color, decoded.frames, bits, metadata, decoded.suffix)


def _full_range(decoded: Decoded) -> tuple[np.ndarray, int | None]:
    """Levels stretched to the full range of their type, and how many bits they had if fewer.

    Scanners and cameras write levels of 8, 10 or 12 bits as if they had 16, and do not say so.
    """
    pixels = decoded.pixels
    if pixels.dtype != np.uint16:
        return pixels, None
    if decoded.bits is not None and decoded.bits < 16:
        return pixels, decoded.bits
    alpha = pixels.ndim == 3 and pixels.shape[2] in (2, 4)
    levels = pixels[..., :-1] if alpha else pixels
    highest = int(levels.max())
    bits = next((bits for bits in _SHALLOW if 0 < highest < 2**bits), None)
    if bits is None:
        return pixels, None
    full = at_full_range(levels, bits)
    return (np.dstack([full, pixels[..., -1]]) if alpha else full), bits


def _has_color(pixels: np.ndarray) -> bool:
    """Whether BGR or BGRA has colour, beyond the one level that a gray photo is off in a WebP."""
    rounding = np.iinfo(pixels.dtype).max // 255
    for top in range(0, len(pixels), _ROWS):
        blue, green, red = cv2.split(pixels[top : top + _ROWS])[:3]
        if any(cv2.absdiff(green, other).max() > rounding for other in (blue, red)):
            return True
    return False


def _upright(plane: np.ndarray, orientation: int) -> np.ndarray:
    """Turn pixels `(h, w)` or `(h, w, 3)` from one of EXIF's eight orientations; contiguous."""
    if orientation in QUARTER_TURNS:
        plane = cv2.transpose(plane)
    mirrored = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}.get(orientation)
    return np.ascontiguousarray(plane) if mirrored is None else cv2.flip(plane, mirrored)
