"""Which pictures and videos a user means, and where the result of each goes."""

import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from colorgan.errors import UserError
from colorgan.photos.pictures import READABLE_SUFFIXES, WRITABLE_SUFFIXES
from colorgan.photos.video import VIDEO_SUFFIXES

MARK = "_colorized"
"""What a result's name has more than its source's; folders and patterns pass by such names."""

STANDARD = "-"
"""In place of a path: standard input, or standard output."""


@dataclass(frozen=True)
class Job:
    """One picture or video to colour."""

    source: Path | None
    """None for standard input."""
    target: Path | None
    """None for standard output."""

    @property
    def name(self) -> str:
        """How messages call the source."""
        return "standard input" if self.source is None else str(self.source)

    @property
    def is_video(self) -> bool:
        """By the suffix of the source's name."""
        return self.source is not None and self.source.suffix.lower() in VIDEO_SUFFIXES


def plan_jobs(
    inputs: Iterable[str], out: Path | None, suffix: str
) -> tuple[list[Job], list[UserError]]:
    """Turn what stands on the command line into jobs, and into errors for what cannot be one.

    An input is a file, a folder (all pictures and videos below it), a pattern as of a shell, or "-"
    for standard input. Results of pictures get `suffix`. They lie beside their sources; or in the
    folder `out`, which keeps the structure of folders; or, for a single input, are the file `out`.
    """
    found: dict[Path | None, Path] = {}  # sources, and their results' places below the out folder
    errors: list[UserError] = []
    for text in inputs:
        try:
            for source, below in _sources(text):
                found.setdefault(source, below)
        except UserError as error:
            errors.append(error)
    if _is_file_name(out):
        if len(found) > 1:
            raise UserError(f"-o {out}: is one file for {len(found)} inputs; name a folder")
        return [Job(source, out) for source in found], errors
    jobs: dict[Path | None, Job] = {}
    for source, below in found.items():
        target = _target(source, below, out, suffix)
        if target in jobs:
            other = jobs[target].name
            errors.append(UserError(f"{source}: its result would be {target}, as that of {other}"))
        else:
            jobs[target] = Job(source, target)
    return list(jobs.values()), errors


def _is_file_name(out: Path | None) -> bool:
    suffixes = {*WRITABLE_SUFFIXES, *VIDEO_SUFFIXES}
    return out is not None and out.suffix.lower() in suffixes and not out.is_dir()


def _sources(text: str) -> Iterator[tuple[Path | None, Path]]:
    """The files that an input means, each with its path below the folder that was named."""
    path = Path(text)
    if text == STANDARD:
        yield None, Path("standard_input")
    elif path.is_dir():
        yield from _folder_sources(path)
    elif os.path.lexists(path):
        yield path, Path(path.name)
    elif glob.has_magic(text):
        matches = [Path(match) for match in sorted(glob.glob(text, recursive=True))]
        matches = [match for match in matches if _is_source(match)]
        if not matches:
            raise UserError(f"{text}: matches no picture or video")
        yield from ((match, Path(match.name)) for match in matches)
    else:
        raise UserError(f"{text}: no such file or folder")


def _folder_sources(folder: Path) -> Iterator[tuple[Path, Path]]:
    def refuse(error: OSError) -> None:
        raise UserError(f"{error.filename}: cannot be read ({error.strerror})")

    found = 0
    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders.sort()
        for name in sorted(names):
            path = Path(parent, name)
            if _is_source(path):
                found += 1
                yield path, path.relative_to(folder)
    if not found:
        raise UserError(f"{folder}: holds no picture or video")


def _is_source(path: Path) -> bool:
    named = path.suffix.lower() in {*READABLE_SUFFIXES, *VIDEO_SUFFIXES}
    hidden = path.name.startswith(".")
    return named and not hidden and not path.stem.endswith(MARK) and path.is_file()


def _target(source: Path | None, below: Path, out: Path | None, suffix: str) -> Path | None:
    if source is None and out is None:
        return None
    place = source if out is None else out / below
    if place.suffix.lower() in VIDEO_SUFFIXES:
        suffix = ".mp4"
    return place.with_name(f"{place.stem}{MARK}{suffix}")
