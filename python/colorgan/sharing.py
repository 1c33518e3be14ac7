"""Tasks that several processes share out among themselves, through a folder that all of them see.

A process claims a task by a lock on its byte of a file. The kernel drops the locks of a process
that ends, however it ends, and so the others do what a killed one has left. Answers are files: a
message over MPI from a process that was killed would be waited for in vain. And launchers end all
processes where one that they have started is killed, but not where its child is; so all but the
first process have a child do the work.
"""

import fcntl
import os
import pickle
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from colorgan.errors import UserError, note
from colorgan.files import make_folder, write_whole
from colorgan.processes import all_processes

Work = Callable[[int], Any]
"""Gives the answer to a task, by its number."""

# What a task's byte says.
_WAITING, _DONE, _TAKEN = b"\0", b"\1", b"\2"
_PAUSE = 0.02
"""Seconds between two looks for something to do."""


@contextmanager
def sharing(folder: Path, count: int, ahead: int | None = None) -> Iterator["SharedTasks"]:
    """Have all processes share so many tasks, 1 or more; all of them enter the block together.

    `folder` is made for that, and gone after it. No task is begun that is `ahead` tasks behind the
    last answer that the first process has taken. MPI ends here: from now on, no process waits for
    another. UserError where the folder cannot be used, or is at such use already.
    """
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
                folder.mkdir(mode=0o700, exist_ok=True)  # nobody else's answers are to be read
            self._claims = os.open(folder / "claims", os.O_RDWR | os.O_CREAT)
            if is_first:
                self._begin()
        except OSError as error:
            raise UserError(
                f"{folder}: cannot be shared by several processes ({error.strerror}); "
                "leave mpirun out, or put the results elsewhere"
            ) from None

    def _begin(self) -> None:
        if not self._lock(0, 0):  # to the end, wherever that is
            raise UserError(f"{self._folder.parent}: others are at work there; wait for their end")
        os.truncate(self._claims, 0)  # a killed first process has left it
        os.truncate(self._claims, self._count)
        self._unlock(0, self._count)  # what is behind stays locked as long as this process is there

    def answers(self, work: Work) -> Iterator[Any]:
        """The answers to all tasks, in order, of which the first process does some itself."""
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
        """Have tasks done by a child until none is left or the first process has ended.

        The child begins with the block that `start` gives. Where it is killed, a line tells so.
        """
        child = get_context("fork").Process(target=self._help, args=(start,), daemon=True)
        child.start()
        try:
            child.join()
        except KeyboardInterrupt:  # which the first process tells of
            raise SystemExit(130) from None
        if child.exitcode < 0:
            note(f"a process was killed by signal {-child.exitcode}; the others do its work")

    def _help(self, start: Callable[[], AbstractContextManager[Work]]) -> None:
        try:
            with start() as work:
                while not self._is_over():
                    self._do_one(work)
        except (UserError, OSError) as error:
            if not self._is_over():  # else the folder is gone, and nothing is lost
                note(f"error: {error}; the others do the work of this process")
        except KeyboardInterrupt:
            raise SystemExit(130) from None

    def _is_over(self) -> bool:
        try:
            nothing_waits = _WAITING not in os.pread(self._claims, self._count, 0)
            return nothing_waits or self._lock(self._count, 1)
        except OSError:  # on a network: the folder is gone
            return True

    def _do_one(self, work: Work) -> None:
        """Do the first task that nobody does; wait a little if there is none for now."""
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
        """Say how a task stands that this process has locked, and unlock it: so others see it."""
        os.pwrite(self._claims, state, task)
        self._unlock(task, 1)

    def _lock(self, first: int, count: int) -> bool:
        """Lock so many bytes; False where another process has one of them locked."""
        try:
            fcntl.lockf(self._claims, fcntl.LOCK_EX | fcntl.LOCK_NB, count, first)
        except BlockingIOError:
            return False
        return True

    def _unlock(self, first: int, count: int) -> None:
        fcntl.lockf(self._claims, fcntl.LOCK_UN, count, first)

    def close(self) -> None:
        """Leave, by which the tasks that this process has locked are free; the first one sweeps."""
        os.close(self._claims)
        if self._is_first:
            shutil.rmtree(self._folder, ignore_errors=True)
