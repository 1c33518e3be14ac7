"""Does the jobs of `colorgan colorize`: reads, colours, writes, counts what came of them."""

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
from colorgan.photos.results import Results, Wishes
from colorgan.processes import all_processes
from colorgan.sharing import SharedTasks, sharing

# What can become of a job.
COLORED, NO_FACE = "coloured", "without a face"
THERE_ALREADY, NOT_COLORED = "there already", "not coloured"


class JobRunner:
    """Does jobs one after the other with one Colorizer.

    Paths of results go to standard output, all else that there is to say to standard error. Several
    processes may share the jobs, see `help_with`: the first one tells, in their order, of all.

    Attributes:
        outcomes: how many jobs came to what.
        times: seconds in each phase of the work.
    """

    def __init__(self, colorizer: Colorizer, wishes: Wishes, times: PhaseTimes) -> None:
        self._colorizer = colorizer
        self._wishes = wishes
        self._results = Results(wishes)
        self.times = times
        self.outcomes: Counter[str] = Counter()

    def run(self, jobs: list[Job]) -> None:
        """Do all jobs; what is wrong with one is told and keeps no other from being done."""
        together = all_processes().size > 1 and len(jobs) > 0
        outcomes = self._do_together(jobs) if together else map(self._attempt, jobs)
        disable = None if len(jobs) > 1 else True
        self.outcomes.update(tqdm(outcomes, total=len(jobs), unit="file", disable=disable))

    def refuse(self, error: UserError) -> None:
        """Tell of something that cannot be coloured."""
        self.outcomes[_refusal(error)] += 1

    def exit_code(self) -> int:
        """2 if something could not be coloured, else 1 if some picture held no face, else 0."""
        return 2 if self.outcomes[NOT_COLORED] else 1 if self.outcomes[NO_FACE] else 0

    def _do_together(self, jobs: list[Job]) -> Iterator[str]:
        """Share the jobs with the other processes; tell of each, and give what became of it."""
        before = all_processes().first(lambda: self._results.of(jobs))
        with _sharing(jobs) as tasks:
            for outcome, printed, told in tasks.answers(self.silently(jobs, before)):
                tqdm.write(printed, end="")
                tqdm.write(told, file=sys.stderr, end="")
                yield outcome

    def silently(self, jobs: list[Job], before: set[Path]) -> Callable[[int], tuple[str, str, str]]:
        """Does a job by its number: what becomes of it, what it prints on both streams.

        Of the results, `before` were there before the processes began, see `results`.
        """
        self._results.before = before
        return lambda at: self._do_silently(jobs[at])

    def _do_silently(self, job: Job) -> tuple[str, str, str]:
        printed, told = io.StringIO(), io.StringIO()
        try:
            with redirect_stdout(printed), redirect_stderr(told):
                return self._attempt(job), printed.getvalue(), told.getvalue()
        except BaseException:
            sys.stderr.write(told.getvalue())
            raise

    def _attempt(self, job: Job) -> str:
        try:
            with enough_memory_for(job.name):
                return self._do(job)
        except UserError as error:
            return _refusal(error)

    def _do(self, job: Job) -> str:
        """Colour a picture or a video; returns what became of it."""
        if job.target is not None:
            if self._results.were_made(job):
                return THERE_ALREADY
            make_folder(job.target.parent)
        return self._do_video(job) if job.is_video else self._do_picture(job)

    def _do_picture(self, job: Job) -> str:
        picture, wishes, phase = self._read(job), self._wishes, self.times.phase
        hints = self._hints_for(picture.gray, job.name)
        with phase("find faces"):
            sitting = Sitting(self._colorizer, picture.gray)
        if not sitting.has_faces and (wishes.faces_only or not wishes.beyond_faces):
            note(f"{job.name}: no face found, nothing written (--whole colours all of a picture)")
            return NO_FACE
        if len(sitting.faces) > 1:
            note(f"{job.name}: {len(sitting.faces):,} faces")
        if wishes.faces_only and not sitting.is_aligned:
            self._do_faces(sitting, picture, job.target)
            return COLORED
        with phase("colour faces"):
            sitting.prepare(wishes.whole, wishes.reference)
        with phase("paint"):
            colored = sitting.colorize(wishes.whole, hints, wishes.reference)
        with phase("encode, write"):
            was_made = self._results.write(colored, picture, job.target)
        if not was_made:
            return THERE_ALREADY
        if job.target is not None:
            tqdm.write(str(job.target))
        return COLORED

    def _hints_for(self, gray: np.ndarray, name: str) -> Hints | None:
        """What is said of a photo's colours, if anything; UserError where that does not fit it."""
        strokes, points = self._wishes.strokes, self._wishes.points
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
            max_pixels = self._wishes.max_pixels
            # One byte more than is taken, so that an endless pipe is refused, not read.
            most = largest_file(max_pixels) + 1
            source = sys.stdin.buffer.read(most) if job.source is None else job.source
            picture = read_picture(source, job.name, max_pixels)
        if picture.was_color:
            note(f"{job.name}: is in colour, which is not used: its gray is coloured")
        if picture.bits:
            note(f"{job.name}: its levels are of {picture.bits} bits; brought to the full range")
        if picture.frames > 1:
            note(f"{job.name}: holds {picture.frames} pictures; the first is coloured")
        if picture.metadata.left_out:
            lost = ", ".join(picture.metadata.left_out)
            note(f"{job.name}: not carried over, being damaged or too large: {lost}")
        return picture

    def _do_faces(self, sitting: Sitting, picture: Picture, target: Path) -> None:
        """Colour and write each face alone."""
        crops = self._colorizer.cut_faces(picture.gray, sitting.faces)
        with self.times.phase("colour faces"):
            colored = self._colorizer.colorize(crops)
        with self.times.phase("encode, write"):
            made = self._results.write_faces(colored, crops, picture, target)
        for place in made:
            tqdm.write(str(place))

    def _do_video(self, job: Job) -> str:
        if job.target is None or self._wishes.grid or self._wishes.faces_only:
            raise UserError(f"{job.name}: of a video, only a whole video file can be made")
        if self._results.is_there(job.target):  # a killed process has made it
            tqdm.write(str(job.target))
            return COLORED
        with tqdm(unit="frame", leave=False, disable=None) as bar:

            def progress(done: int, expected: int) -> None:
                bar.total = max(done, expected)
                bar.update(done - bar.n)

            video = colorize_video(
                self._colorizer,
                job.source,
                job.target,
                max_pixels=self._wishes.max_pixels,
                times=self.times,
                whole=self._wishes.whole,
                reference=self._wishes.reference,
                quality=self._wishes.quality,
                anew=self._wishes.overwrite,
                progress=progress,
                tell=lambda line: note(f"{job.name}: {line}"),
            )
        faces = f"faces in {video.frames_with_faces:,} of {video.frames:,} frames"
        note(f"{job.name}: {faces}, {video.seconds:.1f} s; sound: {_told(video.sound)}")
        if video.damaged:
            note(f"{job.name}: damaged, what could be decoded is coloured")
        tqdm.write(str(job.target))
        return COLORED if video.frames_with_faces or self._wishes.beyond_faces else NO_FACE


def help_with(jobs: list[Job], make_runner: Callable[[], JobRunner]) -> None:
    """Do, in a process that is not the first, some of the jobs that the first one runs."""
    if jobs:
        before = all_processes().first(set)
        with _sharing(jobs) as tasks:
            tasks.help(lambda: nullcontext(make_runner().silently(jobs, before)))


def _sharing(jobs: list[Job]) -> AbstractContextManager[SharedTasks]:
    return sharing(jobs[0].target.parent / ".sharing", len(jobs))


def _refusal(error: UserError) -> str:
    """Tell of something that cannot be coloured, which is what became of it."""
    note(f"error: {error}")
    return NOT_COLORED


def _told(tracks: tuple[Sound, ...]) -> str:
    """What became of a film's sound, with a count where there are several tracks."""
    if len(tracks) < 2:
        return tracks[0] if tracks else "none"
    return ", ".join(f"{count} {sound}" for sound, count in Counter(tracks).items())


def note(line: str) -> None:
    """Tell what is no result."""
    errors.note(line, "colorgan colorize")
