"""Argument types for argparse, and arguments that several commands share."""

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NoReturn, TypeVar

from colorgan.errors import UserError

Number = TypeVar("Number", int, float)


class CommandParser(ArgumentParser):
    """Parses a command line; a mistake in it raises a `UserError` of one line."""

    def error(self, message: str) -> NoReturn:
        """End the parsing."""
        is_of_a_value = message.startswith("argument ")  # it already says which values are allowed
        raise UserError(message if is_of_a_value else f"{message}; see {self.prog} --help")

    def with_values(self, words: Sequence[str]) -> list[str]:
        """Join values that begin with "-" to their options, so they are not taken for options.

        `--hint -5,1,#ff0000` becomes `--hint=-5,1,#ff0000`.
        """
        joined: list[str] = []
        options = self._option_string_actions  # argparse has no public table of them
        for word in words:
            wants_one = joined and "--" not in joined and joined[-1] in options
            is_value = word.startswith("-") and word != "--" and word.split("=")[0] not in options
            if wants_one and is_value and options[joined[-1]].nargs is None:
                joined[-1] += f"={word}"
            else:
                joined.append(word)
        return joined


def number(text: str, kind: type[Number], fits: Callable[[Number], bool], wanted: str) -> Number:
    """Convert a text to an int or float; ArgumentTypeError, "is not ...", if it does not fit."""
    with suppress(ValueError):
        if fits(value := kind(text)):
            return value
    raise ArgumentTypeError(f"{text} is not {wanted}")


def at_least(least: int, text: str) -> int:
    """A whole number from `least` on."""
    value = number(text, int, lambda _: True, "a whole number")
    if value < least:
        raise ArgumentTypeError(f"{text} is not {least} or more")
    return value


def positive_int(text: str) -> int:
    """A count: a whole number from 1 on."""
    return at_least(1, text)


def natural_int(text: str) -> int:
    """A whole number from 0 on, such as a GPU's, a seed, or how many faces to skip."""
    return at_least(0, text)


def up_to(most: int, least: int = 1) -> Callable[[str], int]:
    """The type of a whole number from `least` to `most`."""
    fits = range(least, most + 1).__contains__
    return partial(number, kind=int, fits=fits, wanted=f"from {least} to {most}")


worker_count = up_to(512)
"""A number of processes or threads, no fewer than large machines have cores."""

percentage = up_to(100)
"""A quality from 1 to 100."""


def positive_float(text: str) -> float:
    """A positive number."""
    return number(text, float, lambda value: 0 < value < float("inf"), "a positive number")


def millions(text: str) -> float:
    """Millions of something, up to 1e9 of them."""
    return number(text, float, lambda value: 0 < value <= 1e9, "a positive number up to 1e9")


def fraction(text: str) -> float:
    """A share that is neither 0 nor 1."""
    return number(text, float, lambda value: 0 < value < 1, "between 0 and 1")


def named_path(text: str) -> tuple[str, Path]:
    """NAME=PATH: a name for a file or folder, and its path."""
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise ArgumentTypeError(f"{text!r} is not NAME=PATH")
    return name, Path(path)


def add_test_face_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of commands that measure on test faces: `data`, `skip`, `count`."""
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder of colorgan build-lmdb")
    add(
        "--skip",
        type=natural_int,
        default=0,
        metavar="N",
        help="leave out the first N test faces, on which training chose its best snapshot",
    )
    add("--count", type=positive_int, metavar="N", help="take at most N test faces (all)")


def check_distinct(option: str, names: Sequence[str], taken: Sequence[str] = ()) -> None:
    """UserError if two of an option's names are the same, or one is in `taken`."""
    seen = set(taken)
    for name in names:
        if name in seen:
            raise UserError(f"{option}: the name {name!r} is taken; choose another")
        seen.add(name)


def add_coloring_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of commands that colour photos: `weights`, `device`, `max_megapixels`."""
    add = parser.add_argument
    add("--weights", type=Path, help="a generator's .caffemodel (data/weights/best.caffemodel)")
    add("--device", help="caffe, opencv, gpu or gpu:N (caffe if installed, else opencv)")
    add(
        "--max-megapixels",
        type=millions,
        default=100,
        metavar="N",
        help="refuse larger pictures (100)",
    )
