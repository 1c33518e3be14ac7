"""CelebA as its authors give it: a folder or zip of numbered images, and a partition list.

An aligned CelebA image is 178 pixels wide and 218 high. A face is its centred 178 x 178 part,
averaged down to a small square (assumed; the paper says only "64 x 64").

An index of the images is a NumPy structured array sorted by image number, a few dozen bytes an
image; `zipfile`'s own objects would take several hundred, in each process that holds them. Measured
with Python 3.11 on a zip of 18,023 images: the index takes 1.1 MB, `zipfile`'s objects 10.4 MB; a
process that is given the index opens the zip in 0.1 ms instead of 0.2 s, and reads all images in
0.17 s instead of 0.5 s. So `zipfile` lists the images, and our own few lines read them.

simplejpeg 1.9.0 was tried in place of OpenCV: the same pixels in the same 0.2 ms, and the same 222
of 500 spoilt JPEGs are found, from its exceptions. OpenCV is kept because there are PNGs, too, for
which standard error would have to be read all the same.
"""

import hashlib
import os
import re
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import cv2
import numpy as np

from colorgan.errors import UserError

IMAGE_WIDTH, IMAGE_HEIGHT = 178, 218
CROP_SIDE = 178
CROP_LEFT, CROP_TOP = (IMAGE_WIDTH - CROP_SIDE) // 2, (IMAGE_HEIGHT - CROP_SIDE) // 2

TRAINING_PARTITION = 0

_IMAGE_NAME = re.compile(r"(\d{1,9})\.(?:jpe?g|png)", re.IGNORECASE)
_JPEG_START, _JPEG_END = b"\xff\xd8", b"\xff\xd9"
_LOCAL_HEADER_BYTES = 30


class UnusableImageError(Exception):
    """An image that gives no face: `kind` for counting, the text for the manifest."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind


# ----------------------------------------------------------------------------- decoding


class FaceDecoder:
    """Turns the bytes of an image file into a face; a context manager.

    libjpeg reports a damaged picture only by a line on the standard error stream, and OpenCV
    returns the picture all the same. So while the decoder is open, file descriptor 2 of the whole
    process leads to a file in memory, and a file that makes it grow counts as corrupt.
    """

    def __init__(self, size: int) -> None:
        """Decode to `size` x `size` pixels."""
        self._size = size
        self._messages = os.memfd_create("decoder messages")
        self._messages_seen = 0
        self._stderr = os.dup(2)

    def __enter__(self) -> Self:
        os.dup2(self._messages, 2)
        return self

    def __exit__(self, *_: object) -> None:
        os.dup2(self._stderr, 2)
        os.close(self._stderr)
        os.close(self._messages)

    def decode(self, data: bytes, face: np.ndarray) -> None:
        """Put the face in an image file's bytes into `face`: uint8 `(3, size, size)`, BGR.

        Raises `UnusableImageError` for a file that is empty, no image, cut short, damaged, not
        178 x 218, or without color (one channel, or three equal ones).
        """
        image = self._decode_image(data)
        if image.shape[:2] != (IMAGE_HEIGHT, IMAGE_WIDTH):
            raise UnusableImageError(
                "wrong size",
                f"{image.shape[1]}x{image.shape[0]} pixels, not {IMAGE_WIDTH}x{IMAGE_HEIGHT}",
            )
        if image.ndim == 2:
            raise UnusableImageError("grayscale", "one channel")
        crop = image[CROP_TOP : CROP_TOP + CROP_SIDE, CROP_LEFT : CROP_LEFT + CROP_SIDE]
        small = cv2.resize(crop, (self._size, self._size), interpolation=cv2.INTER_AREA)
        cv2.split(small, list(face))
        blue, green, red = (plane.tobytes() for plane in face)  # bytes compare the quickest
        if blue == green == red:
            raise UnusableImageError("grayscale", "three equal channels")

    def _decode_image(self, data: bytes) -> np.ndarray:
        if not data:
            raise UnusableImageError("empty", "zero bytes")
        if data.startswith(_JPEG_START) and not data.endswith(_JPEG_END):
            raise UnusableImageError("truncated", "no end-of-image marker at the end of the JPEG")
        try:
            image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_ANYCOLOR)
        except cv2.error as error:
            raise UnusableImageError("corrupt", f"OpenCV: {error.err}") from None
        messages = self._new_messages()
        if image is None:
            raise UnusableImageError("not an image", "OpenCV finds no image in it")
        if messages:
            raise UnusableImageError("corrupt", messages)
        return image

    def _new_messages(self) -> str:
        """Return what the decoding libraries have printed since the last call, on one line."""
        size = os.fstat(self._messages).st_size
        if size == self._messages_seen:
            return ""
        text = os.pread(self._messages, size - self._messages_seen, self._messages_seen)
        self._messages_seen = size
        return " ".join(text.decode(errors="replace").split())


# ----------------------------------------------------------------------------- the images


class FolderReader:
    """Reads images of a folder by their index entries; a context manager."""

    def __init__(self, path: Path) -> None:
        self._path = os.fsencode(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def read(self, entry: tuple) -> bytes:
        """Return the file's bytes; `UnusableImageError` when the file cannot be read."""
        try:
            with open(os.path.join(self._path, entry[1]), "rb", buffering=0) as file:
                return file.read()
        except OSError as error:
            raise UnusableImageError("unreadable", error.strerror) from None


