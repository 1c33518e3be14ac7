"""Finds the pictures and videos that a user means, and names the result of each."""

import errno
import glob
import os
import stat
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain, count
from pathlib import Path
from typing import TypeGuard

from colorgan.errors import UserError
from colorgan.files import ending_of, files_below, is_hidden, refuse_to_overwrite, shortened
from colorgan.photos.containers import VIDEO_SUFFIXES, WRITABLE_VIDEO_SUFFIXES, is_video
from colorgan.photos.pictures.encoding import WRITABLE_SUFFIXES
from colorgan.photos.pictures.formats import READABLE_SUFFIXES

MARK = "_colorized"
"""Added to a source's name for its result; such files in folders and patterns are skipped."""

STANDARD = "-"
"""Stands for standard input, or standard output, instead of a path."""

_NOT_THERE = (errno.ENOENT, errno.ENOTDIR)
_NO_NAME = 123  # what Windows says of a pattern


@dataclass(frozen=True)
class Job:
    """One picture or video to colour."""

    source: Path | None
    """None for standard input."""
    target: Path | None
    """None for standard output."""

    @property
    def name(self) -> str:
        """What messages call the source."""
        return "standard input" if self.source is None else str(self.source)

    @property
    def is_video(self) -> bool:
        """Whether the source is a video, by its suffix, or else by its content."""
        return self.source is not None and is_video(self.source)


@dataclass
class Plan:
    """What the inputs of a command line amount to."""

    jobs: list[Job]
    errors: list[UserError]
    """For inputs that cannot be jobs."""
    skipped: Counter[str]
    """Files of folders and patterns that are neither pictures nor videos, by their suffixes, and
    results that were named as inputs, as MARK."""


def plan_jobs(inputs: Iterable[str], out: Path | None, suffix: str) -> Plan:
    """Turn the inputs of a command line into jobs.

    An input is a file, a folder (all pictures and videos below it; links are followed, and hidden
    files left out), a shell pattern, or "-" for standard input. Results of earlier runs are skipped
    unless nothing else is named. Results of pictures get `suffix`. They go next to their sources,
    or into the folder `out` with the structure of folders kept, or, for a single input, into the
    file `out`. No two get the same name, or names that only differ in case.
    """
    search = _Search()
    found = search.all_sources(inputs)
    skipped = Counter(MARK if _is_result(p) else ending_of(p) for p in sorted(search.skipped))
    if _is_file_name(out):
        if len(found) > 1:
            raise UserError(f"-o {out}: is one file for {len(found)} inputs; name a folder")
        for path in filter(None, found):
            refuse_to_overwrite(path, out)
        return Plan([Job(source, out) for source in found], search.errors, skipped)
    jobs: dict[str, Job] = {}
    for source, below in found.items():
        places = ((_as_one(target), target) for target in _targets(source, below, out, suffix))
        place, target = next((place, target) for place, target in places if place not in jobs)
        jobs[place] = Job(source, target)
    return Plan(list(jobs.values()), search.errors, skipped)


def _as_one(target: Path | None) -> str:
    """The same for all names that a file system of a Mac, Windows or a stick takes for one."""
    return unicodedata.normalize("NFC", str(target)).casefold()


def _is_file_name(out: Path | None) -> TypeGuard[Path]:
    """Whether `out` names a file; UserError for a format that is read but not written."""
    if out is None or os.path.isdir(out):
        return False
    suffix, writable = out.suffix.lower(), {*WRITABLE_SUFFIXES, *WRITABLE_VIDEO_SUFFIXES}
    if suffix not in writable and suffix in {*READABLE_SUFFIXES, *VIDEO_SUFFIXES}:
        raise UserError(f"-o {out}: {suffix} is not written; use {', '.join(sorted(writable))}")
    return suffix in writable


