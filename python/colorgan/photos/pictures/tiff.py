"""Reads a TIFF's first header, before any library gets the file.

Pillow knows a list of TIFF kinds and takes all others for damaged. OpenCV's libtiff reads more, but
does not invert negatives, nor stretch levels of 10 to 14 bits. So gray and RGB of 9 to 16 bits a
sample, in either byte order and with any compression, are decoded by OpenCV and stretched to the
range of 16 bits here.
"""

import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np

from colorgan.photos.pictures.exif import LONG, TiffFile

RAW = "a camera's raw photograph, which is not read: develop it into a TIFF or JPEG first"
"""The message for raw photographs, many of which begin like a TIFF."""

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _SAMPLES = 256, 257, 258, 259, 262, 277
_PLANES, _TILE_WIDTH, _TILE_HEIGHT, _SAMPLE_FORMAT = 284, 322, 323, 339
_IS_PREVIEW, _OTHER_SIZES, _DNG_VERSION = 254, 330, 50706
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _COLOR_FILTERS = 0, 1, 2, 32803
_UNSIGNED, _SIGNED, _FLOATING = 1, 2, 3
_APART = 2
# Samples a pixel and bits a sample of the kinds that are read; a file that still fails is damaged.
_KINDS_READ = {
    *((1, bits) for bits in (1, 2, 4, *range(8, 17))),
    *((samples, bits) for samples in (3, 4) for bits in (8, 16)),
    (2, 8),
}
_COLOR_SPACES = {6: "YCbCr ", 8: "CIELab ", 32844: "LogL ", 32845: "LogLuv "}
_PACKINGS_READ = (1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946)
_PACKINGS = {
    **{34712: "JPEG 2000", 34887: "LERC", 34925: "LZMA", 34892: "JPEG", 50000: "Zstandard"},
    **{50001: "WebP", 50002: "JPEG XL", 34661: "JBIG", 32809: "ThunderScan"},
}
_FORMATS = {1: "B", 3: "H", 4: "I", 16: "Q"}  # of the field types that hold whole numbers
_MOST_PAGES = 1000


