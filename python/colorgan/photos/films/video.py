"""Colours the faces of video files, frame by frame, with flicker held down.

What becomes of a video:

- The picture is H.264 (VP9 in .webm), 4:2:0, of the source's size, pixel aspect and rate, upright,
  with BT.601's matrix, in which luma is the gray that was coloured. Odd widths and heights, which
  4:2:0 does not have, grow by one pixel, a copy of the border; most players refuse 4:4:4.
- Interlaced frames are deinterlaced, and HDR's light is brought to the range of other films.
- A variable frame rate becomes constant: frames are repeated or left out where they are due, so
  that sound stays in time. Rates that are guessed above 240 per second are cut down to that.
- Sound is kept, see `sound`, and so are chapters, date, title, place and the file's time. Subtitles
  are always left out.
- It is encoded in parts of a fixed length, each by itself, and these are joined: so a film that was
  stopped goes on to the very same result.
- Of a damaged or cut off file what can be decoded is coloured, and the result is marked as damaged.
"""

import hashlib
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np

from colorgan import __version__
from colorgan.errors import UserError
from colorgan.files import refuse_to_overwrite, set_modified
from colorgan.phases import PhaseTimes
from colorgan.photos.coloring.colorizer import Colorizer
from colorgan.photos.coloring.painting import paint
from colorgan.photos.coloring.reference import Reference
from colorgan.photos.containers import CONTAINERS, WRITABLE_VIDEO_SUFFIXES, Container
from colorgan.photos.films.ffmpeg import contents_of, ffmpeg_version
from colorgan.photos.films.frames import Frames, no_video_in, open_encoder, open_frames
from colorgan.photos.films.parts import parts_of
from colorgan.photos.films.sound import Sound, join
from colorgan.photos.films.tracking import FaceTracker
from colorgan.photos.films.view import ViewSmoother

PART = 20
"""Seconds of film that are encoded at a time; a kill loses no more."""


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
    reference: Reference | None = None,
    quality: int | None = None,
    anew: bool = False,
    progress: Callable[[int, int], None] = lambda done, expected: None,
    tell: Callable[[str], None] = lambda line: None,
) -> ColoredVideo:
    """Colour the faces of a video file; `whole` or a `reference` colours what is outside of them.

    `target`, a .mp4, .mov, .mkv or .webm, is replaced, as a whole and at the end only. `quality` is
    1 to 100; frames of more than `max_pixels` are refused; `times` is told where the time went;
    `progress` is called after each frame with the count of frames done and that of those expected,
    which may be wrong, and is 0 where the file does not tell. What an earlier call has finished of
    the same film, see `parts`, is taken over, unless `anew` says not to; `tell` is told of it.
    UserError where the source cannot be decoded or the target not be written.
    """
    container = _container_of(source, target)
    modified = source.stat().st_mtime_ns
    contents = contents_of(source)
    identity = _identity(colorizer, source, target.suffix.lower(), whole, reference, quality)
    with (
        parts_of(target, identity, anew=anew, tell=tell) as parts,
        open_frames(source, contents, max_pixels) as frames,
    ):

        def advance() -> None:
            progress(frames.count, round(contents.seconds * frames.rate))

        film = FilmColorizer(colorizer, float(frames.rate), whole, times, reference)
        grays = _timed(frames, times)
        if parts.count:
            tell(f"goes on after the {parts.frames:,} frames that an earlier run has finished")
            film.restore(parts.state)
            for _ in islice(grays, parts.frames):  # to decode is a small share of all work
                advance()
        length = round(PART * frames.rate)
        while (first := next(grays, None)) is not None:
            begun, with_faces = time.monotonic(), 0
            path = parts.path(parts.count)
            with open_encoder(path, frames, container, quality, target) as write:
                for gray in chain([first], islice(grays, length - 1)):
                    colored, has_faces = film.color(gray)
                    with times.phase("encode, write"):
                        write(colored)
                    with_faces += has_faces
                    advance()
            took = time.monotonic() - begun
            parts.add(frames.count - parts.frames, with_faces, took, film.state())
        if not frames.count:
            raise no_video_in(source)
        with times.phase("encode, write"):
            finished, sound = join(parts.write_list(), source, contents.sounds, container, target)
            set_modified(finished, modified)
            _put_in_place(finished, target)
    seconds = float(frames.count / frames.rate)
    return ColoredVideo(frames.count, parts.frames_with_faces, seconds, sound, frames.damaged)


