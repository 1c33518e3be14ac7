"""`mpirun -n N colorgan build-lmdb`: the very files of one process, whoever dies."""

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from colorgan.faces.drawn.portrait import draw_face
from conftest import TEST_FACES, TRAIN_FACES
from mpi import KILLED, OPEN_MPI, lines_of_ours, mpirun, start
from programs import alive, below, run_program, wait_until

PROGRAM = ("-m", "colorgan", "build-lmdb")
FILES = ("train_lmdb/data.mdb", "test_lmdb/data.mdb", "manifest.json")
MANY = 1500


def assert_same_data(out: Path, other: Path) -> None:
    """Two data sets, which were built of the same images, to the byte."""
    for name in FILES:
        assert (out / name).read_bytes() == (other / name).read_bytes(), name
    found = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    assert found == set(FILES)


@pytest.mark.parametrize("count", [2, 3])
def test_several_processes_write_and_tell_what_one_does(
    faces: Path, face_source: tuple[Path, Path, int], tmp_path: Path, count: int
) -> None:
    images, partition, test_partition = face_source
    done = mpirun(
        count, *PROGRAM, "--images", images, "--partition", partition, "--out", tmp_path / "data",
        "--train-count", TRAIN_FACES, "--test-count", TEST_FACES,
        "--test-partition", test_partition,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert_same_data(tmp_path / "data", faces)
    assert [line.partition(":")[0] for line in done.stdout.splitlines()] == [
        "train", "test", "written",
    ]  # fmt: skip


def test_photos_and_what_is_wrong_with_them_are_those_of_one_process(tmp_path: Path) -> None:
    album = tmp_path / "album"
    album.mkdir()
    for number in range(4):
        picture = np.full((420, 400, 3), 40 * number + 60, np.uint8)
        picture[30:373, 60:340] = cv2.resize(draw_face(7, number), (280, 343))
        cv2.imwrite(str(album / f"{number}.jpg"), picture)
    (album / "damaged.jpg").write_bytes((album / "0.jpg").read_bytes()[:3000])
    words = ("--any-photos", "--images", album, "--out")
    one = run_program("build-lmdb", *words, tmp_path / "one", "--workers", 1)
    two = mpirun(2, *PROGRAM, *words, tmp_path / "two")
    assert one.returncode == two.returncode == 0, two.stderr
    assert_same_data(tmp_path / "two", tmp_path / "one")
    assert two.stdout == one.stdout.replace("/one", "/two")
    assert lines_of_ours(two.stderr) == lines_of_ours(one.stderr)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture of a face under many numbers, one of them damaged."""
    folder = tmp_path_factory.mktemp("many")
    content = cv2.imencode(".jpg", draw_face(7, 1))[1].tobytes()
    (folder / "000000.jpg").write_bytes(content)
    for number in range(1, MANY):
        os.link(folder / "000000.jpg", folder / f"{number:06d}.jpg")
    middle = len(content) // 2
    (folder / f"{MANY:06d}.jpg").write_bytes(content[:middle] + b"\xff\xd9")
    return folder


def size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def started(many: Path, out: Path) -> tuple[subprocess.Popen[str], list[int], list[int]]:
    """Two processes that are building; the second one has a child."""
    words = ("--images", many, "--train-count", MANY - 10, "--test-count", 11, "--out", out)
    launcher = start(2, *PROGRAM, *words, "--force")
    records = out / ".building/train_lmdb/data.mdb"

    wait_until(lambda: size_of(records) > 1 << 20 or launcher.poll() is not None, 60)
    first, second, child = below(launcher.pid)[-3:]
    assert below(second) == [child]
    return launcher, [first, second], [child]


def test_a_killed_processs_images_are_done_by_the_other(many: Path, tmp_path: Path) -> None:
    launcher, _, (child,) = started(many, tmp_path / "two")
    os.kill(child, signal.SIGKILL)
    printed, complaint = launcher.communicate(timeout=120)
    assert launcher.returncode == 0, complaint
    assert "a process was killed by signal 9; the others will do its work" in complaint
    assert "skipped: 1 corrupt" in printed
    words = ("--images", many, "--train-count", MANY - 10, "--test-count", 11)
    assert run_program("build-lmdb", *words, "--out", tmp_path / "one").returncode == 0
    assert_same_data(tmp_path / "two", tmp_path / "one")


in_time = pytest.mark.skipif(
    OPEN_MPI is not None, reason="Open MPI's mpirun waits with signals until it is built"
)


@pytest.mark.parametrize(
    ("stop", "code"),
    [
        pytest.param(lambda _, first: os.kill(first, signal.SIGKILL), KILLED, id="first killed"),
        pytest.param(lambda all, _: os.kill(all, signal.SIGINT), 130, id="Ctrl-C", marks=in_time),
        pytest.param(lambda all, _: os.kill(all, signal.SIGTERM), 143, id="SIGTERM", marks=in_time),
    ],
)
def test_a_build_that_is_stopped_leaves_the_old_data(
    many: Path, tmp_path: Path, stop: Callable[[int, int], None], code: int
) -> None:
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"old")
    launcher, processes, children = started(many, tmp_path)
    stop(launcher.pid, processes[0])
    _, complaint = launcher.communicate(timeout=60)
    assert launcher.returncode == code, complaint
    assert complaint.count("interrupted") == (code == 130) and "Traceback" not in complaint
    wait_until(lambda: not any(map(alive, [*processes, *children])))
    assert [(tmp_path / name).read_bytes() for name in FILES] == [b"old"] * 3


def test_what_cannot_be_done_is_reported_once(many: Path, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").touch()
    words = ("--images", many, "--train-count", MANY - 10, "--test-count", 11, "--out", tmp_path)
    cases = [
        (words, "already holds manifest.json; --force replaces them"),
        (
            (*words, "--workers", 2),
            "--workers is for one process; leave it out, mpirun -n says how many",
        ),
        (("--images", tmp_path / "no", *words[2:]), "no such folder or zip of images"),
        ((*words, "--force", "--max-bad", 0), "more than --max-bad 0"),
    ]
    for case, complaint in cases:
        done = mpirun(2, *PROGRAM, *case)
        assert done.returncode == 2, done.stderr
        assert done.stderr.splitlines()[-1].startswith("colorgan build-lmdb: error: ")
        assert done.stderr.count("error") == done.stderr.count(complaint) == 1, done.stderr
