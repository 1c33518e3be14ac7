"""Does the jobs of `colorgan colorize`: reads, colours and writes pictures, and counts outcomes."""

import io
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext, redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
from tqdm import tqdm

from colorgan import errors
from colorgan.errors import UserError, enough_memory_for
from colorgan.files import make_folder
from colorgan.phases import PhaseTimes
from colorgan.photos.coloring.colorizer import Colorizer
from colorgan.photos.coloring.hints import Hints
from colorgan.photos.coloring.sitting import Sitting
from colorgan.photos.films.sound import Sound
from colorgan.photos.films.video import colorize_video
from colorgan.photos.jobs import Job
from colorgan.photos.pictures.reading import Picture, largest_file, read_picture
from colorgan.photos.results import ResultOptions, Results
from colorgan.processes import all_processes
from colorgan.sharing import SharedTasks, sharing

# What can become of a job.
COLORED, NO_FACE = "coloured", "without a face"
THERE_ALREADY, NOT_COLORED = "there already", "not coloured"


class JobRunner:
    """Does jobs one after the other with one Colorizer.

    Paths of results go to standard output, and all other messages to standard error. Several
    processes may share the jobs, see `help_with`; the first one reports on all, in order.

    Attributes:
        outcomes: how many jobs had which outcome.
        times: seconds in each phase of the work.
    """

    def __init__(self, colorizer: Colorizer, wanted: ResultOptions, times: PhaseTimes) -> None:
        self._colorizer = colorizer
        self._wanted = wanted
        self._results = Results(wanted)
        self.times = times
        self.outcomes: Counter[str] = Counter()

    def run(self, jobs: list[Job]) -> None:
        """Do all jobs; if one fails, report that and go on with the others."""
        together = all_processes().size > 1 and len(jobs) > 0
        outcomes = self._do_together(jobs) if together else map(self._attempt, jobs)
        disable = None if len(jobs) > 1 else True
        self.outcomes.update(tqdm(outcomes, total=len(jobs), unit="file", disable=disable))

    def refuse(self, error: UserError) -> None:
        """Report something that cannot be coloured, and count it."""
        self.outcomes[_refusal(error)] += 1

    def exit_code(self) -> int:
        """2 if something could not be coloured, else 1 if a picture had no face, else 0."""
        return 2 if self.outcomes[NOT_COLORED] else 1 if self.outcomes[NO_FACE] else 0

    def _do_together(self, jobs: list[Job]) -> Iterator[str]:
        """Share the jobs with the other processes; report on each, and yield its outcome."""
        before = all_processes().first(lambda: self._results.of(jobs))
        with _sharing(jobs) as tasks:
            for outcome, paths, notes in tasks.answers(self.silently(jobs, before)):
                tqdm.write(paths, end="")
                tqdm.write(notes, file=sys.stderr, end="")
                yield outcome

    def silently(self, jobs: list[Job], before: set[Path]) -> Callable[[int], tuple[str, str, str]]:
        """A function that does a job by number; returns its outcome, and what both streams got.

        `before` are the results that existed before the processes began, see `results`.
        """
        self._results.before = before
        return lambda at: self._do_silently(jobs[at])

    def _do_silently(self, job: Job) -> tuple[str, str, str]:
        paths, notes = io.StringIO(), io.StringIO()
        try:
            with redirect_stdout(paths), redirect_stderr(notes):
                return self._attempt(job), paths.getvalue(), notes.getvalue()
        except BaseException:
            sys.stderr.write(notes.getvalue())
            raise

    def _attempt(self, job: Job) -> str:
        try:
            with enough_memory_for(job.name):
                return self._do(job)
        except UserError as error:
            return _refusal(error)

    def _do(self, job: Job) -> str:
        """Colour a picture or a video; returns the outcome."""
        if job.target is not None:
            if self._results.were_made(job):
                return THERE_ALREADY
            make_folder(job.target.parent)
        return self._do_video(job) if job.is_video else self._do_picture(job)

    def _do_picture(self, job: Job) -> str:
        picture, wanted, phase = self._read(job), self._wanted, self.times.phase
        hints = self._hints_for(picture.gray, job.name)
        with phase("find faces"):
            sitting = Sitting(self._colorizer, picture.gray)
        if not sitting.has_faces and (wanted.faces_only or not wanted.beyond_faces):
            note(f"{job.name}: no face found, nothing written (--whole colours the whole picture)")
            return NO_FACE
        if len(sitting.faces) > 1:
            note(f"{job.name}: {len(sitting.faces):,} faces")
        if wanted.faces_only and job.target is not None and not sitting.is_aligned:
            self._do_faces(sitting, picture, job.target)
            return COLORED
        with phase("colour faces"):
            sitting.prepare(wanted.whole, wanted.reference)
        with phase("paint"):
            colored = sitting.colorize(wanted.whole, hints, wanted.reference)
        with phase("encode, write"):
            was_made = self._results.write(colored, picture, job.target)
        if not was_made:
            return THERE_ALREADY
        if job.target is not None:
            tqdm.write(str(job.target))
        return COLORED

    def _hints_for(self, gray: np.ndarray, name: str) -> Hints | None:
        """The hints for a photo, if there are any; UserError if they do not fit it."""
        strokes, points = self._wanted.strokes, self._wanted.points
        several = []
        try:
            if strokes is not None:
                several.append(Hints.of_picture(strokes, gray.shape))
            if points:
                several.append(Hints.of_points(points, gray.shape))
        except ValueError as error:
            option = "--hint" if several or strokes is None else "--hints"
            raise UserError(f"{name}: {option}: {error}") from None
        return Hints.joined(several) if several else None

    def _read(self, job: Job) -> Picture:
        with self.times.phase("decode"):
            max_pixels = self._wanted.max_pixels
            # One byte above the limit, so that an endless pipe is refused rather than read.
            most = largest_file(max_pixels) + 1
            source = sys.stdin.buffer.read(most) if job.source is None else job.source
            picture = read_picture(source, job.name, max_pixels)
        if picture.was_color:
            note(f"{job.name}: is in colour; its own colours are ignored, and its gray is coloured")
        if picture.bits:
            note(f"{job.name}: has levels of {picture.bits} bits; stretched to the full range")
        if picture.frames > 1:
            note(f"{job.name}: holds {picture.frames} pictures; only the first is coloured")
        if picture.metadata.left_out:
            lost = ", ".join(picture.metadata.left_out)
            note(f"{job.name}: damaged or too large, and not carried over: {lost}")
        return picture

    def _do_faces(self, sitting: Sitting, picture: Picture, target: Path) -> None:
        """Colour each face, and write it to a file of its own."""
        crops = self._colorizer.cut_faces(picture.gray, sitting.faces)
        with self.times.phase("colour faces"):
            colored = self._colorizer.colorize(crops)
        with self.times.phase("encode, write"):
            made = self._results.write_faces(colored, crops, picture, target)
        for place in made:
            tqdm.write(str(place))

    def _do_video(self, job: Job) -> str:
        source, target = job.source, job.target
        if source is None or target is None or self._wanted.grid or self._wanted.faces_only:
            raise UserError(
                f"{job.name}: a video can only become a video file; "
                "leave out --grid and --faces-only, and do not write to standard output"
            )
        if self._results.is_there(target):  # a killed process has made it
            tqdm.write(str(target))
            return COLORED
        with tqdm(unit="frame", leave=False, disable=None) as bar:

            def progress(done: int, expected: int) -> None:
                bar.total = max(done, expected)
                bar.update(done - bar.n)

            video = colorize_video(
                self._colorizer,
                source,
                target,
                max_pixels=self._wanted.max_pixels,
                times=self.times,
                whole=self._wanted.whole,
                reference=self._wanted.reference,
                quality=self._wanted.quality,
                start_over=self._wanted.overwrite,
                progress=progress,
                report=lambda line: note(f"{job.name}: {line}"),
            )
        faces = f"faces in {video.frames_with_faces:,} of {video.frames:,} frames"
        note(f"{job.name}: {faces}, {video.seconds:.1f} s; sound: {_summary(video.sound)}")
        if video.damaged:
            note(f"{job.name}: damaged; as much as could be decoded is coloured")
        tqdm.write(str(target))
        return COLORED if video.frames_with_faces or self._wanted.beyond_faces else NO_FACE


def help_with(jobs: list[Job], make_runner: Callable[[], JobRunner]) -> None:
    """Do some of the first process's jobs in another process."""
    if jobs:
        before = all_processes().first(set)
        with _sharing(jobs) as tasks:
            tasks.help(lambda: nullcontext(make_runner().silently(jobs, before)))


def _sharing(jobs: list[Job]) -> AbstractContextManager[SharedTasks]:
    first = next(job.target for job in jobs if job.target)
    return sharing(first.parent / ".sharing", len(jobs))


def _refusal(error: UserError) -> str:
    """Report something that cannot be coloured; returns that outcome."""
    note(f"error: {error}")
    return NOT_COLORED


def _summary(tracks: tuple[Sound, ...]) -> str:
    """What became of a film's sound, with counts if there are several tracks."""
    if len(tracks) < 2:
        return tracks[0] if tracks else "none"
    return ", ".join(f"{count} {sound}" for sound, count in Counter(tracks).items())


def note(line: str) -> None:
    """Print a message that is not a result."""
    errors.note(line, "colorgan colorize")
