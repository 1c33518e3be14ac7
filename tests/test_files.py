"""Files are written whole or not at all, however many write them, and held where that can be."""

import errno
import fcntl
import os
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import IO

import pytest

from colorgan.errors import UserError
from colorgan.files import hold, make_room, shortened, write_whole
from programs import run_python

SIZE = 1 << 20


def write_often(path: Path, byte: bytes) -> None:
    for _ in range(50):
        write_whole(path, byte * SIZE)


def test_several_writers_of_one_file_never_show_a_part_of_it(tmp_path: Path) -> None:
    path = tmp_path / "result.png"
    write_whole(path, b"a" * SIZE)
    spawn = get_context("fork")
    writers = [spawn.Process(target=write_often, args=(path, byte)) for byte in (b"a", b"b", b"c")]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        content = path.read_bytes()
        assert len(content) == SIZE and len(set(content)) == 1
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert list(tmp_path.iterdir()) == [path]


def test_a_name_may_be_as_long_as_names_may_be(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 251 + ".png")
    write_whole(path, b"content")
    assert path.read_bytes() == b"content"


def test_a_name_is_shortened_by_whole_letters_in_any_locale() -> None:
    assert shortened("\u00e4" * 125, "_colorized.png") == "\u00e4" * 120
    code = "import os; from colorgan.files import shortened; "
    code += r"name = os.fsdecode(b'\xc3\xa4' * 125); "
    code += "print(os.fsencode(shortened(name, '_colorized.png')).decode())"
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    run = run_python("-c", code, env={**os.environ, **plain, "PYTHONIOENCODING": "utf-8"})
    assert run.stdout.strip() == "\u00e4" * 120


def test_a_file_has_the_rights_that_others_have(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    write_whole(tmp_path / "whole", b"")
    assert (tmp_path / "whole").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_what_cannot_be_written_is_reported_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match="folder: a folder"):
        write_whole(tmp_path / "folder", b"content")
    assert list(tmp_path.iterdir()) == [tmp_path / "folder"]


def test_a_place_where_no_file_can_be_written_is_reported_before_the_work(tmp_path: Path) -> None:
    make_room(tmp_path / "new" / "figures.json")
    assert (tmp_path / "new").is_dir()
    (tmp_path / "file").touch()
    make_room(tmp_path / "file")
    for path in (tmp_path / "new", tmp_path / "file" / "inside", tmp_path / ("n" * 300)):
        with pytest.raises(UserError, match="new|file|nnn"):
            make_room(path)


def test_only_a_regular_file_is_replaced_and_only_one_of_its_kind(tmp_path: Path) -> None:
    pipe, log = tmp_path / "pipe.json", tmp_path / "log.jsonl"
    os.mkfifo(pipe)
    for write in (make_room, lambda path: write_whole(path, b"content")):
        with pytest.raises(UserError, match="pipe.json: not a regular file"):
            write(pipe)
    assert pipe.is_fifo()
    with pytest.raises(UserError, match="log.jsonl: must end in .jpg or .jpeg"):
        make_room(log, ".jpg", ".jpeg")
    make_room(tmp_path / "x.jpeg", ".jpg", ".jpeg")


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
from colorgan.files import hold
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
