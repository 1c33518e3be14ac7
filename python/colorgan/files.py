"""Files and folders: found, held, written whole or not at all, told apart by their checksums."""

import errno
import fcntl
import hashlib
import json
import os
import secrets
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from colorgan.errors import UserError, note

_LONGEST_NAME = 255  # bytes, of nearly all file systems
# Folders of previews and of what was deleted, and what Windows puts beside pictures; in lower case.
_MADE_BY_PROGRAMS = {
    "@eadir", "#recycle", "@recycle", "$recycle.bin", "__macosx", "thumbs.db", "desktop.ini",
}  # fmt: skip


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is none that its owner put there."""
    return name.startswith(".") or name.lower() in _MADE_BY_PROGRAMS


def ending_of(path: Path) -> str:
    """The ending of a file's name, in lower case, as messages call it."""
    return path.suffix.lower() or "without an ending"


def files_below(
    folder: str | Path, wanted: Callable[[os.DirEntry], bool], refuse: Callable[[OSError], None]
) -> Iterator[os.DirEntry]:
    """The files of a folder, then those of the folders in it, in the order of their names.

    Only files that are `wanted`, links followed, each folder once, hidden ones left out.
    `refuse` is told of what is out of reach: files by a link to nowhere, or that are none, folders
    that cannot be read.
    """
    waiting, seen = [os.fspath(folder)], set()
    while waiting:
        folders = []
        for entry in _visible_entries(waiting.pop(), seen, refuse):
            try:
                if entry.is_dir():
                    folders.append(entry.path)
                    continue
                if not wanted(entry):
                    continue
                if not stat.S_ISREG(entry.stat().st_mode):  # reading a pipe may never end
                    raise OSError(errno.EINVAL, "not a regular file", entry.path)
            except OSError as error:
                refuse(error)
                continue
            yield entry
        waiting += reversed(folders)


def _visible_entries(
    folder: str, seen: set[tuple[int, int]], refuse: Callable[[OSError], None]
) -> list[os.DirEntry]:
    """What lies in a folder, by name; nothing if it was `seen`, by a link that leads there."""
    try:
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in seen:
            return []
        seen.add((status.st_dev, status.st_ino))
        with os.scandir(folder) as found:
            visible = [entry for entry in found if not is_hidden(entry.name)]
    except OSError as error:
        refuse(error)
        return []
    return sorted(visible, key=lambda entry: entry.name)


def out_of_reach(refused: Sequence[OSError]) -> str:
    """What `files_below` refused, as the first words of a line."""
    first = f"{refused[0].filename}: cannot be read ({refused[0].strerror})"
    others = len(refused) - 1
    return first if not others else f"{first}, nor can {others} more files or folders"


def make_folder(path: Path) -> Path:
    """Make a folder that can be written to, and those above it; UserError where there can be none.

    Called before long work, so that its results have somewhere to go.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the folder {path}: {error.strerror}") from None
    if not os.access(path, os.W_OK):
        raise UserError(f"cannot write to the folder {path}; choose another")
    return path


def make_room(path: Path, *endings: str) -> None:
    """See that a file can be written there, and make its folder; UserError where it cannot.

    Called before long work, as `make_folder` is. `endings`, where given, are those that the name
    may have, so that a slip does not replace a file of another kind.
    """
    if endings and path.suffix.lower() not in endings:
        raise UserError(f"{path}: must end in {' or '.join(endings)}")
    make_folder(path.parent)
    _check_replaceable(path)


def _check_replaceable(path: Path) -> None:
    """UserError unless a file may take the place of what is there, if anything is."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from None
    if stat.S_ISDIR(mode):
        raise UserError(f"{path}: a folder; name a file")
    if not stat.S_ISREG(mode):  # renaming would put a file in the place of /dev/null
        raise UserError(f"{path}: not a regular file; name another")


def refuse_to_overwrite(source: Path, target: Path) -> None:
    """`UserError` where a result would take its source's place, under whatever name."""
    if target.exists() and target.samefile(source):
        raise UserError(f"{target}: is the source itself; name another file")


def shortened(name: str, following: str) -> str:
    """As much of a name as there is room for before what follows in a file's name."""
    room = _LONGEST_NAME - len(os.fsencode(following))
    if len(os.fsencode(name)) <= room:
        return name
    whole = os.fsencode(name)[:room].decode(errors="ignore")  # no half of a letter
    return os.fsdecode(whole.encode())  # in a locale of few letters, not all can stand in a name


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that readers find the old content or the new, never a part of it.

    Several processes may write it at once: the last one's content stays.
    """
    _check_replaceable(path)
    # A name of its own for each writer, and short: the file's own may be as long as names may be.
    beside = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with beside.open("xb") as file:
            file.write(content)
        os.replace(beside, path)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from None
    finally:  # after Ctrl-C, too
        with suppress(OSError):
            beside.unlink()


def set_modified(path: Path, nanoseconds: int) -> None:
    """Say when a file was last written, since 1970, where its file system keeps such times."""
    with suppress(OSError):  # nor is that for others than the file's owner
        os.utime(path, ns=(nanoseconds, nanoseconds))


def sha256(path: Path) -> str:
    """A file's SHA-256, in hexadecimal."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None


def read_json(path: Path, *keys: str) -> dict[str, Any]:
    """Read a JSON object that has these keys; UserError where there is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise UserError(f"{path}: damaged ({error}); make it again") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: holds no JSON object; make it again")
    for key in keys:
        if key not in content:
            raise UserError(f"{path}: says nothing of {key!r}; make it again")
    return content


def write_json(path: Path, content: Any, indent: int = 2) -> None:
    """Write JSON whole, see `write_whole`; dataclasses in it become objects.

    ValueError for what JSON does not know, such as NaN.
    """
    text = json.dumps(content, indent=indent, allow_nan=False, default=asdict)
    write_whole(path, f"{text}\n".encode())


LOCK = ".lock"
"""The file in a folder by which `hold` keeps it."""
_NO_LOCKS = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK)


def hold(folder: Path) -> IO[str] | None:
    """Keep a folder from every other process until the file that this gives is closed.

    It is a file in the folder, open for writing: on NFS, other machines know nothing of a folder's
    lock, and a file that is open for reading alone cannot be locked against them (flock(2)). None
    where another process has the folder. A file system without locks, as some network mounts are,
    is told of, and the work goes on. OSError where the file cannot be made.
    """
    path = folder / LOCK
    while True:
        lock = path.open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return None
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                lock.close()
                raise
            note(
                f"{folder}: on a file system without locks ({error.strerror}); "
                "see to it that nothing else writes there"
            )
            return lock
        with suppress(FileNotFoundError):
            if os.path.samestat(path.stat(), os.fstat(lock.fileno())):
                return lock
        lock.close()  # another process has removed it with the folder, after it was opened here


def flush_to_disk(path: Path) -> None:
    """Wait until a file, or a folder's list of names, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