class ZipReader:
    """Reads images of a zip archive by their index entries; a context manager."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDONLY)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    def read(self, entry: tuple) -> bytes:
        """Return the member's bytes; `UnusableImageError` when it does not match its checksum."""
        _, name, _, offset, packed_size, crc, deflated = entry
        # The local header ends in the name and an extra field whose length may differ from the
        # directory's; with room for a short one, a single read gets header and data.
        guess = _LOCAL_HEADER_BYTES + len(name) + 64
        try:
            block = os.pread(self._file, guess + packed_size, offset)
            start = _LOCAL_HEADER_BYTES + block[26] + block[28] + 256 * (block[27] + block[29])
            data = block[start : start + packed_size]
            if len(data) < packed_size:
                data = os.pread(self._file, packed_size, offset + start)
            if deflated:
                data = zlib.decompress(data, -zlib.MAX_WBITS)
        except (OSError, IndexError, zlib.error) as error:
            raise UnusableImageError("corrupt", f"in the archive: {error}") from None
        if zlib.crc32(data) != crc:
            raise UnusableImageError("corrupt", "in the archive: wrong checksum")
        return data


@dataclass(frozen=True)
class ImageSource:
    """The images of a folder or zip, found by number."""

    path: Path
    """The folder or zip."""
    index: np.ndarray
    """Sorted by `number`; `path` (bytes) is relative to the folder or to the zip's root."""

    @property
    def is_zip(self) -> bool:
        """Whether the source is a zip archive."""
        return "crc" in self.index.dtype.names

    def find(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the index entries of those of `numbers` that exist, and the numbers that do not.

        Both keep the order of `numbers`.
        """
        places = np.searchsorted(self.index["number"], numbers).clip(max=len(self.index) - 1)
        found = self.index["number"][places] == numbers
        return self.index[places[found]], numbers[~found]

    def checksum(self) -> dict[str, str]:
        """Return what identifies the source, and of what it is the SHA-256.

        A zip's directory has a CRC-32 of each image, which reading an image verifies: with those,
        there is no need to read more than a gigabyte a second time.
        """
        fields = ["path", "size"] + ["crc"] * self.is_zip
        digest = hashlib.sha256()
        for entry in self.index[fields].tolist():
            digest.update(b"%s %s\n" % (entry[0], b" ".join(b"%d" % value for value in entry[1:])))
        what = "path size CRC-32" if self.is_zip else "path size"
        return {
            "sha256": digest.hexdigest(),
            "sha256_of": f"one line '{what}' for each image, in number order",
        }


def open_reader(path: Path) -> FolderReader | ZipReader:
    """Return the reader for the images of the folder or zip at `path`."""
    return FolderReader(path) if path.is_dir() else ZipReader(path)


def open_source(path: Path) -> ImageSource:
    """Find the numbered images (`000001.jpg`) in a folder or zip, at any depth.

    Raises `UserError` when there is no such folder or zip, no image in it, or a number twice.
    """
    try:
        if path.is_dir():
            index = _index_of_folder(path)
        elif zipfile.is_zipfile(path):
            index = _index_of_zip(path)
        elif path.exists():
            raise UserError(f"{path}: neither a folder nor a whole zip archive")
        else:
            raise UserError(f"{path}: no such folder or zip of images")
    except (OSError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: cannot be read: {error}") from None
    if not len(index):
        raise UserError(f"{path}: holds no image named like 000001.jpg")
    index.sort(order="number")
    twice = np.flatnonzero(index["number"][1:] == index["number"][:-1])
    if len(twice):
        first, second = (os.fsdecode(name) for name in index["path"][twice[0] : twice[0] + 2])
        raise UserError(f"{path}: {first} and {second} have the same number; name one folder only")
    return ImageSource(path, index)


def _image_number(name: str) -> int | None:
    """Return the number that an image's file name stands for, or None for other files."""
    match = _IMAGE_NAME.fullmatch(name)
    return int(match[1]) if match else None


def _index_of_folder(path: Path) -> np.ndarray:
    root_length = len(os.fsencode(path)) + 1
    found = [
        (_image_number(entry.name), os.fsencode(entry.path)[root_length:], entry.stat().st_size)
        for entry in _files_below(path)
        if _image_number(entry.name) is not None
    ]
    longest = max((len(name) for _, name, _ in found), default=1)
    return np.array(found, [("number", "i4"), ("path", f"S{longest}"), ("size", "i8")])


def _files_below(path: Path | str) -> Iterable[os.DirEntry]:
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _files_below(entry.path)
            else:
                yield entry


def _index_of_zip(path: Path) -> np.ndarray:
    found = []
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            number = _image_number(info.filename.rpartition("/")[2])
            if number is None:
                continue
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise UserError(f"{path}: {info.filename} is packed by an unusual method; unpack")
            if info.flag_bits & 1:
                raise UserError(f"{path}: {info.filename} is encrypted; unpack the archive first")
            deflated = info.compress_type == zipfile.ZIP_DEFLATED
            found.append(
                (number, os.fsencode(info.filename), info.file_size)
                + (info.header_offset, info.compress_size, info.CRC, deflated)
            )
    longest = max((len(row[1]) for row in found), default=1)
    fields = [("number", "i4"), ("path", f"S{longest}"), ("size", "i8"), ("offset", "i8")]
    return np.array(found, [*fields, ("packed_size", "i8"), ("crc", "u4"), ("deflated", "?")])


# ----------------------------------------------------------------------------- the partition


@dataclass(frozen=True)
class Partition:
    """CelebA's `list_eval_partition.txt`: to which partition each image number belongs."""

    path: Path
    numbers: np.ndarray
    """int, ascending."""
    partitions: np.ndarray
    """int, 0 training, 1 validation, 2 test; as long as `numbers`."""

    def members(self, partition: int) -> np.ndarray:
        """Return the ascending numbers of one partition; `UserError` when there are none."""
        members = self.numbers[self.partitions == partition]
        if not len(members):
            there = ", ".join(str(value) for value in np.unique(self.partitions))
            raise UserError(
                f"{self.path}: no image of partition {partition}; partitions there: {there}"
            )
        return members


def read_partition(path: Path) -> Partition:
    """Read lines `000001.jpg 0` (or, as some mirrors have them, `000001.jpg,0` under a heading).

    Raises `UserError` for a file that cannot be read, an odd line, or a number listed twice.
    """
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a readable partition list: {error}") from None
    if lines and lines[0].strip() == "image_id,partition":
        lines[0] = ""
    rows = [_partition_row(path, at, line) for at, line in enumerate(lines, 1) if line.strip()]
    if not rows:
        raise UserError(f"{path}: lists no images")
    table = np.array(rows, np.int64)
    table = table[table[:, 0].argsort(kind="stable")]
    twice = np.flatnonzero(table[1:, 0] == table[:-1, 0])
    if len(twice):
        raise UserError(f"{path}: lists image {table[twice[0], 0]:06d} twice")
    return Partition(path, table[:, 0], table[:, 1])


def _partition_row(path: Path, line_number: int, line: str) -> tuple[int, int]:
    fields = line.replace(",", " ").split()
    number = _image_number(fields[0])
    if len(fields) != 2 or number is None or not fields[1].isdecimal():
        raise UserError(f"{path}, line {line_number}: expected '000001.jpg 0', not {line[:40]!r}")
    return number, int(fields[1])
