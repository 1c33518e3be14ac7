"""A folder is locked for one process at a time, on network mounts as well."""

import errno
import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest

from colorgan.locks import hold
from programs import run_python


def test_what_is_held_is_free_again_when_it_is_closed(tmp_path: Path) -> None:
    first = hold(tmp_path)
    assert first and not hold(tmp_path)
    first.close()
    second = hold(tmp_path)
    assert second
    second.close()


HOLD = """
import sys
from pathlib import Path
from colorgan.locks import hold
print(hold(Path(sys.argv[1])) is not None)"""


def test_what_is_held_is_held_on_nfs_too(locks_of_nfs: dict[str, str], tmp_path: Path) -> None:
    with hold(tmp_path) as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)  # what NFS makes of flock
        done = run_python("-c", HOLD, tmp_path, env=locks_of_nfs)
        assert (done.stdout, done.stderr) == ("False\n", "")
    done = run_python("-c", HOLD, tmp_path, env=locks_of_nfs)
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_a_lock_that_goes_with_its_folder_holds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where another process ends, and removes the folder, in between open and flock."""
    (tmp_path / ".lock").touch()
    real, removed = fcntl.flock, []

    def late(lock: IO[str], operation: int) -> None:
        if not removed:
            removed.append(os.remove(tmp_path / ".lock"))
        real(lock, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    with hold(tmp_path):
        assert not hold(tmp_path)


@pytest.mark.parametrize("error", [errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK])
def test_a_file_system_without_locks_is_reported_and_used(
    without_locks: Callable[[int], dict[str, str]], error: int, tmp_path: Path
) -> None:
    done = run_python("-c", HOLD, tmp_path, env=without_locks(error))
    assert done.stdout == "True\n", done.stderr
    assert done.stderr.startswith(
        f"colorgan: {tmp_path}: its file system has no locks ({os.strerror(error)}); make sure"
    )
    assert done.stderr.count("\n") == 1


def test_another_failure_to_lock_is_none_of_these(
    without_locks: Callable[[int], dict[str, str]], tmp_path: Path
) -> None:
    done = run_python("-c", HOLD, tmp_path, env=without_locks(errno.EIO))
    assert done.returncode == 1 and "Input/output error" in done.stderr
