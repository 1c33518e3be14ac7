"""Videos coloured from file to file, and the faces in them followed without flicker."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from colorgan.errors import UserError
from colorgan.photos.coloring.colorizer import Colorizer
from colorgan.photos.films.ffmpeg import contents_of
from colorgan.photos.films.frames import open_frames
from conftest import ROOT, chroma_in
from films import clip_of, colorize, ffmpeg, probe, read_video, write_video


@pytest.fixture(scope="module")
def clip(photo: np.ndarray) -> list[np.ndarray]:
    return clip_of(photo)


# From file to file.


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "webm"])
def test_size_rate_count_luminance_and_time_are_the_sources(
    colorizer: Colorizer, tmp_path: Path, clip: list[np.ndarray], suffix: str
) -> None:
    source = write_video(tmp_path / "old.mp4", clip, rate="30000/1001")
    os.utime(source, (1e9, 1e9))
    target, told = tmp_path / f"new.{suffix}", []
    result = colorize(colorizer, source, target, progress=lambda *counts: told.append(counts))
    assert (result.frames, result.frames_with_faces, result.damaged) == (8, 8, False)
    assert result.seconds == pytest.approx(8 * 1001 / 30000)
    assert result.sound == ()
    assert told == [(number, 8) for number in range(1, 9)]
    codec = "vp9" if suffix == "webm" else "h264"
    stored = r"yuv420p\(tv, smpte170m/bt709/bt709.*\), 320x256.* 29\.97 fps"
    assert re.search(rf"Video: {codec} .*{stored}", probe(target))
    frames, luma = read_video(target), read_video(target, "gray").astype(int)
    assert len(frames) == 8
    assert np.abs(luma - clip).mean() < 2.5, "levels of 255, by two lossy encodings"
    middle = frames[4, 110:150, 140:180]
    cb, cr = chroma_in(middle).mean(axis=(1, 2))
    assert cb < -0.02 and cr > 0.03, "skin"
    assert sorted(tmp_path.iterdir()) == sorted([source, target])
    assert target.stat().st_mtime == 1e9


def test_less_quality_makes_smaller_files(
    colorizer: Colorizer, tmp_path: Path, clip: list[np.ndarray]
) -> None:
    source = write_video(tmp_path / "old.mp4", clip[:3])
    sizes = []
    for quality in (1, 60, 100):
        colorize(colorizer, source, tmp_path / "new.mp4", quality=quality)
        sizes.append((tmp_path / "new.mp4").stat().st_size)
    assert sizes[0] < sizes[1] / 2 < sizes[2] / 4


def test_whole_colors_what_is_outside_of_faces(colorizer: Colorizer, tmp_path: Path) -> None:
    coins = cv2.resize(skimage.data.coins(), (192, 152))
    source = write_video(tmp_path / "old.mp4", [coins] * 2)
    for whole in (False, True):
        result = colorize(colorizer, source, tmp_path / "new.mp4", whole=whole)
        assert (result.frames, result.frames_with_faces) == (2, 0)
        strength = np.hypot(*chroma_in(read_video(tmp_path / "new.mp4")[0])).mean()
        assert strength > 0.02 if whole else strength < 0.001


def test_odd_sizes_grow_by_a_pixel_and_nothing_else_moves(
    colorizer: Colorizer, tmp_path: Path, clip: list[np.ndarray]
) -> None:
    odd = [frame[:255, :319] for frame in clip[:2]]
    source = write_video(tmp_path / "old.mp4", odd, options=["-pix_fmt", "yuv444p"])
    colorize(colorizer, source, tmp_path / "new.mp4", quality=95)
    luma = read_video(tmp_path / "new.mp4", "gray").astype(int)
    assert luma.shape == (2, 256, 320)
    assert np.abs(luma[:, :255, :319] - odd).mean() < 1.5
    assert abs((luma[:, :255, :319] - odd).mean()) < 0.15, "neither darker nor lighter"
    assert np.abs(luma[:, 255, :319] - luma[:, 254, :319]).mean() < 3


def test_rotated_recordings_are_turned_upright(
    colorizer: Colorizer, tmp_path: Path, clip: list[np.ndarray]
) -> None:
    lying = [np.ascontiguousarray(np.rot90(frame)) for frame in clip[:2]]
    flat = write_video(tmp_path / "flat.mp4", lying)
    phone = tmp_path / "phone.mov"
    ffmpeg("-display_rotation", -90, "-i", flat, "-c", "copy", phone)
    assert colorize(colorizer, phone, tmp_path / "new.mp4", quality=95).frames_with_faces == 2
    luma = read_video(tmp_path / "new.mp4", "gray").astype(int)
    assert luma.shape == (2, 256, 320), "turned, not marked as to be turned"
    assert "rotation" not in probe(tmp_path / "new.mp4")
    assert np.abs(luma - clip[:2]).mean() < 1.5


def test_the_shape_of_pixels_is_kept(
    colorizer: Colorizer, tmp_path: Path, clip: list[np.ndarray]
) -> None:
    source = write_video(tmp_path / "old.mkv", clip[:2], options=["-vf", "setsar=16/15"])
    colorize(colorizer, source, tmp_path / "new.mp4")
    log = probe(tmp_path / "new.mp4")
    assert "SAR 16:15" in log


def test_a_variable_rate_becomes_constant_and_keeps_its_time(
    colorizer: Colorizer, tmp_path: Path, clip: list[np.ndarray]
) -> None:
    late = "setpts='if(lt(N,4),N,N+6)/25/TB'"  # 240 ms without a frame after the fourth
    options = ["-vf", late, "-fps_mode", "vfr"]
    source = write_video(tmp_path / "old.mkv", clip, options=options)
    assert len(read_video(source)) == 8
    result = colorize(colorizer, source, tmp_path / "new.mp4", quality=95)
    assert result.seconds == pytest.approx(14 / 25, abs=0.05)
    luma = read_video(tmp_path / "new.mp4", "gray").astype(int)
    waits = int(0.3 * result.frames / result.seconds)  # still the fourth frame
    assert np.abs(luma[waits] - clip[3]).mean() < 1.5


def test_frames_may_last_longer_than_a_part_of_a_film(
    colorizer: Colorizer, tmp_path: Path, clip: list[np.ndarray]
) -> None:
    """As those of a camera that takes one a minute."""
    source = write_video(tmp_path / "old.mkv", clip[:3], rate="1/60")
    result = colorize(colorizer, source, tmp_path / "new.mp4")
    assert (result.frames, result.frames_with_faces, result.seconds) == (3, 3, 180)
    assert len(read_video(tmp_path / "new.mp4")) == 3


# What cannot be coloured.


def assert_refused(colorizer: Colorizer, source: Path, target: Path, reason: str) -> None:
    before = sorted(target.parent.iterdir())
    with pytest.raises(UserError, match=reason) as refused:
        colorize(colorizer, source, target)
    assert "\n" not in str(refused.value)
    assert str(refused.value).startswith((str(source), str(target), f"cannot write {target}"))
    assert sorted(target.parent.iterdir()) == before


@pytest.fixture
def good(tmp_path: Path, clip: list[np.ndarray]) -> Path:
    return write_video(tmp_path / "good.mp4", clip)


def test_broken_inputs_are_one_line_and_leave_nothing(
    colorizer: Colorizer, tmp_path: Path, good: Path
) -> None:
    target = tmp_path / "new.mp4"
    target.write_bytes(b"dear to someone")
    (tmp_path / "text.mp4").write_text("no video\n")
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "cut.mp4").write_bytes(good.read_bytes()[:-2000])  # without the index at its end
    ffmpeg("-f", "lavfi", "-i", "sine=d=0.2", tmp_path / "sound.mp4")
    for name in ("text.mp4", "empty.mp4", "cut.mp4", "sound.mp4"):
        assert_refused(colorizer, tmp_path / name, target, "no video that can be decoded")
    (tmp_path / "folder.mp4").mkdir()
    os.mkfifo(tmp_path / "pipe.mp4")
    assert_refused(colorizer, tmp_path / "missing.mp4", target, "No such file")
    assert_refused(colorizer, tmp_path / "folder.mp4", target, "not a regular file")
    assert_refused(colorizer, tmp_path / "pipe.mp4", target, "not a regular file")
    assert target.read_bytes() == b"dear to someone"


def test_impossible_targets_are_reported(colorizer: Colorizer, tmp_path: Path, good: Path) -> None:
    (tmp_path / "full.mp4").mkdir()
    assert_refused(colorizer, good, tmp_path / "new.avi", r"written as \.mkv, \.mov, \.mp4, \.webm")
    assert_refused(colorizer, good, good, "is the source itself")
    assert_refused(colorizer, good, tmp_path / "full.mp4", "cannot write")
    with pytest.raises(UserError, match=r"cannot write .*/missing/new\.mp4: No such file"):
        colorize(colorizer, good, tmp_path / "missing" / "new.mp4")


def test_frames_of_too_many_pixels_are_refused(
    colorizer: Colorizer, tmp_path: Path, good: Path
) -> None:
    with pytest.raises(UserError, match=r"good\.mp4: its frames have more than 0\.08 megapixels"):
        colorize(colorizer, good, tmp_path / "new.mp4", max_pixels=80_000)
    assert list(tmp_path.iterdir()) == [good]


def test_of_a_cut_off_file_what_is_there_is_colored(
    colorizer: Colorizer, tmp_path: Path, clip: list[np.ndarray]
) -> None:
    index_first = ["-movflags", "+faststart", "-g", 1]
    whole = write_video(tmp_path / "whole.mp4", clip, options=index_first)
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    result = colorize(colorizer, cut, tmp_path / "new.mp4")
    assert result.damaged
    assert 3 <= result.frames < 8
    assert len(read_video(tmp_path / "new.mp4")) == result.frames


def test_playlists_fetch_no_addresses_and_read_no_other_files(
    colorizer: Colorizer, tmp_path: Path, good: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        port = server.getsockname()[1]
        hls = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{}\n#EXT-X-ENDLIST\n"
        playlists = {
            "fetch.mp4": hls.format(f"http://127.0.0.1:{port}/a.mp4"),
            "other.mov": hls.format("good.mp4"),
            "concat.mkv": "ffconcat version 1.0\nfile good.mp4\n",
        }
        for name, text in playlists.items():
            (tmp_path / name).write_text(text)
            assert_refused(colorizer, tmp_path / name, tmp_path / "new.mp4", "no video")
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.mark.parametrize("name", ["-y.mp4", "concat:a|b.mp4", "%03d.mp4", "ü \n'\".mp4"])
def test_names_are_never_taken_for_something_else(
    colorizer: Colorizer, tmp_path: Path, clip: list[np.ndarray], name: str, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "old.mp4", clip[:2]).rename(name)
    target = Path(name).with_suffix(".mov")
    assert colorize(colorizer, Path(name), target).frames == 2
    assert sorted(tmp_path.iterdir()) == sorted(tmp_path / path for path in (name, target))


def test_an_encoder_that_dies_is_reported_and_leaves_nothing(
    colorizer: Colorizer, tmp_path: Path, good: Path
) -> None:
    def kill_encoder(done: int, expected: int) -> None:
        for child in children():
            if "rawvideo" in child[1] and "bgr24" in child[1]:
                os.kill(child[0], signal.SIGKILL)

    before = children()  # other tests' helpers
    with pytest.raises(UserError, match=r"cannot write .*new\.mp4: the encoder gave up"):
        colorize(colorizer, good, tmp_path / "new.mp4", progress=kill_encoder)
    assert list(tmp_path.iterdir()) == [good]
    assert children() == before


def children(parent: int | None = None) -> list[tuple[int, list[str]]]:
    """Running children of a process, this one by default: their ids and command lines."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "status").read_text()
            words = (folder / "cmdline").read_bytes().decode().split("\0")
        except OSError:  # ended meanwhile
            continue
        if f"\nPPid:\t{parent or os.getpid()}\n" in status and "\nState:\tZ" not in status:
            found.append((int(folder.name), words))
    return found


