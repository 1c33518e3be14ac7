"""Colour the faces in gray photographs and videos, at full resolution."""

import os
import re
import sys
import time
from argparse import ArgumentParser, Namespace
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from colorgan.commands.arguments import add_coloring_arguments, percentage
from colorgan.errors import UserError, counted
from colorgan.phases import PhaseTimes
from colorgan.photos.coloring.colorizer import Colorizer
from colorgan.photos.coloring.hints import Point
from colorgan.photos.coloring.reference import COLORLESS, is_colorless
from colorgan.photos.jobs import Job, Plan, plan_jobs
from colorgan.photos.pictures.reading import read_color, read_strokes
from colorgan.photos.results import Wishes
from colorgan.photos.runner import THERE_ALREADY, JobRunner, help_with, note
from colorgan.processes import all_processes

EPILOG = """\
Results lie beside their sources as NAME_colorized.png (videos: .mp4), or in the folder OUT; their
paths are printed. What is there already is kept, unless --overwrite is given. Exit code: 0, or 1 if
some picture held no face, or 2 if something could not be coloured; all else is done even so.
`mpirun -n N colorgan colorize ...` has N processes share the files (docs/mpi.md).

The colours are a guess from how people in CelebA looked, no evidence of how a person did.
"""


def add_arguments(parser: ArgumentParser) -> None:
    """What the command takes."""
    add_coloring_arguments(parser)
    add = parser.add_argument
    add("inputs", nargs="+", metavar="IN", help="file, folder, pattern, or - for standard input")
    add("-o", "--out", type=Path, help="folder, or file for a single input (beside the input)")
    add("--whole", action="store_true", help="colour what is outside of faces, too")
    add(
        "--hints",
        type=Path,
        metavar="STROKES",
        help="strokes of colour for one photo: a picture of its proportions, transparent elsewhere",
    )
    add(
        "--hint",
        action="append",
        default=[],
        metavar="X,Y,#RRGGBB",
        help="the colour at a pixel of one photo, upright; may be given again",
    )
    add(
        "--reference",
        type=Path,
        metavar="PHOTO",
        help="a photo in colour, whose colours all photos get outside of faces",
    )
    add("--grid", action="store_true", help="write gray and coloured picture side by side")
    add("--faces-only", action="store_true", help="write each face alone, 64 x 64, as the paper")
    add(
        "--format",
        choices=["png", "jpg", "tif", "webp"],
        default="png",
        help="of pictures (png; png and tif keep 16 bits)",
    )
    add("--quality", type=percentage, metavar="Q", help="1 to 100, of jpg (95), webp and videos")
    add("--overwrite", action="store_true", help="replace results that are there already")
    add("--profile", action="store_true", help="print where the time went")


def point_of(text: str) -> Point:
    """The X,Y,#RRGGBB of a --hint; UserError for anything else."""
    match = re.fullmatch(r"(-?\d{1,9}),(-?\d{1,9}),#([0-9a-fA-F]{6})", text, re.ASCII)
    if match is None:
        raise UserError(f"--hint {text}: is not X,Y,#RRGGBB, such as 120,80,#7a2b2b")
    red, green, blue = bytes.fromhex(match[3])
    return Point(int(match[1]), int(match[2]), (blue, green, red))


def strokes_in(path: Path, max_pixels: int) -> np.ndarray:
    """The picture of a --hints: BGRA `(h, w, 4)`, upright; UserError where it is none."""
    return read_strokes(path, f"--hints {path}", max_pixels)


def colors_in(path: Path, max_pixels: int) -> np.ndarray:
    """The photo of a --reference: BGR `(h, w, 3)`, upright; UserError for one without colour."""
    color = read_color(path, max_pixels, f"--reference {path}")
    if color is None or is_colorless(color):
        raise UserError(f"--reference {path}: {COLORLESS}")
    return color


