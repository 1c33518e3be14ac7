"""Measure how training scales with processes, and predict with a model what more are worth.

On this machine, one, two and more processes take turns at sharing a batch, with one thread each.
The model is compared with what they measure. It then predicts how fast 1 to 64 processes train on
cores and on GPUs, with several kinds of links between them.
"""

import tempfile
from argparse import ArgumentParser, Namespace
from itertools import pairwise
from pathlib import Path

from colorgan.benchmarks.scaling.figure import scaling_figure
from colorgan.benchmarks.scaling.model import Times, machine
from colorgan.benchmarks.scaling.report import best_psnr, report
from colorgan.benchmarks.scaling.turns import Measured, measure, read_measured
from colorgan.commands.arguments import positive_int, worker_count
from colorgan.errors import UserError, note
from colorgan.files import make_room, write_json
from colorgan.measuring.figures.canvas import save_png
from colorgan.measuring.trainings.experiments import of_batch_and_rate, read_results
from colorgan.nets.prototxt import GENERATOR_PROTOTXT
from colorgan.places import ROOT

KEPT = ROOT / "data/results/speed/scaling.json"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command's arguments."""
    add = parser.add_argument
    processes = "how many share the batch; each number is a case (1 2 4)"
    add("--processes", nargs="+", type=worker_count, default=[1, 2, 4], metavar="N", help=processes)
    add("--batch-size", type=positive_int, default=64, metavar="N", help="faces of the batch (64)")
    add("--rounds", type=positive_int, default=5, metavar="N", help="turns for each case (5)")
    net = "net of G (the paper's; only for that are there figures of GPUs)"
    add("--generator", type=Path, default=GENERATOR_PROTOTXT, metavar="PROTOTXT", help=net)
    kept = "measure nothing; use the figures that --json wrote to this file (the project's own)"
    add("--kept", nargs="?", type=Path, const=KEPT, metavar="JSON", help=kept)
    add("--json", type=Path, metavar="FILE", help="write the figures of all turns")
    add(
        "--figure",
        type=Path,
        metavar="PNG",
        help="draw what the model predicts, and what was measured",
    )


def run(options: Namespace) -> None:
    """Measure or read figures, print the tables, and write and draw what was asked for."""
    if options.json:
        make_room(options.json, ".json")
    if options.figure:
        make_room(options.figure, ".png")
    measured = read_measured(options.kept) if options.kept else measure_now(options)
    trained = of_batch_and_rate(read_results())
    print(report(measured, trained))
    if options.json:
        write_json(options.json, measured, indent=1)
    if not grows(machine(measured).times):
        note(
            "one process did not take longer for more faces, so the model is of little use; "
            "measure again with nothing else running, more --rounds or a larger --batch-size"
        )
    if options.figure:
        save_png(options.figure, scaling_figure(measured, best_psnr(trained)))


def measure_now(options: Namespace) -> Measured:
    """Let all cases take turns; UserError if the options do not go together."""
    batch, counts = options.batch_size, options.processes
    if 2 not in counts:
        raise UserError("--processes: must include 2, which the model needs to estimate the link")
    for count in counts:
        if batch % count:
            raise UserError(f"--batch-size {batch}: cannot be shared evenly by {count} processes")
    with tempfile.TemporaryDirectory() as folder:
        return measure(Path(folder), options.generator, batch, counts, options.rounds)


def grows(times: Times) -> bool:
    """Whether more faces always take longer."""
    seconds = [times[share] for share in sorted(times)]
    return all(one < more for one, more in pairwise(seconds))
