"""Does many tasks in several processes, and delivers the answers in order.

Each worker has its own pipe, and only the main process holds the other end. So whenever and however
the main process ends, every worker reads an end of file and exits.

`concurrent.futures` was tried instead, with Python 3.11. Its ProcessPoolExecutor decodes at the
same speed (900 to 1,200 images/s with two workers on two busy cores). We do not use it, because its
workers stay when the main process is killed (they were still there ten minutes later), and because
it takes all tasks at once, no matter how far that runs ahead of the reader of the answers.
"""

import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

from colorgan.errors import UserError
from colorgan.processes import all_processes
from colorgan.sharing import SharedTasks, sharing

TASKS_AHEAD_PER_WORKER = 4
"""How far the work may run ahead of the slowest task, which limits the memory."""
_TASKS_PER_WORKER = 2
"""One being done and one in the pipe, so that a worker never waits for its next task."""

Start = Callable[[], AbstractContextManager[Callable[[int, Any], Any]]]
"""Called by a worker at its start: a context manager that gives the function to call for each task,
with the task's place."""


@contextmanager
def working_in_order(
    start: Start, tasks: Sequence[Any], workers: int, preload: str, folder: Path
) -> Iterator[Iterator[Any]]:
    """Do `tasks` in `workers` processes, which end with the block.

    If this process is the first of several that share a run, those do the tasks instead. The others
    have called `work_along`, and they share the tasks by means of `folder`, which must be new.

    Yields an iterator over the answers, in the order of the tasks, which raises `UserError` if a
    worker dies. Tasks, answers and `start` are sent between processes; `preload` is the name of the
    module that defines `start`.
    """
    if all_processes().size > 1:
        with _working_together(start, tasks, folder) as answers:
            yield answers
        return
    context = get_context("forkserver")  # forks a clean process: no LMDB, no Caffe, no threads
    context.set_forkserver_preload(["__main__", preload])  # else each worker imports them itself
    with interrupts_held_back():
        pool = [_Worker(context, start) for _ in range(min(workers, len(tasks)))]
    try:
        yield _in_order(pool, tasks)
    finally:
        for worker in pool:
            worker.stop()


@contextmanager
def _working_together(start: Start, tasks: Sequence[Any], folder: Path) -> Iterator[Iterator[Any]]:
    """Do the tasks in this process and the others."""
    all_processes().first(lambda: (start, tasks, folder))
    with _sharing(tasks, folder) as shared, _answering(start, tasks) as work:
        yield shared.answers(work)


def work_along() -> None:
    """Help with the first process's `working_in_order` from another process."""
    start, tasks, folder = all_processes().first(lambda: None)
    with _sharing(tasks, folder) as shared:
        shared.help(partial(_answering, start, tasks))


def _sharing(tasks: Sequence[Any], folder: Path) -> AbstractContextManager[SharedTasks]:
    return sharing(folder, len(tasks), TASKS_AHEAD_PER_WORKER * all_processes().size)


@contextmanager
def _answering(start: Start, tasks: Sequence[Any]) -> Iterator[Callable[[int], Any]]:
    """Start like a worker, and answer tasks by their places."""
    with start() as answer_to:
        yield lambda place: answer_to(place, tasks[place])


@contextmanager
def interrupts_held_back() -> Iterator[None]:
    """Hold back Ctrl-C until the block ends, and forever in the processes started in it.

    A terminal sends it to all processes, but only the main process should handle it.
    """
    resource_tracker.ensure_running()  # if the first forkserver started it, Ctrl-C would get in
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _in_order(pool: list["_Worker"], tasks: Sequence[Any]) -> Iterator[Any]:
    by_connection: dict[Any, _Worker] = {worker.connection: worker for worker in pool}
    finished: dict[int, Any] = {}
    sent = handed_over = 0
    while handed_over < len(tasks):
        # A limit, since what a task uses is only free once its answer is handed over.
        limit = min(len(tasks), handed_over + TASKS_AHEAD_PER_WORKER * len(pool))
        while sent < limit:
            worker = min(pool, key=lambda worker: len(worker.places))
            if len(worker.places) == _TASKS_PER_WORKER:
                break
            worker.send(sent, tasks[sent])
            sent += 1
        for connection in wait(by_connection):
            place, answer = by_connection[connection].receive()
            finished[place] = answer
        while handed_over in finished:
            yield finished.pop(handed_over)
            handed_over += 1


class _Worker:
    """The main process's view of one worker."""

    def __init__(self, context: ForkServerContext, start: Start) -> None:
        self.places: deque[int] = deque()
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs, start), daemon=True)
        self._process.start()
        theirs.close()

    def send(self, place: int, task: Any) -> None:
        self.places.append(place)
        with suppress(BrokenPipeError):  # a dead worker is reported by `receive`
            self.connection.send((place, task))

    def receive(self) -> tuple[int, Any]:
        """Return the place and the answer of the oldest task."""
        try:
            answer = self.connection.recv()
        except (EOFError, ConnectionResetError):
            self._process.join()
            raise UserError(
                f"a worker ended with exit code {self._process.exitcode}; "
                "if memory ran out, try fewer --workers"
            ) from None
        return self.places.popleft(), answer

    def stop(self) -> None:
        self.connection.close()
        self._process.terminate()
        self._process.join()


def _work(connection: Connection, start: Start) -> None:
    """Answer tasks until the main process closes the pipe."""
    with start() as answer_to, suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            place, task = connection.recv()
            connection.send(answer_to(place, task))
