"""Measure how fast colouring is: a first picture, 12 megapixels, 1,000 small faces, and strokes.

Each picture, and the folder of faces, is coloured by `colorgan colorize` in a process of its own,
as when a user starts it. Caffe and OpenCV take turns. Strokes are painted on a photo that is open,
as on the page.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from colorgan.benchmarks.coloring import paint_strokes, report, report_strokes, take_turns
from colorgan.commands.arguments import positive_int
from colorgan.files import make_room, write_json


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command's arguments."""
    add = parser.add_argument
    add(
        "--rounds",
        type=positive_int,
        default=5,
        metavar="N",
        help="how often all of this is measured (5)",
    )
    add(
        "--faces",
        type=positive_int,
        default=1000,
        metavar="N",
        help="how many faces of 64 x 64 (1000)",
    )
    add("--strokes-only", action="store_true", help="leave out all but the strokes")
    add("--json", type=Path, metavar="FILE", help="write the figures of all rounds")


def run(options: Namespace) -> None:
    """Measure, print the medians, and write all figures."""
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
