"""Measure how reliably faces are found: small, tilted, in crowds, on old scans; and false finds.

CelebA's faces are put into frames, in gray, at a known size and tilt. Three detectors search each
frame:

  detector    colorgan's own
  yunet       a single pass of its network, with the longer side at 640 pixels or less
  centerface  a single pass of CenterFace (Xu et al. 2019), likewise; needs requirements-bench.txt

It takes hours. What is done is kept next to the JSON file, in NAME.parts.json, and the same command
continues from there after it was stopped.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from colorgan.commands.arguments import positive_int
from colorgan.files import make_room, write_json
from colorgan.measuring.detection.kept import KeptParts
from colorgan.measuring.detection.rates import measure_detection, versions
from colorgan.measuring.detection.sides import SIDES
from colorgan.photos.coloring.colorizer import Colorizer


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command's arguments."""
    add = parser.add_argument
    add("--images", type=Path, required=True, metavar="DIR_OR_ZIP", help="aligned CelebA")
    add("--out", type=Path, required=True, metavar="FILE", help="the JSON file")
    add("--faces", type=positive_int, default=100, metavar="N", help="in each case (100)")
    add("--point-faces", type=positive_int, default=2000, metavar="N", help="crowds, mean (2000)")
    add("--sides", nargs="+", choices=SIDES, default=["detector", "yunet"])
    add("--weights", type=Path, metavar="FILE", help="weights that colour the old scans (best)")


def run(options: Namespace) -> None:
    """Measure, print a table, and keep everything as JSON."""
    make_room(options.out, ".json")
    colorizer = Colorizer(options.weights)
    counts = options.faces, options.point_faces
    settings = {
        "images": str(options.images.absolute()),
        "faces": options.faces,
        "point_faces": options.point_faces,
        "sides": options.sides,
        "colors": colorizer.identity(),
        "versions": versions(),
    }
    parts = KeptParts(options.out.with_suffix(".parts.json"), settings)
    result = measure_detection(options.images, *counts, options.sides, colorizer, parts)
    write_json(options.out, result)
    parts.path.unlink()
    print(options.out)