class _Search:
    """Finds the files that inputs mean.

    Attributes:
        errors: about what cannot be reached.
        skipped: files of folders and patterns that are neither pictures nor videos, and results
            that were named as inputs.
    """

    def __init__(self) -> None:
        self.errors: list[UserError] = []
        self.skipped: set[Path] = set()

    def all_sources(self, inputs: Iterable[str]) -> dict[Path | None, Path]:
        """The files that the inputs mean, each once by whatever paths; see `_sources`."""
        found: dict[Path | None, Path] = {}
        seen: set[tuple[str, str] | None] = set()
        real_path = cache(os.path.realpath)  # of folders, which hold many files each
        for text in inputs:
            try:
                for source, below in self._sources(text):
                    place = (real_path(source.parent), source.name) if source else None
                    if place not in seen:
                        seen.add(place)
                        found[source] = below
            except UserError as error:
                self.errors.append(error)
            except OSError as error:
                self.refuse(text, error)
        results = {source for source in found if source is not None and _is_result(source)}
        if len(results) == len(found):
            return found
        self.skipped |= results  # of an earlier run, which a shell pattern matched
        return {source: below for source, below in found.items() if source not in results}

    def _sources(self, text: str) -> Iterator[tuple[Path | None, Path]]:
        """The files that an input means, each with its path below the folder that was named.

        OSError if the input itself cannot be read.
        """
        path = Path(text)
        if text == STANDARD:
            yield None, Path("standard_input")
            return
        try:
            is_folder = stat.S_ISDIR(path.stat().st_mode)
        except OSError as error:
            if error.errno not in _NOT_THERE and getattr(error, "winerror", 0) != _NO_NAME:
                raise
            is_folder = False
        if is_folder:
            yield from self._folder_sources(path)
        elif os.path.lexists(path):
            yield path, Path(path.name)
        elif glob.has_magic(text):
            folder = _folder_of(path)
            pattern = os.path.join(glob.escape(str(folder)), str(path.relative_to(folder)))
            matches = [Path(match) for match in sorted(glob.glob(pattern, recursive=True))]
            visible = [m for m in matches if not any(map(is_hidden, m.relative_to(folder).parts))]
            matches = [match for match in visible if self._is_source(match)]
            if not matches:
                raise UserError(f"{text}: matches no picture or video")
            yield from ((match, Path(match.name)) for match in matches)
        else:
            raise UserError(f"{text}: no such file or folder")

    def refuse(self, path: object, error: OSError) -> None:
        """Keep an error about what cannot be reached."""
        self.errors.append(UserError(f"{path}: cannot be read ({error.strerror})"))

    def _folder_sources(self, folder: Path) -> Iterator[tuple[Path, Path]]:
        def wanted(entry: os.DirEntry) -> bool:
            return self._is_source(Path(entry.path))

        def refuse(error: OSError) -> None:
            self.refuse(error.filename, error)

        path = None
        for path in map(Path, files_below(folder, wanted, refuse)):
            yield path, path.relative_to(folder)
        if path is None:
            raise UserError(f"{folder}: contains no picture or video")

    def _is_source(self, path: Path) -> bool:
        """Whether a file is one to colour, by its name; one that cannot be reached is an error."""
        if _is_result(path):
            return False
        is_named = path.suffix.lower() in {*READABLE_SUFFIXES, *VIDEO_SUFFIXES}
        try:
            mode = path.stat().st_mode
        except OSError as error:  # a broken link, or a folder that may be listed but not entered
            if is_named:
                self.refuse(path, error)
            return False
        if stat.S_ISREG(mode) and not is_named:
            self.skipped.add(path)
        elif is_named and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            self.errors.append(UserError(f"{path}: not a regular file"))
        return is_named and stat.S_ISREG(mode)


def _is_result(path: Path) -> bool:
    return path.stem.endswith(MARK)


def _folder_of(pattern: Path) -> Path:
    """The last folder in a pattern that exists under just this name, brackets and all."""
    return next(parent for parent in pattern.parents if parent.is_dir())


def _targets(
    source: Path | None, below: Path, out: Path | None, suffix: str
) -> Iterator[Path | None]:
    """Possible paths for a result, best first; the others are for when that is taken.

    They use the source's name; its suffix as well, which distinguishes a.png from a.jpg; its
    folder, which distinguishes 1/a.png from 2/a.png; or a number.
    """
    if source is None and out is None:
        yield None
        return
    place = below if source is None or out is not None else source
    folder = place.parent if out is None else out / place.parent
    if source is not None and is_video(source):
        suffix = ".mp4"
    stem, ending = place.stem, place.suffix.lstrip(".").lower()
    parent = "" if source is None else source.absolute().parent.name
    stems = [stem, f"{stem}_{ending}", f"{parent}_{stem}", f"{parent}_{stem}_{ending}"]
    for name in chain(stems, (f"{stem}_{number}" for number in count(2))):
        yield folder / f"{shortened(name, MARK + suffix)}{MARK}{suffix}"
