"""The finished parts of a video, kept in a hidden folder so that work on a long one can resume.

The folder is next to the result and called `.RESULT.unfinished`. It holds the parts, each a few
seconds of encoded film, and a file that says what they belong to, and in which state the work was
after the last part. It is removed when the result is written, when the film, the options or the
programs have changed, or when the work is stopped too early for keeping it to be of use.
"""

import io
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from colorgan.errors import UserError
from colorgan.files import flush_to_disk, shortened, write_whole
from colorgan.locks import LOCK, hold

WORTH_KEEPING = 60
"""Seconds of work; less than this is thrown away when work stops."""

_ENDING = ".unfinished"
_STATE = "state.npz"


@dataclass
class Parts:
    """The finished parts of a video, and the state of the work after the last one."""

    folder: Path
    identity: str
    """Describes everything that the parts depend on."""
    count: int = 0
    frames: int = 0
    """In all parts."""
    frames_with_faces: int = 0
    seconds: float = 0
    """Of work."""
    state: dict[str, np.ndarray] = field(default_factory=dict)

    def path(self, number: int) -> Path:
        """The path of a part, counted from 0; the next one is `count`."""
        return self.folder / f"part{number:06d}.mp4"

    def add(
        self, frames: int, with_faces: int, seconds: float, state: Mapping[str, np.ndarray]
    ) -> None:
        """Keep the part that was just written; `frames` and `seconds` are those of this part.

        `state` is what the next part needs. UserError if the disk does not take it.
        """
        self.count += 1
        self.frames += frames
        self.frames_with_faces += with_faces
        self.seconds += seconds
        self.state = dict(state)
        content = io.BytesIO()
        arrays: dict[str, Any] = {**self.state, "identity": self.identity, "counts": self._counts()}
        np.savez(content, **arrays)
        try:
            flush_to_disk(self.path(self.count - 1))
        except OSError as error:
            raise UserError(f"cannot write in {self.folder}: {error.strerror}") from None
        write_whole(self.folder / _STATE, content.getvalue())

    def _counts(self) -> np.ndarray:
        return np.array([self.count, self.frames, self.frames_with_faces, self.seconds])

    def load(self) -> bool:
        """Take over an earlier run's work, if its identity is the same; returns whether it is."""
        try:
            with np.load(self.folder / _STATE, allow_pickle=False) as file:
                state = dict(file)
            identity = str(state.pop("identity"))
            *counts, seconds = state.pop("counts").tolist()
        except (OSError, EOFError, ValueError, KeyError, BadZipFile):  # EOFError if it is empty
            return False
        count, frames, frames_with_faces = map(int, counts)
        if identity != self.identity or not all(self.path(at).is_file() for at in range(count)):
            return False
        self.count, self.frames, self.frames_with_faces = count, frames, frames_with_faces
        self.seconds, self.state = seconds, state
        return True

    def write_list(self) -> Path:
        """Write the list of parts for ffmpeg to join."""
        lines = [f"file '{self.path(at).name}'\n" for at in range(self.count)]
        path = self.folder / "parts.txt"
        write_whole(path, "".join(lines).encode())
        return path

    def sweep(self) -> None:
        """Remove everything that does not belong to a finished part."""
        kept = {self.path(at).name for at in range(self.count)}
        if kept:
            kept.add(_STATE)
        for path in self.folder.iterdir():
            if path.name not in kept | {LOCK}:
                path.unlink()


@contextmanager
def parts_of(
    target: Path, identity: str, *, start_over: bool, report: Callable[[str], None]
) -> Iterator[Parts]:
    """Work on the parts of a video; they are removed when the block ends.

    If it ends with an exception, parts that took long are kept for the next run. `start_over`
    throws away what an earlier run left; `report` is called with a short message about what is
    found and kept. UserError if another process works on the same video, or nothing can be written.
    """
    folder = target.with_name(f".{shortened(target.name, f'.{_ENDING}')}{_ENDING}")
    with _locked(folder, target):
        parts = Parts(folder, identity)
        if (start_over or not parts.load()) and (folder / _STATE).exists():
            report("started over; what an earlier run had finished is removed")
        parts.sweep()
        try:
            yield parts
        except BaseException:
            if parts.seconds < WORTH_KEEPING:
                shutil.rmtree(folder, ignore_errors=True)
            else:
                with suppress(OSError):
                    parts.sweep()
                kept = f"{parts.frames:,} finished frames are kept in {folder.name}"
                report(f"stopped; {kept}, and the same command continues from there")
            raise
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(folder: Path, target: Path) -> Iterator[None]:
    """Make a folder, and lock it against other processes."""
    try:
        folder.mkdir(exist_ok=True)
        lock = hold(folder)
    except OSError as error:
        raise UserError(f"cannot write {target}: {error.strerror}") from None
    if lock is None:
        raise UserError(f"{target}: another process is writing it; wait until that has finished")
    try:
        with lock:
            yield
    finally:
        with suppress(OSError):  # there are parts to keep, or the folder is gone
            if sys.platform == "win32" and os.listdir(folder) == [LOCK]:
                (folder / LOCK).unlink()  # which Windows refuses as long as it is open
            folder.rmdir()  # which NFS refuses as long as the lock is open
