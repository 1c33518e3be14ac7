"""Builds a data set from CelebA: two databases of faces, and a manifest that describes them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
from tqdm import tqdm

from colorgan.errors import UserError, counted
from colorgan.faces.celeba.aligned import CROP_LEFT, CROP_SIDE, CROP_TOP
from colorgan.faces.celeba.images import ImageSource, open_source
from colorgan.faces.celeba.lists import (
    TRAINING_PARTITION,
    Partition,
    checksum_of_list,
    read_partition,
)
from colorgan.faces.database import Face, FaceWriter
from colorgan.faces.packing.decoding import Decoded, decoding_in_order
from colorgan.faces.packing.staging import SHARING, building, versions, write_manifest


@dataclass(frozen=True)
class BuildOptions:
    """What to build; the fields are the options of `colorgan build-lmdb`."""

    images: tuple[Path, ...]
    partition: tuple[Path, ...]
    """If empty, the lowest numbers train, and the next ones test."""
    out: Path
    train_count: int = 60_000
    test_count: int = 1_000
    test_partition: int | None = None
    """None stands for 2, or for 1 if the lists have no image of partition 2."""
    size: int = 64
    workers: int = 1
    max_bad: float = 0.01
    force: bool = False


@dataclass
class Split:
    """One of the two databases: the images chosen for it, and what became of them."""

    name: str
    asked: int
    available: int
    """The number of images there were to choose from."""
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
        skipped = counted(Counter(image.kind for image in self.skipped))
        fewer = f" (asked for {self.asked})" if self.available < self.asked else ""
        return (
            f"{self.name}: {self.written} faces of {self.available} available images{fewer}, "
            f"skipped: {skipped or 'none'}"
        )


def build_dataset(options: BuildOptions) -> list[Split]:
    """Build `train_lmdb`, `test_lmdb` and `manifest.json` in `options.out`; return the splits.

    Raises `UserError` for unusable input, for a target that exists (without `force`), is being
    built by another process or cannot be written, and for more than `max_bad` damaged images. The
    target's old data stay in place, untouched, until the last moment.
    """
    source = open_source(*options.images)
    partition = read_partition(*options.partition) if options.partition else None
    splits = choose_images(source, partition, options)
    with building(options.out, options.force) as stage:
        _write_splits(stage, source, splits, options)
        write_manifest(stage, _manifest(options, source, partition, splits))
    return splits


def choose_images(
    source: ImageSource, partition: Partition | None, options: BuildOptions
) -> list[Split]:
    """Choose the images of the training and the test split by number.

    With a partition list, these are the lowest numbers of partition 0 and of the test partition.
    Without one, the lowest numbers of all train, and the next ones test.
    """
    if partition is None:
        numbers = source.index["number"]
        training, rest = numbers[: options.train_count], numbers[options.train_count :]
        if not len(rest):
            raise UserError(
                f"{joined(options.images)}: has {len(numbers)} images, which leaves none to test "
                f"after {options.train_count} to train; lower --train-count or give --partition"
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
    """Counts the defects of all splits, and ends the build when there are too many.

    Grayscale images are not damaged, and do not count.
    """

    def __init__(self, options: BuildOptions, chosen: int) -> None:
        self._options = options
        self._chosen = chosen
        self._kinds: Counter[str] = Counter()

    def skip(self, split: Split, image: Decoded) -> None:
        """Record an image without a usable face; `UserError` if there are too many defects."""
        split.skipped.append(image)
        if image.kind == "grayscale":
            return
        self._kinds[image.kind] += 1
        if self._kinds.total() > self._options.max_bad * self._chosen:
            raise UserError(
                f"{joined(self._options.images)}: more than --max-bad "
                f"{self._options.max_bad:g} of the {self._chosen} chosen images are unusable; "
                f"so far: {counted(self._kinds)} (the last: {image.name}, {image.detail}); "
                "nothing was replaced"
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
    how = options.size, options.workers, stage / SHARING
    with decoding_in_order(source.containers, entries, *how) as images, ExitStack() as opened:
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
                        f"{joined(options.images)}: no usable image for the {split.name} split"
                    )


def joined(paths: Sequence[Path]) -> str:
    """Paths, joined for a message."""
    return ", ".join(map(str, paths))


def _missing(number: int) -> Decoded:
    return Decoded(number, f"{number:06d}", None, "missing", "in the list, not among the images")


def _manifest(
    options: BuildOptions, source: ImageSource, partition: Partition | None, splits: list[Split]
) -> dict:
    return {
        "splits": {split.name: split.record() for split in splits},
        "options": {
            "train_count": options.train_count,
            "test_count": options.test_count,
            "test_partition": splits[1].partition,
            "size": options.size,
            "max_bad": options.max_bad,
        },
        "source": {"images": one_or_all(map(str, options.images)), **source.checksum()},
        "partition": {
            "list": one_or_all(map(str, options.partition)),
            "sha256": one_or_all(map(checksum_of_list, options.partition)),
        }
        if partition
        else None,
        "crop": {"left": CROP_LEFT, "top": CROP_TOP, "width": CROP_SIDE, "height": CROP_SIDE},
        "resize": {"width": options.size, "height": options.size, "method": "cv2.INTER_AREA"},
        "pixels": "uint8, channel x row x column, channels blue, green, red",
        "versions": versions(),
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


def one_or_all(texts: Iterable[str]) -> str | list[str]:
    """The only text, or a list if there are several, for a manifest."""
    found = list(texts)
    return found[0] if len(found) == 1 else found
