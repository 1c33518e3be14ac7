"""The run folder: snapshots that are whole or absent, a log without gaps, one run at a time."""

import errno
import shutil
from pathlib import Path

import pytest

from colorgan.errors import UserError
from colorgan.measuring.trainings.log import read_log
from colorgan.training.runfolder import RunFolder


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    run = RunFolder(tmp_path / "run")
    yield run
    run.close()


def take(run: RunFolder, iteration: int, size: int = 10, is_best: bool = False) -> None:
    def write() -> None:
        (run.writing_path / "weights").write_text(f"weights of {iteration}")

    run.save_snapshot({"iteration": iteration}, write, size=size, keep=2, is_best=is_best)


def names(run: RunFolder) -> list[str]:
    return sorted(path.name for path in run.snapshots_path.iterdir())


def test_last_snapshot_is_the_newest_one(folder: RunFolder) -> None:
    for iteration in (5, 10, 15):
        take(folder, iteration)
    last = folder.last_snapshot()
    assert last.state["iteration"] == 15
    assert (last.path / "weights").read_text() == "weights of 15"


def test_the_last_snapshots_and_the_best_stay(folder: RunFolder) -> None:
    take(folder, 5, is_best=True)
    for iteration in (10, 15, 20):
        take(folder, iteration)
    assert names(folder) == ["best", "iter_00000005", "iter_00000015", "iter_00000020"]
    assert (folder.snapshots_path / "best" / "weights").read_text() == "weights of 5"
    take(folder, 25, is_best=True)
    assert names(folder) == ["best", "iter_00000020", "iter_00000025"]


def test_a_snapshot_that_fails_half_way_leaves_the_others_alone(folder: RunFolder) -> None:
    take(folder, 5)

    def fail() -> None:
        (folder.writing_path / "weights").write_text("half of the we")
        raise RuntimeError("stopped while writing")

    with pytest.raises(RuntimeError):
        folder.save_snapshot({"iteration": 10}, fail, size=10, keep=2, is_best=False)
    assert folder.last_snapshot().state["iteration"] == 5
    take(folder, 10)
    assert folder.last_snapshot().state["iteration"] == 10


def test_a_full_disk_is_noticed_before_anything_is_written(folder: RunFolder) -> None:
    take(folder, 5)
    beyond = shutil.disk_usage(folder.path).free + (1 << 30)
    with pytest.raises(UserError, match=r"disk full.*iter_00000005"):
        take(folder, 10, size=beyond)
    assert names(folder) == ["iter_00000005"]


def test_a_changed_snapshot_is_refused(folder: RunFolder) -> None:
    take(folder, 5)
    (folder.last_snapshot().path / "weights").write_text("other weights")
    with pytest.raises(UserError, match="damaged snapshot"):
        folder.last_snapshot()


def test_a_snapshot_whose_state_says_too_little_is_damaged(folder: RunFolder) -> None:
    take(folder, 5)
    state = folder.last_snapshot().path / "state.json"
    for text in (
        "{}",
        "[]",
        '{"iteration": 5, "sha256": ["x"]}',
        '{"iteration": 5, "sha256": {"x": "y"}}',
        '{"iteration": "5", "sha256": {}}',
    ):
        state.write_text(text)
        with pytest.raises(UserError, match=r"iter_00000005: damaged snapshot .*; remove it"):
            folder.last_snapshot()


def test_a_copy_of_a_snapshot_is_no_snapshot_and_stays(folder: RunFolder) -> None:
    take(folder, 5)
    shutil.copytree(folder.last_snapshot().path, folder.snapshots_path / "iter_00000005_copy")
    for iteration in (10, 15, 20):
        take(folder, iteration)
    assert names(folder) == ["iter_00000005_copy", "iter_00000015", "iter_00000020"]


def test_the_best_may_be_a_copy_where_there_are_no_links(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(folder, 5, is_best=True)
    best = folder.snapshots_path / "best"
    best.unlink()
    shutil.copytree(folder.last_snapshot().path, best)  # as a copy of the run on such a disk has it
    take(folder, 10, is_best=True)
    assert best.is_symlink()
    monkeypatch.setattr(Path, "symlink_to", no_links)
    for iteration in (15, 20):
        take(folder, iteration, is_best=True)
        assert not best.is_symlink()
        assert (best / "weights").read_text() == f"weights of {iteration}"


def no_links(*_: object) -> None:
    raise PermissionError(errno.EPERM, "Operation not permitted")


def test_a_folder_without_snapshots_has_no_last_one(folder: RunFolder) -> None:
    assert folder.last_snapshot() is None


def test_a_folder_in_use_is_locked_until_it_is_closed(folder: RunFolder) -> None:
    with pytest.raises(UserError, match="another run is using"):
        RunFolder(folder.path)
    folder.close()
    RunFolder(folder.path).close()


def test_a_file_in_the_folders_place_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("not a folder")
    with pytest.raises(UserError, match="cannot hold a run"):
        RunFolder(tmp_path / "run")


def test_cutting_the_log_keeps_what_came_before(folder: RunFolder) -> None:
    for iteration in (10, 20, 30):
        folder.log({"iteration": iteration, "l2": iteration / 7})
    folder.cut_log(20)
    assert [record["iteration"] for record in read_log(folder.log_path)] == [10, 20]
    assert read_log(folder.log_path)[1]["l2"] == 20 / 7


def test_a_log_line_cut_short_by_a_kill_is_left_out(folder: RunFolder) -> None:
    folder.log({"iteration": 10})
    with folder.log_path.open("a") as log:
        log.write('{"iteration": 20, "l2"')
    assert read_log(folder.log_path) == [{"iteration": 10}]


def test_a_damaged_log_line_is_named(folder: RunFolder) -> None:
    lines = (b"nonsense", b"5", b'{"l2": 3}', b'{"iteration": "two"}', b"\xff\xfe")
    lines += (b'{"iteration": 2, "l2": "low"}', b'{"iteration": 2, "images_per_second": 0}')
    lines += (b"[" * 100_000,)
    for line in lines:
        folder.log_path.write_bytes(b'{"iteration": 1}\n' + line + b"\n{}\n")
        with pytest.raises(UserError, match="line 2"):
            read_log(folder.log_path)


def test_damaged_config_is_one_clear_error(folder: RunFolder) -> None:
    with pytest.raises(UserError, match="no run to go on with"):
        folder.read_config()
    folder.config_path.write_text("{")
    with pytest.raises(UserError, match="damaged"):
        folder.read_config()
