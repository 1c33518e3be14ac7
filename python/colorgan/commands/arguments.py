"""What commands take on their command lines: types for argparse, and what several share."""

from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path


def positive_int(text: str) -> int:
    """Counts something."""
    if (value := int(text)) < 1:
        raise ArgumentTypeError(f"{text} is not 1 or more")
    return value


def natural_int(text: str) -> int:
    """Numbers something from 0."""
    if (value := int(text)) < 0:
        raise ArgumentTypeError(f"{text} is not 0 or more")
    return value


def positive_float(text: str) -> float:
    """Weighs something."""
    if not 0 < (value := float(text)) < float("inf"):
        raise ArgumentTypeError(f"{text} is not a positive number")
    return value


def fraction(text: str) -> float:
    """A part of something that is neither nothing nor all of it."""
    if not 0 < (value := float(text)) < 1:
        raise ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


def percentage(text: str) -> int:
    """A quality from 1 to 100."""
    if not 1 <= (value := int(text)) <= 100:
        raise ArgumentTypeError(f"{text} is not from 1 to 100")
    return value


def named_path(text: str) -> tuple[str, Path]:
    """NAME=PATH: a file or folder, and how it is called."""
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise ArgumentTypeError(f"{text!r} is not NAME=PATH")
    return name, Path(path)


def add_coloring_arguments(parser: ArgumentParser) -> None:
    """Add what the commands that colour photos share: `weights`, `device`, `max_megapixels`."""
    add = parser.add_argument
    add("--weights", type=Path, help="a generator's .caffemodel (data/weights/best.caffemodel)")
    add("--device", help="caffe, opencv, gpu or gpu:N (caffe if installed, else opencv)")
    add(
        "--max-megapixels",
        type=positive_float,
        default=100,
        metavar="N",
        help="refuse larger pictures (100)",
    )
