"""Still pictures in: whatever people's photos come as, read as gray; `encoding` writes them.

What is too large is refused before a pixel is decoded, and what is wrong told in one line. Which
library decodes which format is a matter of `formats`.
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

_SHALLOW = (8, 10, 12)  # bits of levels that files hold in 16 without saying so
_ROWS = 256  # looked at together for colour, so that a large photo needs no second copy
_BYTES_PER_PIXEL, _OTHER_BYTES = 8, 1 << 26  # RGBA of 16 bits, uncompressed, and metadata


@dataclass(frozen=True)
class Picture:
    """One picture, upright: turned as its EXIF orientation says."""

    gray: np.ndarray
    """`(h, w)`, uint8 or uint16: BT.601 luminance as in `luminance.gray_from_bgr`; of a gray file,
    its own values."""
    alpha: np.ndarray | None
    """`(h, w)`, of gray's type, or None where the file holds no transparency."""
    was_color: bool
    """Whether the channels of some pixel differ by more than rounding: colour that is not used."""
    frames: int
    """Frames or pages in the file, those of a TIFF counted up to 1,000; the first is the picture.
    The previews that cameras hide in a JPEG do not count."""
    bits: int | None = None
    """Of the file's levels where they were fewer than 16, in pixels of 16: 8, 10, 12 or 14, brought
    to the full range. As the file says; or where the levels of the whole picture are so low that it
    would be black otherwise."""
    metadata: Metadata = Metadata()
    """What the file says of the picture, for `encode_picture` to carry over."""
    suffix: str = ".png"
    """Of the format that is written and nearest to the file's own."""


def read_picture(source: Path | bytes, name: str, max_pixels: int) -> Picture:
    """Read a picture of any format of `formats`, of a regular file or its content.

    `name` is what messages call it. A picture of more than `max_pixels` is refused before a pixel
    is decoded. The colours are taken as they are stored: profiles are not applied; CMYK, which a
    JPEG holds inverted as Adobe began it, is turned into RGB by (1 - C, M, Y)(1 - K). Threads take
    turns here; what others write to standard error meanwhile is lost. Raises `UserError` for all
    that cannot be read; damaged metadata spoil no picture.
    """
    return _picture(*_read(source, name, max_pixels))


def read_color(source: Path | bytes, max_pixels: int, name: str | None = None) -> np.ndarray | None:
    """Read a picture's colours, as `read_picture` reads its gray: uint8 BGR `(h, w, 3)`, upright.

    None for a picture in gray; what is transparent has the colour that is stored. `name` is the
    path, unless it is given.
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
        raise UserError(f"{name}: has no transparency; strokes leave the rest of it transparent")
    return _upright(pixels, decoded.orientation)


def largest_file(max_pixels: int) -> int:
    """The most bytes that `read_picture` takes for a picture of `max_pixels`."""
    return _BYTES_PER_PIXEL * max_pixels + _OTHER_BYTES


def _refuse_large(size: int, name: str, max_pixels: int) -> None:
    if size > largest_file(max_pixels):
        raise UserError(
            f"{name}: {size / 1e6:,.0f} MB, too large a file for a picture of "
            f"{max_pixels / 1e6:g} megapixels; scale it down, or raise the limit"
        )


def _file_content(path: Path, name: str, max_pixels: int) -> tuple[bytes, int]:
    """What is in a file, and when it was last written, in nanoseconds."""
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
    """What a file holds, and when it was changed, as a count of nanoseconds; None of bytes."""
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
    """Give Pillow our limit of pixels, and keep the libraries from talking to the user.

    The settings are the process's, hence the lock.
    """
    with _LIBRARIES, warnings.catch_warnings(), _stderr_dropped():
        warnings.simplefilter("ignore")
        before = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = max_pixels / 2  # it warns above, and refuses above twice as many
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


@contextmanager
def _stderr_dropped() -> Iterator[None]:
    """Drop what is written to standard error: libjpeg, libpng and libtiff ask nobody's leave."""
    try:
        kept = os.dup(2)
    except OSError:  # there is none
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
    """Decode the first frame; `UserError` for whatever goes wrong."""
    try:
        return decode(content, max_pixels)
    except UserError as error:
        raise UserError(f"{name}: {error}") from None
    except (Image.DecompressionBombError, TooLargeError):
        raise UserError(
            f"{name}: more than {max_pixels / 1e6:g} megapixels; scale it down, or raise the limit"
        ) from None
    except Exception as error:  # the libraries raise whatever a damaged file makes them stumble on
        if lacks_memory(error):
            raise
        problem = why_not_read(content)
        if problem is None and is_known(content):
            problem = "damaged, truncated or of an unknown kind: copy it again, or save it as a PNG"
        elif problem is None:
            problem = "not a picture that can be read; make it a PNG, JPEG or TIFF"
        raise UserError(f"{name}: {problem}") from error


def _picture(decoded: Decoded, modified: int | None) -> Picture:
    alpha, was_color = None, False
    pixels, bits = _full_range(decoded)
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    if channels in (2, 4):
        alpha = _upright(pixels[..., -1], decoded.orientation)
    if channels >= 3:
        gray = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)  # takes four channels, too
        was_color = _has_color(pixels)
    else:
        gray = pixels if channels == 1 else pixels[..., 0]
    gray = _upright(gray, decoded.orientation)
    metadata = replace(decoded.blocks.metadata(), modified=modified)
    if decoded.orientation in QUARTER_TURNS:
        metadata = metadata.turned()
    return Picture(gray, alpha, was_color, decoded.frames, bits, metadata, decoded.suffix)


def _full_range(decoded: Decoded) -> tuple[np.ndarray, int | None]:
    """Levels in the full range of their type, and of how many bits they were if those are fewer.

    Scanners and cameras write levels of 8, 10 or 12 bits as if they were of 16, and do not say so.
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
    """Whether BGR or BGRA has colour: a lossy WebP of a gray photo is off by a level of 8 bits."""
    rounding = np.iinfo(pixels.dtype).max // 255
    for top in range(0, len(pixels), _ROWS):
        blue, green, red = cv2.split(pixels[top : top + _ROWS])[:3]
        if any(cv2.absdiff(green, other).max() > rounding for other in (blue, red)):
            return True
    return False


def _upright(plane: np.ndarray, orientation: int) -> np.ndarray:
    """Turn pixels `(h, w)` or `(h, w, 3)` stored in one of EXIF's eight orientations.

    Into contiguous memory.
    """
    if orientation in QUARTER_TURNS:
        plane = cv2.transpose(plane)
    mirrored = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}.get(orientation)
    return np.ascontiguousarray(plane) if mirrored is None else cv2.flip(plane, mirrored)
