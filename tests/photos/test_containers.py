"""Videos of every kind of file that people have are read, whatever they are called."""

import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from colorgan.photos.containers import VIDEO_SUFFIXES, is_video
from colorgan.photos.films.ffmpeg import contents_of
from colorgan.photos.films.frames import open_frames
from films import clip_of, ffmpeg, write_video

X264 = ("-c:v", "libx264")
X265 = ("-c:v", "libx265", "-x265-params", "log-level=0")
MPEG1, MPEG2, MPEG4 = (
    ("-c:v", codec, "-q:v", 2) for codec in ("mpeg1video", "mpeg2video", "mpeg4")
)
PAL = ("-s", "720x576", "-r", 25)
# What is in the files of some ending: a muxer of ffmpeg's, and what encodes the picture.
MADE_OF = {
    ".mp4": ("mp4", X264), ".m4v": ("mp4", X264), ".mov": ("mov", X264), ".qt": ("mov", MPEG4),
    ".3gp": ("3gp", X264), ".3g2": ("3g2", X264), ".3gpp": ("3gp", MPEG4), ".f4v": ("f4v", X264),
    ".mj2": ("mov", ("-c:v", "jpeg2000")), ".avi": ("avi", ("-c:v", "msmpeg4")),
    ".divx": ("avi", (*MPEG4, "-vtag", "DIVX")), ".xvid": ("avi", (*MPEG4, "-vtag", "XVID")),
    ".wmv": ("asf", ("-c:v", "wmv2")), ".asf": ("asf", ("-c:v", "wmv1")),
    ".dvr-ms": ("asf", MPEG2), ".wtv": ("wtv", MPEG2), ".flv": ("flv", ("-c:v", "flv")),
    ".rm": ("rm", ("-c:v", "rv10", "-s", "176x144")),
    ".rmvb": ("rm", ("-c:v", "rv20", "-s", "352x288")),
    ".mkv": ("matroska", ("-c:v", "ffv1")), ".mk3d": ("matroska", X265),
    ".webm": ("webm", ("-c:v", "libvpx", "-deadline", "realtime")),
    ".ogv": ("ogv", ("-c:v", "libtheora")), ".ogm": ("ogg", ("-c:v", "libtheora")),
    ".ogx": ("ogg", ("-c:v", "libtheora")),
    ".ivf": ("ivf", ("-c:v", "libvpx", "-deadline", "realtime")), ".nut": ("nut", MPEG4),
    ".dv": ("dv", ("-c:v", "dvvideo", "-pix_fmt", "yuv420p", *PAL)),
    ".dif": ("dv", ("-c:v", "dvvideo", "-pix_fmt", "yuv420p", *PAL)),
    ".mpg": ("mpeg", MPEG1), ".mpeg": ("vcd", MPEG1), ".mpe": ("mpeg", MPEG1),
    ".m2p": ("svcd", MPEG2), ".vob": ("vob", MPEG2), ".vro": ("dvd", MPEG2),
    ".mod": ("vob", MPEG2), ".mxf": ("mxf", MPEG2),
    ".gxf": ("gxf", (*MPEG2, "-pix_fmt", "yuv422p", "-s", "720x512")),
    ".ts": ("mpegts", X264), ".tp": ("mpegts", MPEG2), ".trp": ("mpegts", MPEG2),
    ".mts": ("mpegts", (*X264, "-mpegts_m2ts_mode", 1)),
    ".m2t": ("mpegts", MPEG2), ".m2ts": ("mpegts", (*X264, "-mpegts_m2ts_mode", 1)),
    ".tod": ("mpegts", MPEG2), ".m1v": ("mpeg1video", MPEG1), ".m2v": ("mpeg2video", MPEG2),
    ".mpv": ("mpeg2video", MPEG2), ".mjpeg": ("mjpeg", ("-c:v", "mjpeg")),
    ".mjpg": ("mjpeg", ("-c:v", "mjpeg")), ".h264": ("h264", X264), ".264": ("h264", X264),
    ".avc": ("h264", X264), ".h265": ("hevc", X265), ".265": ("hevc", X265),
    ".hevc": ("hevc", X265), ".y4m": ("yuv4mpegpipe", ("-pix_fmt", "yuv420p")),
    ".obu": ("obu", ("-c:v", "libaom-av1", "-cpu-used", 8)),
    ".h266": ("vvc", ("-c:v", "libvvenc", "-preset", "faster")),
    ".266": ("vvc", ("-c:v", "libvvenc", "-preset", "faster")),
    ".vvc": ("vvc", ("-c:v", "libvvenc", "-preset", "faster")),
}  # fmt: skip
WITHOUT_SIGNATURE = {".gxf", ".mjpeg", ".mjpg", ".obu", ".h266", ".266", ".vvc"}
NOT_MADE = {".vc1"}  # ffmpeg has no encoder


@pytest.fixture(scope="module")
def clip(photo: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    frames = [cv2.resize(frame, (160, 128)) for frame in clip_of(photo)[:4]]
    return write_video(tmp_path_factory.mktemp("clip") / "clip.mkv", frames)


def test_every_ending_is_tried() -> None:
    assert {*MADE_OF, *NOT_MADE} == VIDEO_SUFFIXES


@pytest.mark.parametrize("suffix", MADE_OF)
def test_videos_of_every_ending_are_read_and_known_without_it(
    tmp_path: Path, clip: Path, suffix: str
) -> None:
    film = tmp_path / f"film{suffix}"
    muxer, encoder = MADE_OF[suffix]
    ffmpeg("-i", clip, "-pix_fmt", "yuv420p", *encoder, "-f", muxer, film)
    assert is_video(film)
    nameless = Path(shutil.copy(film, tmp_path / "film"))
    assert is_video(nameless) == (suffix not in WITHOUT_SIGNATURE)
    with open_frames(film, contents_of(film), 10**6) as frames:
        levels = [gray.mean() for gray in frames]
    assert len(levels) >= 3, "an old muxer may lose one"
    with open_frames(clip, contents_of(clip), 10**6) as frames:
        assert np.mean(levels) == pytest.approx(np.mean([gray.mean() for gray in frames]), abs=3)


def test_what_is_no_video_is_not_taken_for_one(tmp_path: Path, photo: np.ndarray) -> None:
    for suffix in (".jpg", ".png", ".tif", ".webp", ".bmp", ".pgm"):
        picture = tmp_path / f"photo{suffix}"
        cv2.imwrite(str(picture), photo[:64, :64])
        assert not is_video(picture)
    heic, text, empty = (tmp_path / name for name in ("a.heic", "text", "empty"))
    heic.write_bytes(b"\0\0\0\x18ftypheic" + bytes(40))
    text.write_text("GGG, to begin with, is no video.\n" * 100)
    empty.touch()
    os.mkfifo(tmp_path / "pipe")
    for name in ("a.heic", "text", "empty", "pipe", "missing", "."):
        assert not is_video(tmp_path / name)