class FilmColorizer:
    """Colours the frames of a film, one after the other, with what it knows from those before."""

    def __init__(
        self,
        colorizer: Colorizer,
        rate: float,
        whole: bool,
        times: PhaseTimes,
        reference: Reference | None = None,
    ) -> None:
        """`rate` is in frames per second.

        A `reference` colours what is outside of faces or, without one, `whole`.
        """
        self._colorizer, self._times, self._reference = colorizer, times, reference
        self._faces = FaceTracker(rate)
        self._view = ViewSmoother(rate) if whole or reference else None

    def color(self, gray: np.ndarray) -> tuple[np.ndarray, bool]:
        """The next frame coloured, BGR, and whether a face is in it."""
        colorizer, tracker, phase = self._colorizer, self._faces, self._times.phase
        with phase("find faces"):
            if tracker.advance(gray):
                tracker.correct(colorizer.find_faces(gray))
            faces = tracker.faces()
        with phase("colour faces"):
            chroma = tracker.smooth(colorizer.predict_chroma(gray, faces))
            if self._view is not None:
                frame = self._view.smooth(gray, self._seen(gray), tracker.is_cut)
        with phase("paint"):
            layers = colorizer.oval_layers(gray, faces, chroma, tracker.opacity())
            if self._view is not None:
                layers.insert(0, colorizer.frame_layer(gray, frame))
            return paint(gray, layers), len(faces) > 0

    def _seen(self, gray: np.ndarray) -> np.ndarray:
        """The chroma of what is outside of faces: float32 `(2, h, w)`, small.

        As without faces: what came and went with them would change all colours.
        """
        if self._reference is not None:
            return self._reference.chroma_for_frame(gray)
        return self._colorizer.predict_frame(gray, np.empty((0, 5, 2)))

    def state(self) -> dict[str, np.ndarray]:
        """All that the frames to come depend on."""
        followed = {"faces": self._faces} | ({"view": self._view} if self._view else {})
        return {
            f"{name}.{key}": value
            for name, follower in followed.items()
            for key, value in follower.state().items()
        }

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on where another one was, of the same film, whose `state` this is."""
        self._faces.restore(_below("faces.", state))
        if self._view is not None:
            self._view.restore(_below("view.", state))


def _below(prefix: str, state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    here = (name for name in state if name.startswith(prefix))
    return {name.removeprefix(prefix): state[name] for name in here}


def _timed(frames: Frames, times: PhaseTimes) -> Iterator[np.ndarray]:
    iterator = iter(frames)
    while True:
        with times.phase("decode"):
            gray = next(iterator, None)
        if gray is None:
            return
        yield gray


def _identity(
    colorizer: Colorizer,
    source: Path,
    suffix: str,
    whole: bool,
    reference: Reference | None,
    quality: int | None,
) -> str:
    """All that a coloured film depends on, but for the content of a source that keeps its time."""
    status = source.stat()
    with source.open("rb") as file:
        head = hashlib.sha256(file.read(1 << 20)).hexdigest()
    film = (status.st_size, status.st_mtime_ns, head)
    programs = (__version__, ffmpeg_version(), colorizer.identity())
    example = reference and reference.identity()
    return repr((film, suffix, whole, example, quality, PART, programs))


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
    refuse_to_overwrite(source, target)
    return container


def _put_in_place(finished: Path, target: Path) -> None:
    try:
        finished.replace(target)
    except OSError as error:
        raise UserError(f"cannot write {target}: {error.strerror}") from None
