"""Builds a data set: two databases of faces and the manifest that tells how they came about.

Everything is built in a hidden folder inside the target and then renamed into place, so an
interrupted build leaves the target as it was. The manifest arrives last: a folder without one
is not a finished data set.
"""

import json
import os
import platform
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import islice
from pathlib import Path

import lmdb
import numpy as np
from tqdm import tqdm

from colorgan.errors import UserError
from colorgan.faces.celeba import (
    CROP_LEFT,
    CROP_SIDE,
    CROP_TOP,
)
from colorgan.faces.database import Face, FaceWriter
from colorgan.faces.decoding import Decoded, decoding_in_order
from colorgan.faces.images import ImageSource, open_source
from colorgan.faces.lists import TRAINING_PARTITION, Partition, checksum_of_list, read_partition
from colorgan.files import flush_to_disk, hold

MANIFEST = "manifest.json"
_ENTRIES = ("train_lmdb", "test_lmdb", MANIFEST)
_STAGE = ".building"
_REPLACED = ".replaced"


@dataclass(frozen=True)
class BuildOptions:
    """What to build; the fields are the options of `colorgan build-lmdb`."""

    images: tuple[Path, ...]
    partition: tuple[Path, ...]
    """Empty: the lowest numbers train, the next ones test."""
    out: Path
    train_count: int = 60_000
    test_count: int = 1_000
    test_partition: int | None = None
    """None: 2, or 1 where the lists have no image of partition 2."""
    size: int = 64
    workers: int = 1
    max_bad: float = 0.01
    force: bool = False


@dataclass
class Split:
    """One of the two databases: the images chosen for it and what became of them."""

    name: str
    asked: int
    available: int
    """How many images there were to choose from."""
    partition: int | None
    numbers: np.ndarray
    """The chosen image numbers, ascending."""
    written: int = 0
    skipped: list[Decoded] = field(default_factory=list)

    def record(self) -> dict:
        """Return the split's part of the manifest."""
        return {
            "partition": self.partition,
            "asked": self.asked,
            "available": self.available,
            "chosen": len(self.numbers),
            "first_number": int(self.numbers[0]),
            "last_number": int(self.numbers[-1]),
            "written": self.written,
            "skipped": dict(Counter(image.kind for image in self.skipped)),
        }

    def summary(self) -> str:
        """Return one line for the screen."""
        kinds = Counter(image.kind for image in self.skipped)
        skipped = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
        fewer = f" (asked for {self.asked})" if self.available < self.asked else ""
        return (
            f"{self.name}: {self.written} faces of {self.available} available images{fewer}, "
            f"skipped: {skipped or 'none'}"
        )


