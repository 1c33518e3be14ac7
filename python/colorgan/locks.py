"""Locks a folder against other processes, so that no two write in it at once."""

import errno
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO

from colorgan.errors import note

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

LOCK = ".lock"
"""The file in a folder by which `hold` locks it."""
_NO_LOCKS = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK)


def hold(folder: Path) -> IO[str] | None:
    """Lock a folder against all other processes until the file that this returns is closed.

    It is a file in the folder, open for writing: on NFS, other machines do not see a folder's lock,
    and a file that is only open for reading cannot be locked against them (flock(2)). None if
    another process has locked the folder. On a file system without locks, such as some network
    mounts, there is a note, and work goes on. OSError if the file cannot be made.
    """
    path = folder / LOCK
    while True:
        lock = path.open("w")
        try:
            _lock(lock)
        except BlockingIOError:
            lock.close()
            return None
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                lock.close()
                raise
            note(
                f"{folder}: its file system has no locks ({error.strerror}); "
                "make sure that nothing else writes there"
            )
            return lock
        with suppress(FileNotFoundError):
            if os.path.samestat(path.stat(), os.fstat(lock.fileno())):
                return lock
        lock.close()  # another process removed it, with the folder, after it was opened here


def _lock(file: IO[str]) -> None:
    """Lock an open file; BlockingIOError if another process has done so."""
    if sys.platform == "win32":
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:  # what it says differs
            raise BlockingIOError from None
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
