"""Directories of tags, as found in EXIF data and TIFF files, copied byte for byte.

Pillow reads EXIF data, but when it writes them, everything that is not ASCII becomes question
marks, and piexif has had no release since 2019. So tags are copied here: their bytes, and the type
of their values.
"""

import struct
from collections.abc import Collection
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Self

import numpy as np

SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""How a TIFF begins, in either byte order; the last two are BigTIFF's."""

DESCRIPTION, ORIENTATION, ARTIST, COPYRIGHT = 270, 274, 315, 33432
X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 282, 283, 296
XMP, IPTC, PHOTOSHOP, PROFILE = 700, 33723, 34377, 34675
CAMERA, PLACE = 34665, 34853
"""The tags of two directories: the camera's settings, and the place where it was (GPS)."""
WIDTH_SHOWN, HEIGHT_SHOWN = 40962, 40963  # of CAMERA's directory
MAKER_NOTE, COLOR_SPACE = 37500, 40961
INTEROPERABILITY = 40965
_DIRECTORIES = (CAMERA, PLACE, INTEROPERABILITY)

BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED = 1, 2, 3, 4, 5, 7
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_SWAPPED = {**_SIZES, RATIONAL: 4, 10: 4}  # bytes of each number that byte order applies to
_POINTERS = {4: "I", 13: "I", 16: "Q", 18: "Q"}
_MOST_TAGS, _MOST_BYTES = 1000, 1 << 22  # of a directory; only damage or malice makes more


@dataclass(frozen=True)
class Field:
    """The values of a tag."""

    kind: int
    value: bytes


Directory = dict[int, "Field | Directory"]


@dataclass(frozen=True)
class Exif:
    """A directory of tags, and those below it."""

    order: str
    """The byte order, "<" or ">"."""
    tags: Directory

    @classmethod
    def read(
        cls, content: bytes | memoryview, without: Collection[int] = (), most: int = _MOST_BYTES
    ) -> Self:
        """Read the first directory of a TIFF, or of EXIF data, which have the same format.

        Leaves out the tags `without`, and values beyond the end of the content or beyond `most`
        bytes in all. ValueError or struct.error if there is no directory.
        """
        if content[:4] not in SIGNATURES:
            raise ValueError("not a TIFF")
        file = TiffFile(content)
        return cls(file.order, _Reader(file, most).directory(file.start(), without, _DIRECTORIES))

    def bytes_of(self, tag: int) -> bytes | None:
        """The values of a tag as they are stored."""
        field = self.tags.get(tag)
        return field.value if isinstance(field, Field) else None

    def resolution(self) -> tuple[float, float] | None:
        """Pixels per inch, horizontally and vertically."""
        found = [self.bytes_of(tag) or b"" for tag in (X_RESOLUTION, Y_RESOLUTION)]
        if any(len(value) != 8 for value in found):
            return None
        (left, over), (top, under) = (struct.unpack(f"{self.order}II", value) for value in found)
        if not over or not under:
            return None
        unit = self.bytes_of(RESOLUTION_UNIT) or b""
        per_inch = 2.54 if unit.replace(b"\0", b"") == b"\3" else 1  # 3: centimetres
        return left / over * per_inch, top / under * per_inch

    def with_tags(self, tags: Directory) -> Self:
        """A copy with these tags added or replaced."""
        return replace(self, tags={**self.tags, **tags})

    def in_order(self, order: str) -> Self:
        """The same in this byte order."""
        return self if order == self.order else replace(self, order=order, tags=_swapped(self.tags))

    def placed(self, at: int) -> bytes:
        """The directory's bytes, with all that it refers to, for this offset in a file."""
        return _placed(self.tags, self.order, at)

    def block(self) -> bytes:
        """A block of its own, in the form in which pictures hold EXIF data."""
        mark = b"II*\0" if self.order == "<" else b"MM\0*"
        return mark + struct.pack(f"{self.order}I", 8) + self.placed(8)

    def numbers(self, *numbers: int) -> Field:
        """A field of whole numbers."""
        return Field(LONG, struct.pack(f"{self.order}{len(numbers)}I", *numbers))

    def short(self, number: int) -> Field:
        """A field of one small whole number."""
        return Field(SHORT, struct.pack(f"{self.order}H", number))

    def ratio(self, number: float) -> Field:
        """A field of one number, as a ratio with a denominator up to 1,000."""
        ratio = Fraction(number).limit_denominator(1000)
        value = struct.pack(f"{self.order}II", ratio.numerator, ratio.denominator)
        return Field(RATIONAL, value)