def build_dataset(options: BuildOptions) -> list[Split]:
    """Build `train_lmdb`, `test_lmdb` and `manifest.json` in `options.out`; return the splits.

    Raises `UserError` for unusable input, a target that exists (without `force`), is being built
    by another process or cannot be written, and for more than `max_bad` damaged images. Until the
    last moment the target's former data stay in place and unharmed.
    """
    source = open_source(*options.images)
    partition = read_partition(*options.partition) if options.partition else None
    splits = choose_images(source, partition, options)
    try:
        with _staging(options.out, options.force) as stage:
            _write_splits(stage, source, splits, options)
            manifest = _manifest(options, source, partition, splits)
            (stage / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
            flush_to_disk(stage / MANIFEST)
            _publish(stage, options.out)
    except (OSError, lmdb.Error) as error:
        raise UserError(f"{options.out}: cannot be written: {error}") from None
    return splits


def choose_images(
    source: ImageSource, partition: Partition | None, options: BuildOptions
) -> list[Split]:
    """Choose the images of the training and the test split by number.

    With a partition list these are the lowest numbers of partition 0 and of the test partition;
    without one, the lowest numbers of all train and the next ones test.
    """
    if partition is None:
        numbers = source.index["number"]
        training, rest = numbers[: options.train_count], numbers[options.train_count :]
        if not len(rest):
            raise UserError(
                f"{_joined(options.images)}: {len(numbers)} images leave none to test after "
                f"{options.train_count} to train; lower --train-count or give --partition"
            )
        train = Split("train", options.train_count, len(numbers), None, training)
        test = Split("test", options.test_count, len(rest), None, rest[: options.test_count])
        return [train, test]
    testing = options.test_partition
    if testing is None:
        testing = partition.testing()
    if testing == TRAINING_PARTITION:
        raise UserError(f"--test-partition {TRAINING_PARTITION} is the training partition")
    chosen = (
        ("train", options.train_count, TRAINING_PARTITION),
        ("test", options.test_count, testing),
    )
    splits = []
    for name, asked, number in chosen:
        members = partition.members(number)
        splits.append(Split(name, asked, len(members), number, members[:asked]))
    return splits


# ----------------------------------------------------------------------------- decode and write


class _DefectLimit:
    """Counts the defects of all splits and ends the build when there are too many.

    Grayscale images are sound and do not count.
    """

    def __init__(self, options: BuildOptions, chosen: int) -> None:
        self._options = options
        self._chosen = chosen
        self._kinds: Counter[str] = Counter()

    def skip(self, split: Split, image: Decoded) -> None:
        """Note an image that gives no face; `UserError` when that is one defect too many."""
        split.skipped.append(image)
        if image.kind == "grayscale":
            return
        self._kinds[image.kind] += 1
        if self._kinds.total() > self._options.max_bad * self._chosen:
            kinds = ", ".join(f"{count} {kind}" for kind, count in self._kinds.most_common())
            raise UserError(
                f"{_joined(self._options.images)}: more than --max-bad "
                f"{self._options.max_bad:g} of the {self._chosen} chosen images are unusable; "
                f"so far: {kinds} (the last: {image.name}, {image.detail}); nothing was replaced"
            )


def _write_splits(
    stage: Path, source: ImageSource, splits: list[Split], options: BuildOptions
) -> None:
    chosen = sum(len(split.numbers) for split in splits)
    limit = _DefectLimit(options, chosen)
    found = []
    for split in splits:
        entries, missing = source.find(split.numbers)
        found.append(entries)
        for number in missing:
            limit.skip(split, _missing(int(number)))
    entries = np.concatenate(found)
    with (
        decoding_in_order(source.containers, entries, options.size, options.workers) as images,
        ExitStack() as opened,
    ):
        writers = [
            opened.enter_context(FaceWriter(stage / f"{split.name}_lmdb")) for split in splits
        ]
        with tqdm(total=len(entries), unit=" images", desc="build_lmdb") as progress:
            for split, its_entries, writer in zip(splits, found, writers, strict=True):
                for image in islice(images, len(its_entries)):
                    if image.pixels is None:
                        limit.skip(split, image)
                    else:
                        writer.add(Face(image.number, image.name, image.pixels))
                    progress.update()
                split.written = writer.count
                if not writer.count:
                    raise UserError(
                        f"{_joined(options.images)}: no usable image for the {split.name} split"
                    )


def _joined(paths: Sequence[Path]) -> str:
    return ", ".join(map(str, paths))


def _missing(number: int) -> Decoded:
    return Decoded(number, f"{number:06d}", None, "missing", "in the list, not among the images")


def _manifest(
    options: BuildOptions,
    source: ImageSource,
    partition: Partition | None,
    splits: list[Split],
) -> dict:
    packages = ("lmdb", "numpy", "opencv-python-headless", "protobuf")
    return {
        "splits": {split.name: split.record() for split in splits},
        "options": {
            "train_count": options.train_count,
            "test_count": options.test_count,
            "test_partition": splits[1].partition,
            "size": options.size,
            "max_bad": options.max_bad,
        },
        "source": {"images": _one_or_all(map(str, options.images)), **source.checksum()},
        "partition": {
            "list": _one_or_all(map(str, options.partition)),
            "sha256": _one_or_all(map(checksum_of_list, options.partition)),
        }
        if partition
        else None,
        "crop": {"left": CROP_LEFT, "top": CROP_TOP, "width": CROP_SIDE, "height": CROP_SIDE},
        "resize": {"width": options.size, "height": options.size, "method": "cv2.INTER_AREA"},
        "pixels": "uint8, channel x row x column, channels blue, green, red",
        "versions": {
            "python": platform.python_version(),
            **{package: version(package) for package in packages},
        },
        "skipped": [
            {
                "split": split.name,
                "number": image.number,
                "name": image.name,
                "reason": image.kind,
                "detail": image.detail,
            }
            for split in splits
            for image in split.skipped
        ],
    }


def _one_or_all(texts: Iterable[str]) -> str | list[str]:
    found = list(texts)
    return found[0] if len(found) == 1 else found


# ----------------------------------------------------------------------------- stage and publish


@contextmanager
def _staging(out: Path, force: bool) -> Iterator[Path]:
    """Lock `out` and give an empty folder in it, which is gone afterwards."""
    created = not out.exists()
    out.mkdir(parents=True, exist_ok=True)
    folder = os.open(out, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if not hold(folder, out):
            raise UserError(f"{out}: another build is writing there; wait for its end")
        _undo_half_publish(out)
        existing = [name for name in _ENTRIES if os.path.lexists(out / name)]
        if existing and not force:
            raise UserError(f"{out}: holds {', '.join(existing)} already; --force replaces them")
        stage = out / _STAGE
        _remove(stage)
        stage.mkdir()
        try:
            yield stage
        finally:
            _undo_half_publish(out)
            _remove(stage)
    finally:
        os.close(folder)
        if created and not any(out.iterdir()):
            out.rmdir()


def _publish(stage: Path, out: Path) -> None:
    """Put the finished entries of `stage` in the place of those of `out`."""
    for name in _ENTRIES:
        flush_to_disk(stage / name if name != MANIFEST else stage)
    replaced = out / _REPLACED
    replaced.mkdir()
    for name in reversed(_ENTRIES):  # the manifest goes first and comes last
        if os.path.lexists(out / name):
            os.rename(out / name, replaced / name)
    for name in _ENTRIES:
        os.rename(stage / name, out / name)
    flush_to_disk(out)
    _remove(replaced)


def _undo_half_publish(out: Path) -> None:
    """Bring back the former entries when `_publish` was stopped before the new manifest stood."""
    replaced = out / _REPLACED
    if not replaced.is_dir():
        return
    if not (out / MANIFEST).exists():
        for name in _ENTRIES:
            if os.path.lexists(replaced / name):
                _remove(out / name)
                os.rename(replaced / name, out / name)
    _remove(replaced)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
