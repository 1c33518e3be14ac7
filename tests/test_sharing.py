"""Tasks that several processes share: each done once, and done even if a process dies at it."""

import errno
import fcntl
import os
import time
from contextlib import nullcontext
from pathlib import Path

import pytest

from colorgan.errors import UserError
from colorgan.processes import all_processes
from colorgan.sharing import sharing
from mpi import KILLED, in_processes, lines_of_ours, mpirun

COUNT = 40

# Shares nine tasks; one process kills itself at its first, or ends by a bug.
PROGRAM = """
import os, sys, time
from contextlib import nullcontext
from pathlib import Path
from colorgan.errors import run_program
from colorgan.processes import all_processes
from colorgan.sharing import sharing

def do(task):
    time.sleep(0.1)
    if all_processes().rank == int(sys.argv[2]):
        {}
    return task

def work():
    with all_processes() as processes, sharing(Path(sys.argv[1]) / "shared", 9) as tasks:
        if processes.is_first:
            print(*tasks.answers(do))
        else:
            tasks.help(lambda: nullcontext(do))

sys.exit(run_program("colorgan", work))
"""
DIES, HAS_A_BUG = PROGRAM.format("os.kill(os.getpid(), 9)"), PROGRAM.format("1 / 0")
ALL_NINE = "0 1 2 3 4 5 6 7 8"


def shared_work(folder: Path) -> list[tuple[int, int]] | None:
    """The answers to all tasks, and who has done them."""

    def work(task: int) -> tuple[int, int]:
        time.sleep(0.01)
        with (folder / "done").open("a") as done:
            done.write(f"{task}\n")
        return task, all_processes().rank

    with sharing(folder / "new/shared", COUNT) as tasks:
        if all_processes().is_first:
            return list(tasks.answers(work))
        return tasks.help(lambda: nullcontext(work))


def test_each_task_is_done_once_and_the_first_process_has_all_answers(tmp_path: Path) -> None:
    answers, *others = in_processes(3, shared_work, tmp_path)
    assert others == [None, None]
    tasks, ranks = zip(*answers, strict=True)
    assert list(tasks) == list(range(COUNT))
    assert set(ranks) == {0, 1, 2}
    assert sorted(map(int, (tmp_path / "done").read_text().split())) == list(range(COUNT))
    assert list((tmp_path / "new").iterdir()) == []


def held_back(folder: Path) -> None:
    """Take two answers, and no more for a while."""

    def work(task: int) -> None:
        (folder / str(task)).touch()

    with sharing(folder / "shared", COUNT, ahead=5) as tasks:
        if all_processes().is_first:
            answers = tasks.answers(work)
            next(answers), next(answers)
            time.sleep(1)
        else:
            tasks.help(lambda: nullcontext(work))


def test_no_task_is_begun_far_ahead_of_what_the_first_process_has_taken(tmp_path: Path) -> None:
    in_processes(2, held_back, tmp_path)
    assert sorted(int(path.name) for path in tmp_path.iterdir()) == list(range(7))


def test_what_a_killed_process_has_left_is_done_by_the_others(tmp_path: Path) -> None:
    done = mpirun(3, "-c", DIES, tmp_path, 1)
    assert (done.returncode, done.stdout) == (0, f"{ALL_NINE}\n")
    (line,) = done.stderr.splitlines()
    assert line == "colorgan: a process was killed by signal 9; the others will do its work"
    assert list(tmp_path.iterdir()) == []


def test_a_bug_keeps_its_traceback_and_what_it_has_left_is_done_by_the_others(
    tmp_path: Path,
) -> None:
    done = mpirun(3, "-c", HAS_A_BUG, tmp_path, 1)
    assert (done.returncode, done.stdout) == (0, f"{ALL_NINE}\n")
    assert done.stderr.count("ZeroDivisionError") == 1


def test_without_the_first_process_all_end_and_the_next_run_starts_over(tmp_path: Path) -> None:
    done = mpirun(3, "-c", DIES, tmp_path, 0)
    assert done.returncode == KILLED
    assert (tmp_path / "shared/claims").exists()
    done = mpirun(2, "-c", DIES, tmp_path, -1)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{ALL_NINE}\n", "")


def test_a_folder_that_others_share_tasks_by_is_left_to_them(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    with (tmp_path / "shared/claims").open("wb") as claims:
        fcntl.lockf(claims, fcntl.LOCK_EX, 1, 3)
        done = mpirun(2, "-c", DIES, tmp_path, -1)
    (line,) = lines_of_ours(done.stderr)
    refusal = "other processes are working there; wait until they have finished"
    assert line == f"colorgan: error: {tmp_path}: {refusal}"
    assert done.returncode == 2


def test_a_folder_without_locks_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "lockf", no_locks)
    told = "cannot be shared by several processes .No locks available.; run without mpirun"
    with pytest.raises(UserError, match=told), sharing(tmp_path / "shared", 3):
        pass


def test_one_process_does_all_by_itself(tmp_path: Path) -> None:
    with sharing(tmp_path / "shared", 3) as tasks:
        assert list(tasks.answers(lambda task: 2 * task)) == [0, 2, 4]
    assert list(tmp_path.iterdir()) == []
