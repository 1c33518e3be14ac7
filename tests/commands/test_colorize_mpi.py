"""`mpirun -n N colorgan colorize`: the files, lines and exit code of one process, whoever dies."""

import os
import re
import signal
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from mpi import KILLED, OPEN_MPI, code_after, lines_of_ours, mpirun, start
from programs import alive, below, run_program, wait_until

PROGRAM = ("-m", "colorgan", "colorize")

# The same, but the second process is killed when it has written a result and not told of it. For
# that the first one waits.
DIES = """
import os, signal, sys, time
from pathlib import Path
from colorgan.__main__ import main
from colorgan.photos.runner import JobRunner
from colorgan.processes import all_processes

silently, killed = JobRunner.silently, Path(os.environ["KILLED"])

def dying(*arguments):
    work = silently(*arguments)

    def do(at):
        while all_processes().is_first and not killed.exists():
            time.sleep(0.01)
        outcome, printed, told = work(at)
        if printed and not all_processes().is_first:
            killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return outcome, printed, told

    return do

JobRunner.silently = dying
sys.exit(main())
"""


def results(out: Path) -> dict[str, bytes]:
    """Every file below a folder, but for what a killed process was about to write."""
    files = (path for path in out.rglob("*") if path.is_file() and path.suffix != ".tmp")
    return {str(path.relative_to(out)): path.read_bytes() for path in files}


def told(done: subprocess.CompletedProcess[str]) -> list[str]:
    """What was told on standard error, but for the time that it took."""
    return re.sub(r"; [\d.]+ s$", "", done.stderr.strip()).splitlines()


