"""Colours the faces of video files, frame by frame, with little flicker.

What happens to a video:

- The picture becomes H.264 (VP9 in .webm), 4:2:0, upright, with the source's size, pixel aspect and
  rate, and BT.601's matrix, whose luma is the gray that was coloured. Odd widths and heights, which
  4:2:0 cannot have, grow by one pixel, a copy of the border; most players refuse 4:4:4.
- Interlaced frames are deinterlaced, and HDR is mapped to the range of other films.
- A variable frame rate becomes constant: frames are repeated or dropped as needed, so that sound
  stays in time. Rates guessed to be above 240 per second are limited to that.
- Sound is kept, see `sound`, and so are chapters, date, title, place and the file's time. Subtitles
  are always left out.
- Parts of a fixed length are encoded separately, and then joined. So a film that was stopped and
  continued gives exactly the same result.
- As much of a damaged or truncated file as can be decoded is coloured, and reported as damaged.
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
"""Seconds of film that are encoded at a time; a killed process loses at most this."""


@dataclass(frozen=True)
class ColoredVideo:
    """What a video held, and what became of it."""

    frames: int
    frames_with_faces: int
    seconds: float
    """How long it plays."""
    sound: tuple[Sound, ...]
    """What became of each track."""
    damaged: bool
    """ffmpeg reported problems with the source; frames may be missing, mostly at the end."""


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
    start_over: bool = False,
    progress: Callable[[int, int], None] = lambda done, expected: None,
    report: Callable[[str], None] = lambda line: None,
) -> ColoredVideo:
    """Colour the faces of a video file, and everything else with `whole` or a `reference`.

    `target`, a .mp4, .mov, .mkv or .webm, is replaced only at the end, in one step. `quality` is 1
    to 100; frames of more than `max_pixels` are refused; `times` records where the time goes.
    `progress` is called after each frame with the number of frames done and of those expected,
    which may be wrong, and is 0 if unknown. What an earlier call finished of the same film, see
    `parts`, is used, unless `start_over` is set; `report` is called with a message about it.
    UserError if the source cannot be decoded or the target cannot be written.
    """
    container = _container_of(source, target)
    modified = source.stat().st_mtime_ns
    contents = contents_of(source)
    identity = _identity(colorizer, source, target.suffix.lower(), whole, reference, quality)
    with (
        parts_of(target, identity, start_over=start_over, report=report) as parts,
        open_frames(source, contents, max_pixels) as frames,
    ):

        def advance() -> None:
            progress(frames.count, round(contents.seconds * frames.rate))

        film = FilmColorizer(colorizer, float(frames.rate), whole, times, reference)
        grays = _timed(frames, times)
        if parts.count:
            report(f"continues after the {parts.frames:,} frames that an earlier run finished")
            film.restore(parts.state)
            for _ in islice(grays, parts.frames):  # decoding is a small share of the work
                advance()
        length = max(1, round(PART * frames.rate))  # frames may last minutes
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
    """Colours the frames of a film in order, using what it knows from earlier ones."""

    def __init__(
        self,
        colorizer: Colorizer,
        rate: float,
        whole: bool,
        times: PhaseTimes,
        reference: Reference | None = None,
    ) -> None:
        """`rate` is in frames per second.

        Outside of faces, a film takes the colours of a `reference`, or else with `whole` the net's.
        """
        self._colorizer, self._times, self._reference = colorizer, times, reference
        self._faces = FaceTracker(rate)
        self._view = ViewSmoother(rate) if whole or reference else None

    def color(self, gray: np.ndarray) -> tuple[np.ndarray, bool]:
        """Colour the next frame; returns it in BGR, and whether it shows a face."""
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
        """Chroma for what is outside of faces: float32 `(2, h, w)`, small.

        Faces are left out of account, or all colours would change as they come and go.
        """
        if self._reference is not None:
            return self._reference.chroma_for_frame(gray)
        return self._colorizer.predict_frame(gray, np.empty((0, 5, 2)))

    def state(self) -> dict[str, np.ndarray]:
        """Everything that later frames depend on."""
        followed = {"faces": self._faces} | ({"view": self._view} if self._view else {})
        return {
            f"{name}.{key}": value
            for name, follower in followed.items()
            for key, value in follower.state().items()
        }

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from where another one was in the same film, given its `state`."""
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
    """Everything that a coloured film depends on; of the source, size, time and first megabyte."""
    status = source.stat()
    with source.open("rb") as file:
        head = hashlib.sha256(file.read(1 << 20)).hexdigest()
    film = (status.st_size, status.st_mtime_ns, head)
    programs = (__version__, ffmpeg_version(), colorizer.identity())
    example = reference and reference.identity()
    return repr((film, suffix, whole, example, quality, PART, programs))


def _container_of(source: Path, target: Path) -> Container:
    """The container for the target's suffix; UserError if the source or target is unusable."""
    container = CONTAINERS.get(target.suffix.lower())
    if container is None:
        raise UserError(f"{target}: videos are written as {', '.join(WRITABLE_VIDEO_SUFFIXES)}")
    try:
        if not stat.S_ISREG(source.stat().st_mode):  # opening a pipe would wait for its other end
            raise UserError(f"{source}: not a regular file")
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
