"""Reads CelebA's lists: the authors' text files, Kaggle's CSV, and what editors turn these into.

A list may be in a zip; its path then continues after the zip's, `archive.zip/folder/list.csv`.
"""

import codecs
import hashlib
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from colorgan.errors import UserError, note
from colorgan.faces.celeba.aligned import image_number

TRAINING_PARTITION, VALIDATION_PARTITION, TEST_PARTITION = range(3)

DAMAGED_ZIP = (zipfile.BadZipFile, zlib.error, RuntimeError)
"""What `zipfile` raises for a member that is damaged, encrypted or compressed in a rare way."""

_BETWEEN_FIELDS = str.maketrans(",;\t\"'", "     ")
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class ListFile:
    """A list's text, split into lines."""

    count: int | None
    """The number of images in its first line, if there is one."""
    columns: list[str]
    """The words of the heading; empty without a heading."""
    rows: list[tuple[int, str]]
    """The other lines that are not blank, each after its line number."""


def read_content(path: Path) -> bytes:
    """The bytes of a file or of a zip's member; OSError if there is none."""
    try:
        return path.read_bytes()
    except NotADirectoryError:
        archive = next(parent for parent in path.parents if parent.exists())
        if not zipfile.is_zipfile(archive):
            raise
    with zipfile.ZipFile(archive) as members:
        try:
            return members.read(path.relative_to(archive).as_posix())
        except KeyError:
            raise FileNotFoundError("no such file in the archive") from None


def checksum_of_list(path: Path) -> str:
    """The SHA-256 of a list's bytes, in hexadecimal."""
    return hashlib.sha256(read_content(path)).hexdigest()


def read_list(path: Path, kind: str) -> ListFile:
    """Read a list; `kind` is what messages call it.

    Byte-order marks, all kinds of line ends, quotes, commas or semicolons, and blanks at the ends
    are accepted. A heading is a first line without a digit. Raises `UserError` for anything that is
    not ASCII text.
    """
    try:
        content = read_content(path)
        text = content.decode("utf-16" if content.startswith(_UTF_16) else "utf-8-sig")
        text.encode("ascii")
    except (OSError, UnicodeError, *DAMAGED_ZIP) as error:
        raise UserError(f"{path}: not a readable {kind}: {error}") from None
    rows = [(at, line) for at, line in enumerate(text.splitlines(), 1) if fields_of(line)]
    count, columns = None, []
    if rows and len(first := fields_of(rows[0][1])) == 1 and first[0].isdecimal():
        count = int(first[0])
        del rows[0]
    if rows and not any(letter.isdecimal() for letter in rows[0][1]):
        columns = fields_of(rows[0][1])
        del rows[0]
    return ListFile(count, columns, rows)


def fields_of(line: str) -> list[str]:
    """The fields of a line, whatever separates and surrounds them."""
    return line.translate(_BETWEEN_FIELDS).split()


def check_count(path: Path, listed: ListFile, found: int) -> None:
    """`UserError` if a list does not have as many images as its first line says."""
    if listed.count not in (None, found):
        raise UserError(
            f"{path}, line 1: says {listed.count} images, but {found} follow; download it again"
        )


# ----------------------------------------------------------------------------- the partition


@dataclass(frozen=True)
class Partition:
    """CelebA's `list_eval_partition.txt`: the partition of each image number."""

    paths: tuple[Path, ...]
    """The lists."""
    numbers: np.ndarray
    """int, ascending."""
    partitions: np.ndarray
    """int, as long as `numbers`: 0 training, 1 validation, 2 test."""

    def members(self, partition: int) -> np.ndarray:
        """Return the ascending numbers of one partition; `UserError` when there are none."""
        members = self.numbers[self.partitions == partition]
        if not len(members):
            there = ", ".join(str(value) for value in np.unique(self.partitions))
            raise UserError(
                f"{', '.join(map(str, self.paths))}: no image of partition {partition}; "
                f"it only has partitions {there}"
            )
        return members

    def testing(self) -> int:
        """Return the partition to test on: test, or validation if that is empty."""
        if (self.partitions == TEST_PARTITION).any():
            return TEST_PARTITION
        note(
            f"the lists have no image of partition {TEST_PARTITION}; "
            f"testing on partition {VALIDATION_PARTITION}"
        )
        return VALIDATION_PARTITION


def read_partition(*paths: Path) -> Partition:
    """Read one or more lists of lines `000001.jpg 0` as one.

    Raises `UserError` for a file that cannot be read, a malformed line, a number that is twice in a
    list, or lists that disagree.
    """
    table = np.concatenate([_partition_table(path, at) for at, path in enumerate(paths)])
    table = table[table[:, 0].argsort(kind="stable")]
    again = np.flatnonzero(table[1:, 0] == table[:-1, 0]) + 1
    for (number, one, first), (_, other, second) in zip(
        table[again - 1].tolist(), table[again].tolist(), strict=True
    ):
        if first == second:
            raise UserError(f"{paths[first]}: lists image {number:06d} twice")
        if one != other:
            raise UserError(
                f"{paths[first]} has image {number:06d} in partition {one}, {paths[second]} "
                f"in {other}; name the right list with --partition"
            )
    table = np.delete(table, again, axis=0)
    return Partition(paths, table[:, 0], table[:, 1])


def _partition_table(path: Path, place: int) -> np.ndarray:
    """The rows of one list, int `(n, 3)`: image number, partition, and `place`."""
    listed = read_list(path, "partition list")
    rows = [(*_partition_row(path, at, line), place) for at, line in listed.rows]
    if not rows:
        raise UserError(f"{path}: lists no images")
    check_count(path, listed, len(rows))
    return np.array(rows, np.int64)


def _partition_row(path: Path, line_number: int, line: str) -> tuple[int, int]:
    fields = fields_of(line)
    number = image_number(fields[0])
    if len(fields) != 2 or number is None or not fields[1].isdecimal():
        raise UserError(f"{path}, line {line_number}: expected '000001.jpg 0', not {line[:40]!r}")
    return number, int(fields[1])
