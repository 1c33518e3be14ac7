"""Colour the faces in gray photographs and videos, at full resolution."""

import sys
import time
from argparse import ArgumentParser, Namespace
from collections import Counter
from pathlib import Path

from colorgan.commands.arguments import add_coloring_arguments, percentage
from colorgan.errors import UserError, counted
from colorgan.phases import PhaseTimes
from colorgan.photos.colorizer import Colorizer
from colorgan.photos.jobs import Job, plan_jobs
from colorgan.photos.runner import JobRunner, Wishes, note

EPILOG = """\
Results lie beside their sources as NAME_colorized.png (videos: .mp4), or in the folder OUT; their
paths are printed. What is there already is kept, unless --overwrite is given. Exit code: 0, or 1 if
some picture held no face, or 2 if something could not be coloured; all else is done even so.

The colours are a guess from how people in CelebA looked, no evidence of how a person did.
"""


def add_arguments(parser: ArgumentParser) -> None:
    """What the command takes."""
    add_coloring_arguments(parser)
    add = parser.add_argument
    add("inputs", nargs="+", metavar="IN", help="file, folder, pattern, or - for standard input")
    add("-o", "--out", type=Path, help="folder, or file for a single input (beside the input)")
    add("--whole", action="store_true", help="colour what is outside of faces, too")
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


def wishes_of(options: Namespace) -> Wishes:
    """What the options ask of the results."""
    return Wishes(
        whole=options.whole,
        grid=options.grid,
        faces_only=options.faces_only,
        suffix=f".{options.format}",
        quality=options.quality,
        overwrite=options.overwrite,
        max_pixels=int(options.max_megapixels * 1e6),
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


def run(options: Namespace) -> int:
    """Find the jobs, load the nets, do the jobs, say what became of them."""
    begun, times = time.perf_counter(), PhaseTimes()
    plan = plan_jobs(options.inputs, options.out, f".{options.format}")
    check_standard_streams(options, plan.jobs)
    with times.phase("load the nets"):
        colorizer = Colorizer(options.weights, options.device)
    runner = JobRunner(colorizer, wishes_of(options), times)
    for error in plan.errors:
        runner.refuse(error)
    try:
        runner.run(plan.jobs)
    finally:
        if plan.passed_by:
            note(passed_by_line(plan.passed_by))
        took = time.perf_counter() - begun
        counts = ", ".join(f"{count} {outcome}" for outcome, count in runner.outcomes.items())
        note(f"{counts or 'nothing coloured'}; {took:.1f} s")
        if options.profile:
            print(times.table(took), file=sys.stderr)
    return runner.exit_code()