@pytest.fixture(scope="module")
def small(photo: np.ndarray) -> np.ndarray:
    return photo[:150, 50:200].copy()


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory, photo: np.ndarray, small: np.ndarray) -> Path:
    """Photos that become different things: coloured, several faces, no face, not coloured."""
    folder = tmp_path_factory.mktemp("album")
    (folder / "later").mkdir()
    cv2.imwrite(str(folder / "a.png"), small)
    (folder / "b.png").write_text("no picture\n")
    cv2.imwrite(str(folder / "coins.png"), skimage.data.coins()[:100])
    cv2.imwrite(str(folder / "face.png"), cv2.resize(photo[25:105, 71:151], (64, 64)))
    cv2.imwrite(str(folder / "later/both.jpg"), np.hstack([small, small]))
    cv2.imwrite(str(folder / "later/color.png"), cv2.merge([small, small // 2, small]))
    (folder / "letter.docx").touch()
    return folder


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory, small: np.ndarray) -> Path:
    """Twelve photos of one person."""
    folder = tmp_path_factory.mktemp("many")
    for number in range(12):
        cv2.imwrite(str(folder / f"{number:02d}.png"), small)
    return folder


@pytest.mark.parametrize("count", [2, 3])
def test_several_processes_write_and_tell_what_one_does(
    album: Path, tmp_path: Path, count: int
) -> None:
    one = run_program("colorize", album, "-o", tmp_path / "one")
    several = mpirun(count, *PROGRAM, album, "-o", tmp_path / "several")
    assert several.returncode == one.returncode == 2
    assert several.stdout == one.stdout.replace("/one/", "/several/") != ""
    assert told(several) == told(one)
    assert results(tmp_path / "several") == results(tmp_path / "one")
    again = mpirun(count, *PROGRAM, album, "-o", tmp_path / "several")
    assert (again.returncode, again.stdout) == (2, "")
    assert told(again)[-1].endswith("4 there already, 1 not coloured, 1 without a face")


def started(many: Path, out: Path) -> tuple[subprocess.Popen[str], list[int], list[int]]:
    """Two processes at work; the second one has a child."""
    launcher = start(2, *PROGRAM, many, "-o", out)
    wait_until(lambda: len(results(out)) > 3 or launcher.poll() is not None, 60)
    first, second, child = below(launcher.pid)[-3:]
    assert below(second) == [child]
    return launcher, [first, second], [child]


def test_a_killed_processs_files_are_done_by_the_other(many: Path, tmp_path: Path) -> None:
    launcher, _, (child,) = started(many, tmp_path)
    os.kill(child, signal.SIGKILL)
    printed, complaint = launcher.communicate(timeout=120)
    assert launcher.returncode == 0
    names = [f"{number:02d}_colorized.png" for number in range(12)]
    assert [Path(line).name for line in printed.splitlines()] == names
    killed, counts = complaint.splitlines()
    assert "a process was killed by signal 9; the others will do its work" in killed
    assert counts.startswith("colorgan colorize: 12 coloured; ")
    assert sorted(results(tmp_path)) == names
    assert len(set(results(tmp_path).values())) == 1


@pytest.mark.parametrize("options", [(), ("--faces-only",)])
def test_what_a_killed_process_has_written_and_not_reported_is_reported_by_the_other(
    album: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    one = run_program("colorize", album, "-o", tmp_path / "one", *options)
    words = ("colorize", album, "-o", tmp_path / "several", *options)
    several = mpirun(2, "-c", DIES, *words, KILLED=str(tmp_path / "killed"))
    assert several.returncode == one.returncode == 2
    assert several.stdout == one.stdout.replace("/one/", "/several/") != ""
    (killed,) = set(told(several)) - set(told(one))
    assert "a process was killed by signal 9; the others will do its work" in killed
    assert set(told(one)) < set(told(several))
    assert results(tmp_path / "several") == results(tmp_path / "one")


@pytest.mark.parametrize("killed", [0, 1])
def test_after_the_end_of_all_the_same_command_does_the_rest(
    many: Path, tmp_path: Path, killed: int
) -> None:
    launcher, processes, children = started(many, tmp_path)
    os.kill(processes[killed], signal.SIGKILL)
    launcher.communicate(timeout=60)
    assert launcher.returncode == KILLED
    wait_until(lambda: not any(map(alive, [*processes, *children])))
    there = [path for path in tmp_path.glob("*.png") if cv2.imread(str(path)) is not None]
    done = mpirun(2, *PROGRAM, many, "-o", tmp_path)
    assert (done.returncode, len(done.stdout.split())) == (0, 12 - len(there))
    assert f"{12 - len(there)} coloured" in done.stderr
    assert f"{len(there)} there already" in done.stderr
    assert len(results(tmp_path)) == 12
    assert len(set(results(tmp_path).values())) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_mpirun_ends_all_and_is_reported_once(
    many: Path, tmp_path: Path, number: int
) -> None:
    launcher, processes, children = started(many, tmp_path)
    os.kill(launcher.pid, number)
    _, complaint = launcher.communicate(timeout=60)
    assert launcher.returncode == code_after(number), complaint
    counts, *interrupted = lines_of_ours(complaint)
    assert "coloured; " in counts
    ctrl_c = number == signal.SIGINT and not OPEN_MPI  # which makes SIGTERM of it
    assert interrupted == ["colorgan colorize: interrupted"] * ctrl_c
    assert "Traceback" not in complaint
    wait_until(lambda: not any(map(alive, [*processes, *children])))
    assert not (tmp_path / ".sharing").exists()


def test_what_cannot_be_done_is_reported_once(many: Path, tmp_path: Path) -> None:
    cases = [
        ((many, "--weights", "README.md"), "README.md"),
        ((many, "--hint", "1,1,#ff0000"), "--hint is for one photo"),
        (("-",), "standard input is for one process; run without mpirun"),
        ((tmp_path / "missing.jpg",), "no such file"),
        ((many, "-o", "README.md/out"), "README.md"),
    ]
    for words, complaint in cases:
        done = mpirun(2, *PROGRAM, *words)
        assert done.returncode == 2, done.stderr
        (line,) = (line for line in done.stderr.splitlines() if "error:" in line)
        assert complaint in line
        assert "Traceback" not in done.stderr
