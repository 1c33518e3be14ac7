"""A film that is stopped goes on where it was, to the same result, and leaves little behind."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from colorgan.errors import UserError
from colorgan.photos.coloring.colorizer import Colorizer
from colorgan.photos.films import parts, video
from conftest import ROOT
from films import RATE, camera, colorize, ffmpeg, probe, read_video, seen

LENGTH = 6  # frames of a part
KEPT = ".new.mp4.unfinished"


@pytest.fixture(scope="module")
def film(photo: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four parts, the last of them short, with sound."""
    frames = [seen(photo, camera(at), noise=4, seed=at)[64:192, 80:240] for at in range(22)]
    tone = ["-f", "lavfi", "-i", "sine=d=0.88", "-map", 0, "-map", 1, "-c:a", "aac"]
    path = tmp_path_factory.mktemp("film") / "old.mp4"
    raw = ["-f", "rawvideo", "-pix_fmt", "gray", "-s", "160x128", "-r", RATE, "-i", "pipe:0"]
    content = np.stack(frames).tobytes()
    ffmpeg(*raw, *tone, "-c:v", "libx264", "-qp", 4, "-pix_fmt", "yuv420p", path, input=content)
    return path


@pytest.fixture(autouse=True)
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video, "PART", LENGTH / RATE)
    monkeypatch.setattr(parts, "WORTH_KEEPING", 0)


def stop_at(frame: int) -> Callable[[int, int], None]:
    """A progress that is interrupted as by Ctrl-C, once this many frames are done."""

    def progress(done: int, expected: int) -> None:
        if done == frame:
            raise KeyboardInterrupt

    return progress


def stopped(colorizer: Colorizer, film: Path, target: Path, frame: int, **options) -> list[str]:
    """Colour a film up to a frame; what was reported."""
    reported: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        colorize(
            colorizer, film, target, progress=stop_at(frame), report=reported.append, **options
        )
    assert not target.exists()
    return reported


@pytest.mark.parametrize("whole", [False, True])
def test_a_film_stopped_twice_is_the_same_to_the_bit(
    colorizer: Colorizer, tmp_path: Path, film: Path, whole: bool
) -> None:
    target, at_once = tmp_path / "new.mp4", tmp_path / "at_once.mp4"
    expected = colorize(colorizer, film, at_once, whole=whole)
    reported = stopped(colorizer, film, target, 9, whole=whole)
    kept = f"6 finished frames are kept in {KEPT}"
    assert reported == [f"stopped; {kept}, and the same command continues from there"]
    assert sorted(os.listdir(tmp_path / KEPT)) == [".lock", "part000000.mp4", "state.npz"]
    reported = stopped(colorizer, film, target, 20, whole=whole)
    assert reported[0] == "continues after the 6 frames that an earlier run finished"
    reported, counts = [], []
    result = colorize(
        colorizer, film, target, whole=whole, report=reported.append,
        progress=lambda done, expected: counts.append(done),
    )  # fmt: skip
    assert reported == ["continues after the 18 frames that an earlier run finished"]
    assert counts == list(range(1, 23))
    assert result == expected
    assert result.frames == 22
    assert target.read_bytes() == at_once.read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["at_once.mp4", "new.mp4"]


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_parts_are_joined_without_a_seam(
    colorizer: Colorizer, tmp_path: Path, film: Path, suffix: str
) -> None:
    target = tmp_path / f"new{suffix}"
    colorize(colorizer, film, target, quality=95)
    show = ("-map", "0:v", "-vf", "showinfo", "-fps_mode", "passthrough", "-f", "null", "-")
    log = ffmpeg("-v", "info", "-i", target, *show).stderr.decode()
    times = np.array(re.findall(r"pts_time:([\d.]+)", log), float)
    exact = 0.0001 if suffix == ".mp4" else 0.001  # WebM counts milliseconds
    np.testing.assert_allclose(times, np.arange(22) / RATE, atol=exact)
    luma, old = (read_video(path, "gray").astype(int) for path in (target, film))
    assert np.abs(luma - old).mean(axis=(1, 2)).max() < 3.5, "no frame is another's"


