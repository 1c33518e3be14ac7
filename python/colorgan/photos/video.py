"""Colours the faces of video files, frame by frame, with flicker held down.

ffmpeg, whose binary comes in the package imageio-ffmpeg, decodes and encodes in processes of its
own. Frames come from it as YUV4MPEG, whose header tells size, rate and pixel aspect exactly, of the
frames as they are after the file's rotation; imageio-ffmpeg's own generators take these from the
log, rounded, and keep ffmpeg's exit code to themselves.

PyAV 18.1.0 was tried in place of the pipes. To decode and encode 100 grainy frames of 1280 x 720
takes it 14.9 to 17.1 s of the processor, against 14.2 to 16.0 s here, and it takes 103 MB of disk,
against 165 MB. It is left out: it is no faster, and turning frames upright, keeping the rate
constant and falling back on other sound, each an option of ffmpeg's, would be our own code.

What becomes of a video:

- The picture is H.264 (VP9 in .webm), 4:2:0, of the source's size, pixel aspect and rate, upright,
  with BT.601's matrix, in which luma is the gray that was coloured. Odd widths and heights, which
  4:2:0 does not have, grow by one pixel, a copy of the border; most players refuse 4:4:4.
- A variable frame rate becomes constant: frames are repeated or left out where they are due, so
  that sound stays in time. Rates that are guessed above 240 per second are cut down to that.
- Sound is copied; where its codec does not fit the new file it is encoded again, as AAC or Opus;
  where that fails, too, it is left out. Subtitles are always left out.
- Of a damaged or cut off file what can be decoded is coloured, and the result is marked as damaged.
- Files are untrusted: ffmpeg may open no other file and no network, and takes no playlists.
"""

import re
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import cv2
import imageio_ffmpeg
import numpy as np

from colorgan.errors import UserError
from colorgan.phases import PhaseTimes
from colorgan.photos.colorizer import Colorizer
from colorgan.photos.tracking import FaceTracker

VIDEO_SUFFIXES = frozenset(
    [".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov"]
    + [".mp4", ".mpeg", ".mpg", ".mts", ".ogv", ".webm", ".wmv"]
)
"""Of files that are taken for videos."""


@dataclass(frozen=True)
class _Container:
    """What a file of some suffix is made of, in ffmpeg's words."""

    muxer: str
    sound: str
    encoder: tuple[str, ...]
    worst: int  # on the encoder's scale of quality, on which less is better


# Measured on 100 grainy frames of 1280 x 720: x264 takes 0.6 of its default's time at "faster", and
# is at 44.4 dB of the source instead of 46.3; VP9 takes a twelfth of its default's in real time.
_X264 = ("libx264", "-preset", "faster")
_VP9 = ("libvpx-vp9", "-b:v", "0", "-deadline", "realtime", "-cpu-used", "6", "-row-mt", "1")
_CONTAINERS = {
    ".mkv": _Container("matroska", "aac", _X264, 51),
    ".mov": _Container("mov", "aac", _X264, 51),
    ".mp4": _Container("mp4", "aac", _X264, 51),
    ".webm": _Container("webm", "libopus", _VP9, 63),
}
WRITABLE_VIDEO_SUFFIXES = tuple(sorted(_CONTAINERS))
"""Endings, in lower case, that videos can be written with."""
_QUALITY = 66  # a constant rate factor of 18 for x264: hardly told from the original

_HIGHEST_RATE = 240  # frames/s, of phones' slow motion; more is a clock's tick taken for a rate
_ONLY_THIS_FILE = (
    *("-protocol_whitelist", "file"),
    *("-format_whitelist", "asf,avi,flv,matroska,mov,mpeg,mpegts,ogg"),
)


class Sound(StrEnum):
    """What became of a video's sound."""

    NONE = "none"
    COPIED = "copied"
    CONVERTED = "encoded again"
    DROPPED = "dropped"


@dataclass(frozen=True)
class ColoredVideo:
    """What a video held and what came of it."""

    frames: int
    frames_with_faces: int
    seconds: float
    """How long it plays."""
    sound: Sound
    damaged: bool
    """ffmpeg had trouble with the source: frames may be missing, at its end above all."""


