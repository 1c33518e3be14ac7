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
from colorgan.photos.results import ResultOptions
from colorgan.photos.runner import THERE_ALREADY, JobRunner, help_with, note
from colorgan.processes import all_processes

EPILOG = """\
Results go next to their sources as NAME_colorized.png (videos: .mp4), or into the folder OUT; their
paths are printed. Existing results are kept, unless --overwrite is given. The exit code is 0, or 1
if some picture had no face, or 2 if something could not be coloured; the rest is done anyway.
`mpirun -n N colorgan colorize ...` lets N processes share the files (docs/mpi.md).

The colours are a guess based on the people in CelebA, no evidence of anyone's looks.
"""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command's arguments."""
    add_coloring_arguments(parser)
    add = parser.add_argument
    add("inputs", nargs="+", metavar="IN", help="file, folder, pattern, or - for standard input")
    add("-o", "--out", type=Path, help="folder, or file for a single input (next to the input)")
    add("--whole", action="store_true", help="colour what is outside of faces, too")
    add(
        "--hints",
        type=Path,
        metavar="STROKES",
        help="strokes of colour for one photo: a picture of the same proportions, transparent "
        "where there is no stroke",
    )
    add(
        "--hint",
        action="append",
        default=[],
        metavar="X,Y,#RRGGBB",
        help="the colour of a pixel of one photo, upright; may be repeated",
    )
    add(
        "--reference",
        type=Path,
        metavar="PHOTO",
        help="a coloured photo, whose colours all photos get outside of faces",
    )
    add("--grid", action="store_true", help="write gray and coloured picture side by side")
    add("--faces-only", action="store_true", help="write only the faces, 64 x 64, as in the paper")
    add(
        "--format",
        choices=["png", "jpg", "tif", "webp"],
        default="png",
        help="of pictures (png; png and tif keep 16 bits)",
    )
    add("--quality", type=percentage, metavar="Q", help="1 to 100, for jpg (95), webp and videos")
    add("--overwrite", action="store_true", help="replace existing results")
    add("--profile", action="store_true", help="print where the time went")


def point_of(text: str) -> Point:
    """Parse the X,Y,#RRGGBB of a --hint; UserError for anything else."""
    match = re.fullmatch(r"(-?\d{1,9}),(-?\d{1,9}),#([0-9a-fA-F]{6})", text, re.ASCII)
    if match is None:
        raise UserError(f"--hint {text}: not X,Y,#RRGGBB, such as 120,80,#7a2b2b")
    red, green, blue = bytes.fromhex(match[3])
    return Point(int(match[1]), int(match[2]), (blue, green, red))


def strokes_in(path: Path, max_pixels: int) -> np.ndarray:
    """Read the picture of a --hints: BGRA `(h, w, 4)`, upright; UserError if it is not one."""
    return read_strokes(path, f"--hints {path}", max_pixels)


def colors_in(path: Path, max_pixels: int) -> np.ndarray:
    """Read the photo of a --reference: BGR `(h, w, 3)`, upright; UserError if it has no colour."""
    color = read_color(path, max_pixels, f"--reference {path}")
    if color is None or is_colorless(color):
        raise UserError(f"--reference {path}: {COLORLESS}")
    return color


def check_hints(options: Namespace, jobs: list[Job]) -> None:
    """UserError if there are strokes or points, but not exactly one photo for them."""
    option = "--hints" if options.hints else "--hint"
    if not (options.hints or options.hint):
        return
    if len(jobs) > 1 or any(map(os.path.isdir, options.inputs)):
        raise UserError(f"{option} is for one photo; name just one, and no folder")
    if any(job.is_video for job in jobs):
        raise UserError(f"{option} is for one photo, but {jobs[0].name} is a film; leave it out")


def check_faces_only(options: Namespace) -> None:
    """UserError if --faces-only is combined with other colours than the net's."""
    if options.faces_only and (options.hints or options.hint or options.reference):
        raise UserError("--faces-only takes no --hints, --hint or --reference; leave them out")


def result_options(options: Namespace) -> ResultOptions:
    """What the options ask of the results, except for the reference."""
    max_pixels = int(options.max_megapixels * 1e6)
    return ResultOptions(
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
    """UserError if a picture would go to a standard output that cannot take it."""
    if all(job.target for job in jobs):
        return
    if options.faces_only:
        raise UserError("--faces-only writes several files; say where with -o FOLDER")
    if sys.__stdout__ is None:
        raise UserError("standard output is closed; send the picture to a file, or give -o")
    if sys.stdout.isatty():
        raise UserError("standard output is a terminal; send the picture to a file, or give -o")


def skipped_line(endings: Counter[str]) -> str:
    """A line on the files in folders that were skipped, the most frequent suffixes first."""
    total = endings.total()
    return f"{total} file{'s' * (total > 1)} skipped: {counted(endings)}"


def plan_for(options: Namespace) -> Plan:
    """Plan what to colour; UserError if options, or several processes, do not go with it."""
    plan = plan_jobs(options.inputs, options.out, f".{options.format}")
    if all_processes().size > 1 and not all(job.source for job in plan.jobs):
        raise UserError("standard input is for one process; run without mpirun")
    check_standard_streams(options, plan.jobs)
    check_hints(options, plan.jobs)
    check_faces_only(options)
    return plan


def runner_for(options: Namespace, times: PhaseTimes) -> JobRunner:
    """Load the nets, and the files that the options name."""
    wanted = result_options(options)
    example = colors_in(options.reference, wanted.max_pixels) if options.reference else None
    with times.phase("load the nets"):
        colorizer = Colorizer(options.weights, options.device)
    if example is not None:
        with times.phase("look at the reference"):
            wanted = replace(wanted, reference=colorizer.reference_of(example))
    return JobRunner(colorizer, wanted, times)


def run(options: Namespace) -> int:
    """Find the jobs, do them together with the other processes, and print a summary."""
    begun, times, processes = time.perf_counter(), PhaseTimes(), all_processes()
    plan = processes.first(lambda: plan_for(options))
    runners = []  # the first process's, made before the others begin, so errors are reported once
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
        if plan.skipped:
            note(skipped_line(plan.skipped))
        if runner.outcomes[THERE_ALREADY]:
            note("existing results were kept; --overwrite replaces them")
        took = time.perf_counter() - begun
        counts = ", ".join(f"{count} {outcome}" for outcome, count in runner.outcomes.items())
        note(f"{counts or 'nothing coloured'}; {took:.1f} s")
        if options.profile:
            print(times.table(took), file=sys.stderr)
    return runner.exit_code()
