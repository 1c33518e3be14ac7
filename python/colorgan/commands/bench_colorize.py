"""Measure colouring: a first picture, 12 megapixels, 1,000 faces of 64 x 64, and strokes.

Every figure comes from a fresh process, as when a user starts it; Caffe and OpenCV take turns.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from colorgan.benchmarks.coloring import paint_strokes, report, report_strokes, take_turns
from colorgan.commands.arguments import positive_int
from colorgan.files import make_room, write_json


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command's arguments."""
    add = parser.add_argument
    add("--rounds", type=positive_int, default=5, metavar="N", help="turns for each side (5)")
    add("--faces", type=positive_int, default=1000, metavar="N", help="in the folder (1000)")
    add("--strokes-only", action="store_true", help="measure only strokes")
    add("--json", type=Path, metavar="FILE", help="keep every round's figures")


def run(options: Namespace) -> None:
    """Take turns, print the medians, and keep all figures."""
    if options.json:
        make_room(options.json, ".json")
    figures: dict[str, list] = {"strokes": paint_strokes(options.rounds)}
    print(report_strokes(figures["strokes"]))
    if not options.strokes_only:
        turns = take_turns(options.faces, options.rounds)
        print(report(turns, options.faces))
        figures |= turns
    if options.json:
        write_json(options.json, figures, indent=1)