def colorize_video(
    colorizer: Colorizer,
    source: Path,
    target: Path,
    *,
    max_pixels: int,
    times: PhaseTimes,
    whole: bool = False,
    quality: int | None = None,
    progress: Callable[[int, int], None] = lambda done, expected: None,
) -> ColoredVideo:
    """Colour the faces of a video file; `whole` colours what is outside of them, too.

    `target`, a .mp4, .mov, .mkv or .webm, is replaced, as a whole and at the end only. `quality` is
    1 to 100; frames of more than `max_pixels` are refused; `times` is told where the time went;
    `progress` is called after each frame with the count of frames done and that of those expected,
    which may be wrong, and is 0 where the file does not tell. UserError where the source cannot be
    decoded or the target not be written.
    """
    container = _container_of(source, target)
    length, has_sound = _describe(source)
    with _folder_beside(target) as folder:
        finished, sound, tracked = Path(folder) / "silent", Sound.NONE, 0
        with (
            _open_frames(source, max_pixels) as frames,
            _open_encoder(finished, frames, container, quality, target) as write,
        ):
            tracker = FaceTracker(float(frames.rate))
            for gray in _timed(frames, times):
                colored, has_faces = _color_frame(colorizer, tracker, gray, whole, times)
                tracked += has_faces
                with times.phase("encode, write"):
                    write(colored)
                progress(frames.count, round(length * frames.rate))
            if not frames.count:
                raise _unreadable(source)
        with times.phase("encode, write"):
            if has_sound:
                finished, sound = _with_sound(finished, source, container)
            _replace(finished, target)
    seconds = float(frames.count / frames.rate)
    return ColoredVideo(frames.count, tracked, seconds, sound, frames.damaged)


def _color_frame(
    colorizer: Colorizer, tracker: FaceTracker, gray: np.ndarray, whole: bool, times: PhaseTimes
) -> tuple[np.ndarray, bool]:
    """A coloured frame, BGR, and whether a face is in it."""
    with times.phase("find faces"):
        if tracker.advance(gray):
            tracker.correct(colorizer.find_faces(gray))
        faces = tracker.faces()
    with times.phase("colour faces"):
        chroma = tracker.smooth(colorizer.predict_chroma(gray, faces))
    with times.phase("paint"):
        colored = colorizer.paint(gray, faces, chroma, tracker.opacity(), whole=whole)
    return colored, len(faces) > 0


def _timed(frames: "_Frames", times: PhaseTimes) -> Iterator[np.ndarray]:
    iterator = iter(frames)
    while True:
        with times.phase("decode"):
            gray = next(iterator, None)
        if gray is None:
            return
        yield gray


# ----------------------------------------------------------------------------- files


def _container_of(source: Path, target: Path) -> _Container:
    """The container that the target's suffix names; UserError where source or target is unfit."""
    container = _CONTAINERS.get(target.suffix.lower())
    if container is None:
        raise UserError(f"{target}: videos are written as {', '.join(WRITABLE_VIDEO_SUFFIXES)}")
    try:
        if not stat.S_ISREG(source.stat().st_mode):  # a pipe, which would wait for its other end
            raise UserError(f"{source}: is no regular file")
        with source.open("rb"):
            pass
    except OSError as error:
        raise UserError(f"{source}: cannot be read ({error.strerror})") from None
    if target.exists() and target.samefile(source):
        raise UserError(f"{target}: is the source itself; name another file")
    return container


def _folder_beside(target: Path) -> AbstractContextManager[str]:
    """A hidden folder for what is not finished yet, on the target's disk."""
    try:
        return tempfile.TemporaryDirectory(prefix=f".{target.stem}.", dir=target.parent)
    except OSError as error:
        raise UserError(f"cannot write {target}: {error.strerror}") from None


def _replace(finished: Path, target: Path) -> None:
    try:
        finished.replace(target)
    except OSError as error:
        raise UserError(f"cannot write {target}: {error.strerror}") from None


