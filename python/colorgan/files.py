"""Files and folders: finding them, writing all or nothing, and their checksums."""

import errno
import hashlib
import json
import os
import secrets
import stat
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from colorgan.errors import UserError
from colorgan.kinds import Kind, misfit

_LONGEST_NAME = 255  # bytes, in nearly all file systems
# Folders of previews and deleted files, and files that Windows puts next to pictures; lower case.
_MADE_BY_PROGRAMS = {
    "@eadir", "#recycle", "@recycle", "$recycle.bin", "__macosx", "thumbs.db", "desktop.ini",
}  # fmt: skip


def is_hidden(name: str) -> bool:
    """Whether a file or folder with this name is hidden, or was put there by a program."""
    return name.startswith(".") or name.lower() in _MADE_BY_PROGRAMS


def ending_of(path: Path) -> str:
    """The suffix of a file's name for messages, in lower case."""
    return path.suffix.lower() or "without an ending"


def files_below(
    folder: str | Path, wanted: Callable[[os.DirEntry], bool], refuse: Callable[[OSError], None]
) -> Iterator[os.DirEntry]:
    """The files of a folder, then those of the folders in it, in the order of their names.

    Only files that are `wanted`; links are followed, each folder is searched once, and hidden files
    and folders are left out. `refuse` is called for what cannot be read: broken links, things that
    are not regular files, and folders without permission.
    """
    waiting = [os.fspath(folder)]
    seen: set[tuple[int, int]] = set()
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
    """The visible entries of a folder, by name; none if it was `seen` before, through a link."""
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
    """What `files_below` refused, as the beginning of a message."""
    first = f"{refused[0].filename}: cannot be read ({refused[0].strerror})"
    others = len(refused) - 1
    return first if not others else f"{first}, nor can {others} more files or folders"


def make_folder(path: Path) -> Path:
    """Make a writable folder, and those above it; UserError if that fails.

    Call it before long work, so that the results have somewhere to go.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the folder {path}: {error.strerror}") from None
    if not os.access(path, os.W_OK):
        raise UserError(f"cannot write to the folder {path}; choose another")
    return path


def make_room(path: Path, *endings: str) -> None:
    """Check that a file can be written, and make its folder; UserError if it cannot.

    Call it before long work, like `make_folder`. `endings`, if given, are the suffixes that the
    name may have, so that a slip does not replace a file of another kind.
    """
    if endings and path.suffix.lower() not in endings:
        raise UserError(f"{path}: must end in {' or '.join(endings)}")
    make_folder(path.parent)
    _check_replaceable(path)


def _check_replaceable(path: Path) -> None:
    """UserError unless a file can be written here, replacing the old one if there is one."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from None
    if stat.S_ISDIR(mode):
        raise UserError(f"{path}: a folder; name a file")
    if not stat.S_ISREG(mode):  # renaming a file could replace /dev/null
        raise UserError(f"{path}: not a regular file; name another")


def refuse_to_overwrite(source: Path, target: Path) -> None:
    """`UserError` if a result would replace its own source, under whatever name."""
    if target.exists() and target.samefile(source):
        raise UserError(f"{target}: is the source itself; name another file")


def shortened(name: str, following: str) -> str:
    """As much of a name as leaves room for what follows it in a file's name."""
    room = _LONGEST_NAME - len(os.fsencode(following))
    if len(os.fsencode(name)) <= room:
        return name
    letters = os.fsencode(name)[:room].decode(errors="ignore")  # no part of a letter
    return os.fsdecode(letters.encode())  # some locales cannot encode all letters


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that readers see either the old content or the new, never a part of it.

    Several processes may write it at once; the last one's content stays.
    """
    _check_replaceable(path)
    # Each writer has its own short name, since the file's name may already have the longest length.
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
    """Set when a file was last written, in nanoseconds since 1970, if that is possible."""
    with suppress(OSError):  # only the file's owner may, and not all file systems keep times
        os.utime(path, ns=(nanoseconds, nanoseconds))


def sha256(path: Path) -> str:
    """A file's SHA-256, in hexadecimal."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None


def read_json(path: Path, **kinds: Kind) -> dict[str, Any]:
    """Read a JSON object whose entries are of these kinds; UserError if there is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise UserError(f"{path}: damaged ({error}); create it again") from None
    except RecursionError:
        raise UserError(f"{path}: damaged (nested too deeply); create it again") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: not a JSON object; create it again")
    wrong = misfit(content, kinds)
    if wrong:
        raise UserError(f"{path}: {wrong}; create it again")
    return content


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file; UserError if there is none."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError as error:  # from its bytes, or its text
        raise UserError(f"{path}: not a TOML file ({error})") from None
    except RecursionError:
        raise UserError(f"{path}: not a TOML file (nested too deeply)") from None


def write_json(path: Path, content: Any, indent: int = 2) -> None:
    """Write JSON with `write_whole`; dataclasses in it become objects.

    ValueError for values that JSON does not have, such as NaN.
    """
    text = json.dumps(content, indent=indent, allow_nan=False, default=asdict)
    write_whole(path, f"{text}\n".encode())


def flush_to_disk(path: Path) -> None:
    """Wait until a file, or a folder's list of names, is safely on the disk."""
    is_folder = path.is_dir()
    if is_folder and sys.platform == "win32":  # which has nothing for that
        return
    descriptor = os.open(path, os.O_RDONLY if is_folder else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
