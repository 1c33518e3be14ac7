"""Colours the faces of video files, frame by frame, with flicker held down.

What becomes of a video:

- The picture is H.264 (VP9 in .webm), 4:2:0, of the source's size, pixel aspect and rate, upright,
  with BT.601's matrix, in which luma is the gray that was coloured. Odd widths and heights, which
  4:2:0 does not have, grow by one pixel, a copy of the border; most players refuse 4:4:4.
- Interlaced frames are deinterlaced, and HDR's light is brought to the range of other films.
- A variable frame rate becomes constant: frames are repeated or left out where they are due, so
  that sound stays in time. Rates that are guessed above 240 per second are cut down to that.
- Sound is kept, see `sound`. Subtitles are always left out.
- Of a damaged or cut off file what can be decoded is coloured, and the result is marked as damaged.
"""

import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from colorgan.errors import UserError
from colorgan.phases import PhaseTimes
from colorgan.photos.colorizer import Colorizer
from colorgan.photos.containers import CONTAINERS, WRITABLE_VIDEO_SUFFIXES, Container
from colorgan.photos.ffmpeg import contents_of
from colorgan.photos.frames import Frames, no_video_in, open_encoder, open_frames
from colorgan.photos.sound import Sound, with_sound
from colorgan.photos.tracking import FaceTracker


@dataclass(frozen=True)
class ColoredVideo:
    """What a video held and what came of it."""

    frames: int
    frames_with_faces: int
    seconds: float
    """How long it plays."""
    sound: tuple[Sound, ...]
    """What became of each track."""
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
    contents = contents_of(source)
    with _folder_beside(target) as folder:
        finished, tracked = Path(folder) / "silent", 0
        with (
            open_frames(source, contents, max_pixels) as frames,
            open_encoder(finished, frames, container, quality, target) as write,
        ):
            tracker = FaceTracker(float(frames.rate))
            for gray in _timed(frames, times):
                colored, has_faces = _color_frame(colorizer, tracker, gray, whole, times)
                tracked += has_faces
                with times.phase("encode, write"):
                    write(colored)
                progress(frames.count, round(contents.seconds * frames.rate))
            if not frames.count:
                raise no_video_in(source)
        with times.phase("encode, write"):
            finished, sound = with_sound(finished, source, contents.sounds, container)
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


def _timed(frames: Frames, times: PhaseTimes) -> Iterator[np.ndarray]:
    iterator = iter(frames)
    while True:
        with times.phase("decode"):
            gray = next(iterator, None)
        if gray is None:
            return
        yield gray


def _container_of(source: Path, target: Path) -> Container:
    """The container that the target's suffix names; UserError where source or target is unfit."""
    container = CONTAINERS.get(target.suffix.lower())
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
