"""The finished parts of a video, kept in a hidden folder so that a long one goes on after a stop.

The folder lies beside the result and is called `.RESULT.unfinished`. It holds the parts, each some
seconds of encoded film, and a file that says what they are of and how the work stood after the
last. It goes when the result is written; when the film, the options or the programs have changed;
and when the work is stopped so early that to keep it is of little use.
"""

import io
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from colorgan.errors import UserError
from colorgan.files import LOCK, flush_to_disk, hold, shortened, write_whole

WORTH_KEEPING = 60
"""Seconds of work; less is thrown away when it is stopped."""

_ENDING = ".unfinished"
_STATE = "state.npz"


@dataclass
class Parts:
    """The parts of a video that are done, and how the work stood after the last of them."""

    folder: Path
    identity: str
    """Of all that the parts depend on."""
    count: int = 0
    frames: int = 0
    """In all parts."""
    frames_with_faces: int = 0
    seconds: float = 0
    """Of work."""
    state: dict[str, np.ndarray] = field(default_factory=dict)

    def path(self, number: int) -> Path:
        """Where a part lies, counted from 0; the next one is `count`."""
        return self.folder / f"part{number:06d}.mp4"

    def add(
        self, frames: int, with_faces: int, seconds: float, state: Mapping[str, np.ndarray]
    ) -> None:
        """Keep the part that was just written: how many frames it has, what it took, what is next.

        UserError where the disk does not take it.
        """
        self.count += 1
        self.frames += frames
        self.frames_with_faces += with_faces
        self.seconds += seconds
        self.state = dict(state)
        content = io.BytesIO()
        np.savez(content, **self.state, identity=self.identity, counts=self._counts())
        try:
            flush_to_disk(self.path(self.count - 1))
        except OSError as error:
            raise UserError(f"cannot write in {self.folder}: {error.strerror}") from None
        write_whole(self.folder / _STATE, content.getvalue())

    def _counts(self) -> np.ndarray:
        return np.array([self.count, self.frames, self.frames_with_faces, self.seconds])

    def load(self) -> bool:
        """Take what an earlier run has left, if it is of this very work; says whether it was."""
        try:
            with np.load(self.folder / _STATE, allow_pickle=False) as file:
                state = dict(file)
            identity = str(state.pop("identity"))
            *counts, seconds = state.pop("counts").tolist()
        except (OSError, EOFError, ValueError, KeyError, BadZipFile):  # EOFError: it is empty
            return False
        count, frames, frames_with_faces = map(int, counts)
        if identity != self.identity or not all(self.path(at).is_file() for at in range(count)):
            return False
        self.count, self.frames, self.frames_with_faces = count, frames, frames_with_faces
        self.seconds, self.state = seconds, state
        return True

    def write_list(self) -> Path:
        """Write the list of parts by which ffmpeg joins them."""
        lines = [f"file '{self.path(at).name}'\n" for at in range(self.count)]
        path = self.folder / "parts.txt"
        write_whole(path, "".join(lines).encode())
        return path

    def sweep(self) -> None:
        """Remove what belongs to no finished part."""
        kept = {self.path(at).name for at in range(self.count)}
        if kept:
            kept.add(_STATE)
        for path in self.folder.iterdir():
            if path.name not in kept | {LOCK}:
                path.unlink()


@contextmanager
def parts_of(
    target: Path, identity: str, *, anew: bool, tell: Callable[[str], None]
) -> Iterator[Parts]:
    """Work on the parts of a video; at the block's end they are no longer needed.

    Where the block ends with an exception, those that took long are left for the next run. `anew`
    throws away what an earlier run has left; `tell` is told, in a few words, of what is found and
    left. UserError where another process is at the same video, or nothing can be written.
    """
    folder = target.with_name(f".{shortened(target.name, f'.{_ENDING}')}{_ENDING}")
    with _locked(folder, target):
        parts = Parts(folder, identity)
        if (anew or not parts.load()) and (folder / _STATE).exists():
            tell("begun anew; what an earlier run had finished is removed")
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
                tell(f"stopped; {kept}, and the same command goes on after them")
            raise
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(folder: Path, target: Path) -> Iterator[None]:
    """Make a folder and hold it against other processes."""
    try:
        folder.mkdir(exist_ok=True)
        lock = hold(folder)
    except OSError as error:
        raise UserError(f"cannot write {target}: {error.strerror}") from None
    if lock is None:
        raise UserError(f"{target}: another process is writing it; wait for its end")
    try:
        with lock:
            yield
    finally:
        with suppress(OSError):  # there are parts to keep, or the folder is gone
            folder.rmdir()  # which NFS refuses as long as the lock is open
