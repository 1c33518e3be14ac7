"""Commands whose standard streams are closed, full, or read no more, run by a real shell."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from conftest import ROOT

COLORGAN = shlex.join([sys.executable, "-m", "colorgan"])
FULL = "cannot write to standard output: No space left on device"
PRINTERS = ["--help", "--version", "experiments", "colorize --help"]


def shell(line: str, **options: object) -> subprocess.CompletedProcess[str]:
    """Run a line of bash; its exit code is that of its first program."""
    script = line.replace("colorgan", COLORGAN, 1) + "; exit ${PIPESTATUS[0]}"
    return subprocess.run(
        ["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False, **options
    )


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Faces in the paper's format, which take the least time."""
    folder = tmp_path / "album"
    folder.mkdir()
    chance = np.random.default_rng(1)
    for number in range(3):
        face = cv2.GaussianBlur(chance.integers(0, 256, (64, 64), np.uint8), (0, 0), 3)
        cv2.imwrite(str(folder / f"{number}.png"), face)
    return folder


def assert_all_colored(album: Path) -> None:
    assert len(list(album.iterdir())) == 6
    for number in range(3):
        assert cv2.imread(str(album / f"{number}_colorized.png")).shape == (64, 64, 3)


@pytest.mark.parametrize("words", PRINTERS)
def test_a_reader_that_goes_away_is_not_reported(words: str) -> None:
    done = shell(f"colorgan {words} | head -c 0")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("words", PRINTERS)
def test_a_full_disk_is_one_line(words: str) -> None:
    done = shell(f"colorgan {words} > /dev/full")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("colorgan") and line.endswith(f": error: {FULL}")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-", "2> /dev/full"])
def test_closed_streams_end_nothing(closed: str) -> None:
    done = shell(f"colorgan experiments {closed}")
    assert (done.returncode, done.stderr) == (0, "")
    assert bool(done.stdout) == (">&- " not in f" {closed} ".replace("2>&-", ""))
    done = shell(f"colorgan experiments nameless {closed}")
    assert (done.returncode, done.stdout) == (2, "")  # nor is the error told in the wrong place


@pytest.mark.parametrize("streams", ["| true", ">&-", ">&- 2>&-", "2> /dev/full", "2>&1 | true"])
def test_pictures_are_coloured_without_anyone_who_reads_of_it(album: Path, streams: str) -> None:
    done = shell(f"colorgan colorize {album} {streams}")
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert_all_colored(album)


def test_pictures_are_coloured_where_their_names_find_no_room(album: Path) -> None:
    done = shell(f"colorgan colorize {album} > /dev/full")
    assert done.returncode == 2
    assert "3 coloured" in done.stderr
    assert done.stderr.splitlines()[-1] == f"colorgan colorize: error: {FULL}"
    assert_all_colored(album)


def test_a_name_that_is_not_utf_8_is_printed_as_it_is_and_the_rest_is_done(album: Path) -> None:
    os.rename(album / "0.png", os.fsencode(album) + b"/0\xfc.png")
    script = f"PYTHONIOENCODING=utf-8:strict {COLORGAN} colorize {album}"  # as in any UTF-8 locale
    done = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, check=False)
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False)
    names = [b"/0\xfc_colorized.png", b"/1_colorized.png", b"/2_colorized.png"]
    assert done.stdout.splitlines() == [os.fsencode(album) + name for name in names]


def test_a_picture_that_does_not_arrive_is_reported_and_the_rest_is_done(album: Path) -> None:
    for streams, why in (("> /dev/full", "No space left on device"), ("| true", "Broken pipe")):
        done = shell(f"colorgan colorize - {album}/1.png < {album}/0.png {streams}")
        assert done.returncode == 2
        errors = [line for line in done.stderr.splitlines() if "error" in line]
        assert f"cannot write to standard output: {why}" in errors[0]
        assert (album / "1_colorized.png").exists()
        (album / "1_colorized.png").unlink()


def test_a_picture_needs_a_stream_to_come_from_and_to_go_to(album: Path) -> None:
    done = shell(f"colorgan colorize - >&- < {album}/0.png")
    assert done.returncode == 2
    assert done.stderr == (
        "colorgan colorize: error: standard output is closed; "
        "send the picture to a file, or give -o\n"
    )
    done = shell("colorgan colorize - <&-")
    assert (done.returncode, done.stdout) == (2, "")
    assert "standard input: empty" in done.stderr


def test_the_scripts_of_the_clone_end_with_their_reader() -> None:
    done = shell("colorgan reproduce --help | true")
    assert (done.returncode in (0, 141), done.stderr) == (True, "")