PROGRAM = """
import sys
from pathlib import Path
from colorgan import Colorizer
from colorgan.errors import run_program
from colorgan.phases import PhaseTimes
from colorgan.photos.films.video import colorize_video
source, target = map(Path, sys.argv[1:])
def tell(done, expected):
    print(done, flush=True)
sys.exit(run_program("test", lambda: colorize_video(
    Colorizer(), source, target, max_pixels=10**6, times=PhaseTimes(), progress=tell)))
"""


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_ffmpeg_and_leaves_nothing(
    tmp_path: Path, clip: list[np.ndarray], number: int, code: int
) -> None:
    source = write_video(tmp_path / "old.mp4", clip * 20)
    (tmp_path / "out").mkdir()
    words = [sys.executable, "-c", PROGRAM, source, tmp_path / "out" / "new.mp4"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "python")}
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as program:
        assert program.stdout.readline() == "1\n"
        running = [pid for pid, _ in children(program.pid)]
        assert len(running) == 2
        assert list((tmp_path / "out").iterdir()), "the unfinished file is beside the target"
        program.send_signal(number)
        _, errors = program.communicate(timeout=20)
    assert program.returncode == code and "Traceback" not in errors
    assert list((tmp_path / "out").iterdir()) == []
    assert not [pid for pid in running if Path(f"/proc/{pid}").exists()]


def test_memory_does_not_grow_with_length(tmp_path: Path, monkeypatch) -> None:
    """Frames are read when they are asked for: a reader that ran ahead would hold them all."""
    frames = [np.full((720, 1280), level, np.uint8) for level in range(60)]
    source = write_video(tmp_path / "old.mp4", frames)
    with open_frames(source, contents_of(source), 10**6) as stream:
        iterator = iter(stream)
        next(iterator)
        time.sleep(0.5)
        assert stream.count == 1
        assert sum(1 for _ in iterator) == 59
