"""The weights that come with the project, and the checksums that tell whether they are intact.

They are data/weights/NAME.caffemodel. SHA256SUMS beside them is in the format of `sha256sum`, and
`sha256sum --check` reads it.
"""

import hashlib
import os
import re
from pathlib import Path

from colorgan.errors import UserError
from colorgan.places import WEIGHTS

CHECKSUMS_FILE = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-fA-F]{64}) [ *](.+)")  # digest, text or binary mode, file name


def released_weights(folder: Path = WEIGHTS) -> dict[str, Path]:
    """The .caffemodel files that SHA256SUMS lists, by their names without the suffix."""
    paths = [folder / name for name in read_checksums(folder)]
    return {path.stem: path for path in paths if path.suffix == ".caffemodel"}


def read_checksums(folder: Path) -> dict[str, str]:
    """File names and SHA-256 digests from a folder's SHA256SUMS, in its order; empty without one.

    UserError where it cannot be read, or a line is not in the format of `sha256sum`.
    """
    path = folder / CHECKSUMS_FILE
    try:
        lines = os.fsdecode(path.read_bytes()).splitlines()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    checksums = {}
    for number, line in enumerate(lines, 1):
        match = _LINE.fullmatch(line)
        if not match:
            raise UserError(f"{path}: line {number} is not sha256sum's; fetch the file again")
        checksums[match[2]] = match[1].lower()
    return checksums


def check_released(path: Path, content: bytes) -> None:
    """UserError if SHA256SUMS beside `path` lists it with another checksum than `content` has."""
    expected = read_checksums(path.parent).get(path.name)
    if expected and hashlib.sha256(content).hexdigest() != expected:
        raise UserError(
            f"{path}: its checksum is not the one in {CHECKSUMS_FILE}; fetch the file again"
        )