def test_what_no_longer_fits_is_removed_and_started_over(
    colorizer: Colorizer, tmp_path: Path, film: Path, truth: np.ndarray
) -> None:
    old, target = tmp_path / "old.mp4", tmp_path / "new.mp4"
    old.write_bytes(film.read_bytes())
    starts_over = "started over; what an earlier run had finished is removed"
    stopped(colorizer, old, target, 9)
    reference = colorizer.reference_of(truth)
    others = ({"quality": 50}, {"whole": True}, {"reference": reference}, {"start_over": True})
    for options in others:
        assert stopped(colorizer, old, target, 8, **options)[0] == starts_over
    assert stopped(colorizer, old, target, 8)[0].startswith("continues")
    os.utime(old, (1, 1))
    assert stopped(colorizer, old, target, 8)[0] == starts_over
    (tmp_path / KEPT / "part000000.mp4").unlink()
    assert stopped(colorizer, old, target, 8)[0] == starts_over
    for content in (b"damaged", b""):
        (tmp_path / KEPT / "state.npz").write_bytes(content)
        assert stopped(colorizer, old, target, 8)[0] == starts_over
    assert len(list(tmp_path.iterdir())) == 2, "one folder for a result"


def test_the_old_state_is_gone_before_a_new_part_is_written(
    colorizer: Colorizer, tmp_path: Path, film: Path
) -> None:
    """Or else a kill would leave the state of a finished part with half of another."""
    stopped(colorizer, film, tmp_path / "new.mp4", 7)

    def look(done: int, expected: int) -> None:
        assert "state.npz" not in os.listdir(tmp_path / KEPT)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        colorize(colorizer, film, tmp_path / "new.mp4", start_over=True, progress=look)


def test_of_a_little_work_nothing_is_kept(
    colorizer: Colorizer, tmp_path: Path, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "WORTH_KEEPING", 60)
    assert stopped(colorizer, film, tmp_path / "new.mp4", 15) == []
    assert list(tmp_path.iterdir()) == []


def test_two_runs_do_not_write_the_same_film(
    colorizer: Colorizer, tmp_path: Path, film: Path
) -> None:
    def second(done: int, expected: int) -> None:
        with pytest.raises(UserError, match=r"new\.mp4: another process is writing it"):
            colorize(colorizer, film, tmp_path / "new.mp4")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        colorize(colorizer, film, tmp_path / "new.mp4", progress=second)


def test_a_name_as_long_as_names_may_be_is_written(
    colorizer: Colorizer, tmp_path: Path, film: Path
) -> None:
    target = tmp_path / f"{'ü' * 125}.mp4"
    colorize(colorizer, film, target)
    assert os.listdir(tmp_path) == [target.name]


PROGRAM = """
import sys
from pathlib import Path
from colorgan import Colorizer
from colorgan.photos.films import parts
from colorgan.photos.films import video
from colorgan.phases import PhaseTimes
video.PART, parts.WORTH_KEEPING = 6 / 25, 0
source, target = map(Path, sys.argv[1:])
video.colorize_video(Colorizer(), source, target, max_pixels=10**6, times=PhaseTimes(),
    progress=lambda done, expected: print(done, flush=True))
"""


def test_a_killed_film_goes_on(colorizer: Colorizer, tmp_path: Path, film: Path) -> None:
    target, reported = tmp_path / "new.mp4", []
    words = [sys.executable, "-c", PROGRAM, film, target]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "python")}
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment) as program:
        for line in program.stdout:
            if int(line) == 15:
                program.send_signal(signal.SIGKILL)
    assert program.returncode == -signal.SIGKILL
    assert len(os.listdir(tmp_path / KEPT)) == 5, "lock, two parts, one not finished, state"
    assert colorize(colorizer, film, target, report=reported.append).frames == 22
    assert reported == ["continues after the 12 frames that an earlier run finished"]
    assert os.listdir(tmp_path) == ["new.mp4"]
    assert "Audio: aac" in probe(target)