def _unreadable(source: Path) -> UserError:
    return UserError(f"{source}: no video that can be decoded; damaged, or no video file")


# ----------------------------------------------------------------------------- ffmpeg


@contextmanager
def _ffmpeg(
    *arguments: object, **pipes: int
) -> Iterator[tuple[subprocess.Popen[bytes], Callable[[], str]]]:
    """Run ffmpeg while the block lasts; gives the process, and a function that reads its log.

    Whatever ends the block, the process ends with it. Ctrl-C in a terminal does not reach ffmpeg,
    or it would end streams as if they were complete.
    """
    try:
        program = imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError:
        raise UserError("imageio-ffmpeg brings no ffmpeg for this system; install one") from None
    words = [program, "-nostdin", "-hide_banner", *map(str, arguments)]
    with tempfile.TemporaryFile() as log:
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, **pipes}
        child = subprocess.Popen(words, stderr=log, process_group=0, **streams)
        try:
            yield child, lambda: _text(log)
        finally:
            child.kill()  # does nothing to one that has ended
            for pipe in (child.stdin, child.stdout):
                with suppress(AttributeError, OSError):  # no pipe; what it held has no reader
                    pipe.close()
            child.wait()


def _text(log: BinaryIO) -> str:
    log.seek(0)
    return log.read().decode(errors="replace")


def _run_ffmpeg(*arguments: object) -> tuple[bool, str]:
    """Run ffmpeg to its end: whether it did what it should, and its log."""
    with _ffmpeg(*arguments) as (child, log):
        return child.wait() == 0, log()


def _input(source: Path) -> tuple[str, ...]:
    # By its protocol: a name may begin with a hyphen, or hold a colon.
    return (*_ONLY_THIS_FILE, "-i", f"file:{source}")


def _describe(source: Path) -> tuple[float, bool]:
    """A file's length in seconds, 0 where it does not tell, and whether it holds sound."""
    _, log = _run_ffmpeg(*_input(source))
    length = re.search(r"^  Duration: (\d+):(\d\d):(\d\d\.\d+)", log, re.MULTILINE)
    hours, minutes, seconds = map(float, length.groups()) if length else (0, 0, 0)
    has_sound = re.search(r"^  Stream #0:\d+.*: Audio: ", log, re.MULTILINE) is not None
    return hours * 3600 + minutes * 60 + seconds, has_sound


class _Frames:
    """The gray frames of a video, `(h, w)` uint8 of the full range, one after the other.

    Attributes:
        width, height: in pixels.
        rate: frames per second.
        aspect: a pixel's width / height.
        count: how many frames were read.
        damaged: whether ffmpeg complained, once all are read.
    """

    def __init__(self, child: subprocess.Popen[bytes], log: Callable[[], str]) -> None:
        """Read the header; ValueError where there is none."""
        self._child, self._log = child, log
        marks = child.stdout.readline().decode(errors="replace").split()
        if marks[:1] != ["YUV4MPEG2"]:
            raise ValueError("no YUV4MPEG header")
        fields = {mark[0]: mark[1:].replace(":", "/") for mark in marks[1:]}
        self.width, self.height = int(fields["W"]), int(fields["H"])
        self.rate = Fraction(fields["F"])
        known = not fields["A"].startswith("0")
        self.aspect = Fraction(fields["A"]) if known else Fraction(1)
        self.count, self.damaged = 0, False

    def __iter__(self) -> Iterator[np.ndarray]:
        stream = self._child.stdout
        while stream.readline():  # "FRAME"
            gray = np.empty((self.height, self.width), np.uint8)
            if stream.readinto(gray) < gray.size:
                break
            self.count += 1
            yield gray
        self.damaged = self._child.wait() != 0 or bool(self._log())


