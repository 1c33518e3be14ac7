"""Shares tasks among several processes through a folder that all of them see.

A process claims a task by a lock on its byte in a file. The kernel drops the locks of a process
that ends, however it ends, so that the others do the tasks that a killed one has left. Answers are
files, since MPI would wait forever for a message from a killed process. Launchers end all processes
if one that they started is killed, but not if its child is. So all processes except the first let a
child do the work.
"""

import os
import pickle
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from colorgan.errors import UserError, note
from colorgan.files import make_folder, write_whole
from colorgan.processes import all_processes

if sys.platform != "win32":
    import fcntl

Work = Callable[[int], Any]
"""Does a task, given its number, and returns the answer."""

# The values of a task's byte.
_WAITING, _DONE, _TAKEN = b"\0", b"\1", b"\2"
_PAUSE = 0.02
"""Seconds between two checks for something to do."""


@contextmanager
def sharing(folder: Path, count: int, ahead: int | None = None) -> Iterator["SharedTasks"]:
    """Share `count` tasks, 1 or more, among all processes; all of them enter the block together.

    `folder` is created for this, and removed at the end. Work runs at most `ahead` tasks ahead of
    the last answer that the first process has taken. MPI is not used any more after this: no
    process waits for another. UserError if the folder cannot be used, or is already in such use.
    """
    if sys.platform == "win32":
        raise UserError("on Windows, a single process does all the work; run without mpiexec")
    processes = all_processes()
    tasks = processes.each(lambda: SharedTasks(folder, count, ahead or count, processes.is_first))
    processes.part()
    try:
        yield tasks
    finally:
        tasks.close()


class SharedTasks:
    """One process's view of the tasks, which are numbered from 0."""

    def __init__(self, folder: Path, count: int, ahead: int, is_first: bool) -> None:
        self._folder, self._count, self._ahead = folder, count, ahead
        self._is_first = is_first
        try:
            if is_first:
                make_folder(folder.parent)
                folder.mkdir(mode=0o700, exist_ok=True)  # unpickling other users' files is unsafe
            self._claims = os.open(folder / "claims", os.O_RDWR | os.O_CREAT)
            if is_first:
                self._begin()
        except OSError as error:
            raise UserError(
                f"{folder}: cannot be shared by several processes ({error.strerror}); "
                "run without mpirun, or put the results elsewhere"
            ) from None

    def _begin(self) -> None:
        if not self._lock(0, 0):  # a length of 0 locks to the end of the file
            raise UserError(
                f"{self._folder.parent}: other processes are working there; "
                "wait until they have finished"
            )
        os.truncate(self._claims, 0)  # a killed first process may have left it
        os.truncate(self._claims, self._count)
        self._unlock(0, self._count)  # the bytes after these stay locked while this process lives

    def answers(self, work: Work) -> Iterator[Any]:
        """Yield the answers to all tasks, in order; the first process does some of them itself."""
        for task in range(self._count):
            while os.pread(self._claims, 1, task) != _DONE:
                self._do_one(work)
            path = self._folder / str(task)
            answer = pickle.loads(path.read_bytes())
            path.unlink()
            fcntl.lockf(self._claims, fcntl.LOCK_EX, 1, task)
            self._mark(task, _TAKEN)
            yield answer

    def help(self, start: Callable[[], AbstractContextManager[Work]]) -> None:
        """Let a child do tasks until none is left or the first process has ended.

        The child works inside the context manager that `start` returns. If it is killed, a note
        says so.
        """
        child = get_context("fork").Process(target=self._help, args=(start,), daemon=True)
        child.start()
        try:
            child.join()
        except KeyboardInterrupt:  # the first process reports it
            raise SystemExit(130) from None
        if child.exitcode and child.exitcode < 0:
            note(f"a process was killed by signal {-child.exitcode}; the others will do its work")

    def _help(self, start: Callable[[], AbstractContextManager[Work]]) -> None:
        try:
            with start() as work:
                while not self._is_over():
                    self._do_one(work)
        except (UserError, OSError) as error:
            if not self._is_over():  # otherwise the folder is gone, and nothing is lost
                note(f"error: {error}; the other processes will do this one's work")
        except KeyboardInterrupt:
            raise SystemExit(130) from None

    def _is_over(self) -> bool:
        try:
            nothing_waits = _WAITING not in os.pread(self._claims, self._count, 0)
            return nothing_waits or self._lock(self._count, 1)
        except OSError:  # on a network file system, when the folder is gone
            return True

    def _do_one(self, work: Work) -> None:
        """Do the first task that nobody else is doing; if there is none, wait a little."""
        state = os.pread(self._claims, self._count, 0)
        end = state.count(_TAKEN) + self._ahead
        task = state.find(_WAITING, 0, end)
        while task >= 0:
            if self._lock(task, 1):
                self._do(task, work)
                return
            task = state.find(_WAITING, task + 1, end)
        time.sleep(_PAUSE)

    def _do(self, task: int, work: Work) -> None:
        """Do a task that this process has locked, unless it was done in the meantime."""
        done = os.pread(self._claims, 1, task)
        if done == _WAITING:
            write_whole(self._folder / str(task), pickle.dumps(work(task)))
            done = _DONE
        self._mark(task, done)

    def _mark(self, task: int, state: bytes) -> None:
        """Set the state of a task that this process has locked, and unlock it."""
        os.pwrite(self._claims, state, task)
        self._unlock(task, 1)

    def _lock(self, first: int, count: int) -> bool:
        """Lock `count` bytes; False if another process has locked one of them."""
        try:
            fcntl.lockf(self._claims, fcntl.LOCK_EX | fcntl.LOCK_NB, count, first)
        except BlockingIOError:
            return False
        return True

    def _unlock(self, first: int, count: int) -> None:
        fcntl.lockf(self._claims, fcntl.LOCK_UN, count, first)

    def close(self) -> None:
        """Close the file, which frees this process's locks; the first one removes the folder."""
        os.close(self._claims)
        if self._is_first:
            shutil.rmtree(self._folder, ignore_errors=True)