def check_hints(options: Namespace, jobs: list[Job]) -> None:
    """UserError where there are strokes or points, and not just one photo that they are for."""
    option = "--hints" if options.hints else "--hint"
    if not (options.hints or options.hint):
        return
    if len(jobs) > 1 or any(map(os.path.isdir, options.inputs)):
        raise UserError(f"{option}: is for one photo; name just one, and no folder")
    if any(job.is_video for job in jobs):
        raise UserError(f"{option}: is for one photo, which {jobs[0].name}, a film, is not")


def check_faces_only(options: Namespace) -> None:
    """UserError where faces alone are to have other colours than the net's."""
    if options.faces_only and (options.hints or options.hint or options.reference):
        raise UserError("--faces-only: takes no --hints, --hint or --reference; leave them out")


def wishes_of(options: Namespace) -> Wishes:
    """What the options ask of the results, but for the reference."""
    max_pixels = int(options.max_megapixels * 1e6)
    return Wishes(
        whole=options.whole,
        grid=options.grid,
        faces_only=options.faces_only,
        suffix=f".{options.format}",
        quality=options.quality,
        overwrite=options.overwrite,
        max_pixels=max_pixels,
        strokes=strokes_in(options.hints, max_pixels) if options.hints else None,
        points=tuple(map(point_of, options.hint)),
    )


def check_standard_streams(options: Namespace, jobs: list[Job]) -> None:
    """UserError where a picture would go to a place that cannot take it."""
    if all(job.target for job in jobs):
        return
    if options.faces_only:
        raise UserError("--faces-only writes several files: say where with -o FOLDER")
    if sys.__stdout__ is None:
        raise UserError("standard output is closed: send the picture to a file, or give -o")
    if sys.stdout.isatty():
        raise UserError("standard output is a terminal: send the picture to a file, or give -o")


def passed_by_line(endings: Counter[str]) -> str:
    """Tell which files of folders were left alone: the most frequent endings first."""
    total = endings.total()
    return f"{total} file{'s' * (total > 1)} passed by: {counted(endings)}"


def plan_for(options: Namespace) -> Plan:
    """What is to be coloured; UserError where the options, or several processes, do not suit it."""
    plan = plan_jobs(options.inputs, options.out, f".{options.format}")
    if all_processes().size > 1 and not all(job.source for job in plan.jobs):
        raise UserError("standard input is for one process; leave mpirun out")
    check_standard_streams(options, plan.jobs)
    check_hints(options, plan.jobs)
    check_faces_only(options)
    return plan


def runner_for(options: Namespace, times: PhaseTimes) -> JobRunner:
    """Load the nets, and look at what the options name."""
    wishes = wishes_of(options)
    example = colors_in(options.reference, wishes.max_pixels) if options.reference else None
    with times.phase("load the nets"):
        colorizer = Colorizer(options.weights, options.device)
    if example is not None:
        with times.phase("look at the reference"):
            wishes = replace(wishes, reference=colorizer.reference_of(example))
    return JobRunner(colorizer, wishes, times)


def run(options: Namespace) -> int:
    """Find the jobs, do them together with the other processes, say what became of them."""
    begun, times, processes = time.perf_counter(), PhaseTimes(), all_processes()
    plan = processes.first(lambda: plan_for(options))
    runners = []  # of the first process, before the others begin: what is wrong is told once
    processes.first(lambda: runners.append(runner_for(options, times)))
    if not processes.is_first:
        help_with(plan.jobs, lambda: runner_for(options, times))
        return 0
    (runner,) = runners
    for error in plan.errors:
        runner.refuse(error)
    try:
        runner.run(plan.jobs)
    finally:
        if plan.passed_by:
            note(passed_by_line(plan.passed_by))
        if runner.outcomes[THERE_ALREADY]:
            note("results that are there already were kept; --overwrite makes them anew")
        took = time.perf_counter() - begun
        counts = ", ".join(f"{count} {outcome}" for outcome, count in runner.outcomes.items())
        note(f"{counts or 'nothing coloured'}; {took:.1f} s")
        if options.profile:
            print(times.table(took), file=sys.stderr)
    return runner.exit_code()