@contextmanager
def _open_frames(source: Path, max_pixels: int) -> Iterator[_Frames]:
    """Begin to decode a video; UserError where it cannot be, or its frames are too large."""
    decoder = ("-max_pixels", min(max_pixels, 2**31 - 1), *_input(source))
    # V: without pictures that are attached to the file, as covers are.
    stream = ("-map", "0:V:0", "-fps_mode", "cfr", "-fpsmax", _HIGHEST_RATE, "-pix_fmt", "gray")
    y4m = ("-strict", "-1", "-f", "yuv4mpegpipe", "pipe:1")
    arguments = ("-v", "error", *decoder, *stream, *y4m)
    with _ffmpeg(*arguments, stdout=subprocess.PIPE) as (child, log):
        try:
            frames = _Frames(child, log)
        except ValueError:
            child.wait()
            if "max pixel count" in log():
                raise UserError(
                    f"{source}: frames of more than {max_pixels / 1e6:g} megapixels; "
                    "scale it down, or raise the limit"
                ) from None
            raise _unreadable(source) from None
        yield frames


@contextmanager
def _open_encoder(
    path: Path, frames: _Frames, container: _Container, quality: int | None, target: Path
) -> Iterator[Callable[[np.ndarray], None]]:
    """Encode the frames, BGR `(h, w, 3)`, that the function given is called with.

    At the block's end the video is complete. UserError, which names the target, where it cannot be.
    """
    beyond = frames.height % 2, frames.width % 2
    size = f"{frames.width + beyond[1]}x{frames.height + beyond[0]}"
    raw = ("-f", "rawvideo", "-pix_fmt", "bgr24", "-s", size, "-r", frames.rate, "-i", "pipe:0")
    # Without accurate rounding swscale turns gray greenish, and darker by half a level. The
    # primaries and curve are sRGB's, which CelebA's photos, as nearly all others, are in.
    filters = (
        "scale=out_color_matrix=bt601:out_range=tv:flags=accurate_rnd,"
        "setparams=colorspace=smpte170m:color_primaries=bt709:color_trc=bt709,"
        f"setsar={frames.aspect}"
    )
    factor = round(container.worst - (quality or _QUALITY) / 2)
    encoder = ("-c:v", *container.encoder, "-crf", factor, "-pix_fmt", "yuv420p")
    arguments = ("-v", "error", *raw, "-vf", filters, *encoder, *_file(container, path))
    with _ffmpeg(*arguments, stdin=subprocess.PIPE) as (child, log):

        def write(bgr: np.ndarray) -> None:
            if any(beyond):
                bgr = cv2.copyMakeBorder(bgr, 0, beyond[0], 0, beyond[1], cv2.BORDER_REPLICATE)
            try:
                child.stdin.write(np.ascontiguousarray(bgr))
            except BrokenPipeError:
                raise _unwritable(target, child, log) from None

        yield write
        try:
            child.stdin.close()
        except BrokenPipeError:
            raise _unwritable(target, child, log) from None
        if child.wait():
            raise _unwritable(target, child, log)


def _unwritable(target: Path, child: subprocess.Popen[bytes], log: Callable[[], str]) -> UserError:
    child.wait()
    full = "No space left on device"
    return UserError(f"cannot write {target}: {full if full in log() else 'the encoder gave up'}")


def _file(container: _Container, path: Path) -> tuple[object, ...]:
    # The index first, so that the video plays while it is still being fetched.
    index = ("-movflags", "+faststart") if container.muxer in ("mov", "mp4") else ()
    return (*index, "-f", container.muxer, f"file:{path}")


def _with_sound(silent: Path, source: Path, container: _Container) -> tuple[Path, Sound]:
    """Add the source's sound to a video, or leave it as it is: the file to take, what was done."""
    both = silent.with_name("both")
    inputs = ("-i", f"file:{silent}", *_input(source), "-map", "0:v", "-map", "1:a")
    for codec, sound in (("copy", Sound.COPIED), (container.sound, Sound.CONVERTED)):
        codecs = ("-c:v", "copy", "-c:a", codec)
        done, _ = _run_ffmpeg("-v", "error", "-y", *inputs, *codecs, *_file(container, both))
        if done:
            return both, sound
    return silent, Sound.DROPPED