class TiffFile:
    """The directories of a TIFF, or of EXIF data; struct.error for anything beyond its end."""

    def __init__(self, content: bytes | memoryview) -> None:
        self.content = content
        self.order = "<" if content[:2] == b"II" else ">"
        is_big = content[2:4] in (b"+\0", b"\0+")
        self._count, self._offset, self._start = ("Q", "Q", 8) if is_big else ("H", "I", 4)

    def number(self, kind: str, at: int) -> int:
        """The whole number at an offset; `kind` is its letter in `struct`."""
        return self._unpacked(kind, at)[0]

    def start(self) -> int:
        """Where the first directory is."""
        return self.number(self._offset, self._start)

    def beginning_at(self, at: int) -> bytes:
        """The content, with the directory at an offset as the first one."""
        if at == self.start():
            return bytes(self.content)
        start = struct.pack(self.order + self._offset, at)
        return b"".join(
            (self.content[: self._start], start, self.content[self._start + len(start) :])
        )

    def entries(self, at: int) -> range:
        """The offsets of the entries of the directory at an offset."""
        first, step = at + struct.calcsize(self._count), struct.calcsize(f"<HH2{self._offset}")
        return range(first, first + self.number(self._count, at) * step, step)

    def following(self, at: int) -> int:
        """Where the directory after the one at an offset is; 0 if that is the last."""
        return self.number(self._offset, self.entries(at).stop)

    def entry(self, at: int) -> tuple[int, int, int, int]:
        """A tag, the type and count of its values, and where these are if they fit in the entry."""
        tag, kind, count = self._unpacked(f"HH{self._offset}", at)
        return tag, kind, count, at + 4 + struct.calcsize(self._offset)

    def values_at(self, at: int, size: int) -> int:
        """Where values of `size` bytes are: at this offset, or at the one stored there."""
        return at if size <= struct.calcsize(self._offset) else self.number(self._offset, at)

    def _unpacked(self, form: str, at: int) -> tuple[int, ...]:
        if at > len(self.content):  # such an offset may be too large for `struct`
            raise struct.error("beyond the end")
        return struct.unpack_from(self.order + form, self.content, at)


@dataclass
class _Reader:
    file: TiffFile
    room: int
    """Bytes that may still be taken."""

    def directory(self, at: int, without: Collection[int], below: Collection[int]) -> Directory:
        """The directory at an offset; the tags in `below` are directories themselves."""
        tags: Directory = {}
        entries = self.file.entries(at)
        if entries[_MOST_TAGS:]:
            raise ValueError("too many tags")
        for tag, kind, count, value_at in map(self.file.entry, entries):
            if tag in tags or tag in without:
                continue
            if tag in below:
                if kind in _POINTERS:
                    inner = self.inner(self.file.number(_POINTERS[kind], value_at), tag)
                    tags.update({tag: inner} if inner else {})
            elif (value := self.value(kind, count, value_at)) is not None:
                tags[tag] = Field(kind, value)
        return tags

    def inner(self, at: int, tag: int) -> Directory:
        try:
            return self.directory(at, (), (INTEROPERABILITY,) if tag == CAMERA else ())
        except (ValueError, struct.error):  # damage there does not affect the rest
            return {}

    def value(self, kind: int, count: int, at: int) -> bytes | None:
        size = _SIZES.get(kind, 0) * count
        if not 0 < size <= self.room:
            return None
        at = self.file.values_at(at, size)
        value = bytes(self.file.content[at : at + size])
        if len(value) < size:
            return None
        self.room -= size
        return value


def _swapped(tags: Directory) -> Directory:
    swapped: Directory = {}
    for tag, field in tags.items():
        if isinstance(field, Field):
            pieces = np.frombuffer(field.value, f"u{_SWAPPED[field.kind]}")
            swapped[tag] = Field(field.kind, pieces.byteswap().tobytes())
        else:
            swapped[tag] = _swapped(field)
    return swapped


def _placed(tags: Directory, order: str, at: int) -> bytes:
    behind = at + 2 + 12 * len(tags) + 4
    entries, values = bytearray(struct.pack(f"{order}H", len(tags))), bytearray()
    for tag, field in sorted(tags.items(), key=lambda item: item[0]):
        here = behind + len(values)
        if isinstance(field, Field):
            count = len(field.value) // _SIZES[field.kind]
            entries += struct.pack(f"{order}HHI", tag, field.kind, count)
            if len(field.value) <= 4:
                entries += field.value.ljust(4, b"\0")
                continue
            values += field.value
        else:
            entries += struct.pack(f"{order}HHI", tag, LONG, 1)
            values += _placed(field, order, here)
        entries += struct.pack(f"{order}I", here)
        values += bytes(len(values) % 2)
    return bytes(entries) + bytes(4) + bytes(values)