@dataclass(frozen=True)
class TiffHeader:
    """The first page's tags with whole numbers; if a tag has several, the first."""

    tags: dict[int, int]
    pages: int
    """Without previews; counted up to 1,000."""

    @classmethod
    def read(cls, content: bytes) -> Self:
        """Read the header; ValueError or struct.error if it makes no sense.

        A tag given twice is refused. Pillow would take the last and libtiff the first, so that a
        picture could be small for one and large for the other.
        """
        file = TiffFile(content)
        start = file.start()
        if not start:
            return cls({}, 0)
        pages = sum(not _is_preview(file, page) for page in _directories(file))
        return cls(_tags(file, start), max(pages, 1))

    def check(self, max_pixels: int) -> None:
        """TooLargeError for more than `max_pixels`, or such a tile, as tiles are decoded whole."""
        size = self.tags.get(_WIDTH, 1) * self.tags.get(_HEIGHT, 1)
        tile = self.tags.get(_TILE_WIDTH, 1) * self.tags.get(_TILE_HEIGHT, 1)
        if max(size, tile) > max_pixels:
            raise TooLargeError

    @property
    def bits(self) -> int:
        """Bits a sample."""
        return self.tags.get(_BITS, 1)

    def has_unread_planes(self) -> bool:
        """Whether each channel has a plane of its own, in a way that no library here reads.

        OpenCV and Pillow read such colours of 8 bits. They turn those with more bits into noise,
        and fail at gray with alpha.
        """
        samples = self.tags.get(_SAMPLES, 1)
        apart = self.tags.get(_PLANES) == _APART and samples > 1
        return apart and (self.bits > 8 or samples == 2)

    def is_signed(self) -> bool:
        """Whether its levels may be negative; libraries read those of 8 bits as unsigned."""
        return self.tags.get(_SAMPLE_FORMAT) == _SIGNED

    def is_deep(self) -> bool:
        """Whether it holds gray levels or RGB of 9 to 16 bits, which `deep_pixels` decodes."""
        kind = self.tags.get(_PHOTOMETRIC), self.tags.get(_SAMPLES, 1)
        known = kind in ((_WHITE_IS_ZERO, 1), (_BLACK_IS_ZERO, 1), (_RGB, 3))
        return known and 8 < self.bits <= 16 and self.tags.get(_SAMPLE_FORMAT, 1) == _UNSIGNED

    def is_raw(self, content: bytes) -> bool:
        """Whether it is a camera's raw photograph, whose first page is a preview at best."""
        return (
            content[8:10] == b"CR"  # Canon's
            or _DNG_VERSION in self.tags
            or self.tags.get(_PHOTOMETRIC) == _COLOR_FILTERS
            or (self.tags.get(_IS_PREVIEW, 0) % 2 == 1 and _OTHER_SIZES in self.tags)
        )

    def why_not_read(self) -> str | None:
        """Why no library here decodes this TIFF, and what to do; None if it must be damaged."""
        samples, packing = self.tags.get(_SAMPLES, 1), self.tags.get(_COMPRESSION, 1)
        form = self.tags.get(_SAMPLE_FORMAT, _UNSIGNED)
        space = _COLOR_SPACES.get(self.tags.get(_PHOTOMETRIC, -1), "")
        known = (samples, self.bits) in _KINDS_READ and (self.bits == 8 or not space)
        planes = self.has_unread_planes()
        if known and packing in _PACKINGS_READ and form == _UNSIGNED and not planes:
            return None
        numbers = {_SIGNED: "signed ", _FLOATING: "floating-point "}.get(form, "")
        packed = "" if packing in _PACKINGS_READ else _PACKINGS.get(packing, f"scheme {packing}")
        kind = f"{numbers}{space}samples of {self.bits} bits, {samples} a pixel"
        kind += ", each in a plane of its own" if planes else ""
        kind += f", compressed by {packed}" if packed else ""
        return (
            f"a TIFF of a kind that is not read ({kind}): save it as gray or RGB of 8 or 16 bits, "
            f"uncompressed or with LZW"
        )

    def deep_pixels(self, content: bytes) -> np.ndarray:
        """Decode: gray `(h, w)` or BGR `(h, w, 3)`, uint16, white the highest; upright."""
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
        sides = {self.tags[_WIDTH], self.tags[_HEIGHT]}
        if pixels is None or set(pixels.shape[:2]) != sides or pixels.dtype != np.uint16:
            raise ValueError("OpenCV cannot decode it")
        # OpenCV puts the levels into the highest bits.
        pixels = at_full_range(pixels >> (16 - self.bits), self.bits)
        negative = self.tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO
        return cv2.bitwise_not(pixels) if negative else pixels


def past_previews(content: bytes) -> bytes:
    """The same TIFF, beginning with its first page that is no preview.

    Some programs put a small copy first. struct.error if there is no first page.
    """
    file = TiffFile(content)
    pages = (page for page in _directories(file) if not _is_preview(file, page))
    return file.beginning_at(next(pages, file.start()))


class TooLargeError(ValueError):
    """A picture has more pixels than the limit."""


def at_full_range(levels: np.ndarray, bits: int) -> np.ndarray:
    """Stretch levels of `bits` bits, uint16, to 0 to 65535, rounded to the nearest."""
    if bits == 16:
        return levels
    table = np.rint(np.linspace(0, 65535, 2**bits)).astype(np.uint16)
    return table[levels]


def _directories(file: TiffFile) -> Iterator[int]:
    """Where the directories of the pages are, up to a damaged one."""
    at = file.start()
    seen: set[int] = set()
    with suppress(struct.error):
        while at and at not in seen and len(seen) < _MOST_PAGES:
            yield at
            seen.add(at)
            at = file.following(at)


def _is_preview(file: TiffFile, directory: int) -> bool:
    """Whether a page says first, as tags are in order, that it is a smaller copy of another."""
    with suppress(struct.error):
        for tag, kind, _, at in map(file.entry, file.entries(directory)[:1]):
            return tag == _IS_PREVIEW and kind == LONG and file.number("I", at) % 2 == 1
    return False


def _tags(file: TiffFile, directory: int) -> dict[int, int]:
    """The first value of each tag with whole numbers; ValueError if a tag is given twice."""
    tags: dict[int, int | None] = {}
    for tag, kind, count, at in map(file.entry, file.entries(directory)):
        if tag in tags:
            raise ValueError("tag given twice")
        tags[tag] = None
        if kind in _FORMATS and count:
            form = _FORMATS[kind]
            tags[tag] = file.number(form, file.values_at(at, count * struct.calcsize(form)))
    return {tag: value for tag, value in tags.items() if value is not None}
