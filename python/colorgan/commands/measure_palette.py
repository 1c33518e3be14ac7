"""Take the colours that the page offers for a place in a photo from training faces.

They are kept in python/colorgan/photos/page/palette.json.
"""

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path

from colorgan.commands.arguments import positive_int
from colorgan.files import make_room, write_whole
from colorgan.measuring.palette import FACES, measure_palette


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command's arguments."""
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder of colorgan build-lmdb")
    add("--out", type=Path, required=True, metavar="FILE", help="the JSON file")
    add("--faces", type=positive_int, default=FACES, metavar="N", help=f"to use ({FACES})")


def run(options: Namespace) -> None:
    """Measure and write the colours."""
    make_room(options.out, ".json")
    steps = measure_palette(options.data / "train_lmdb", options.faces)
    lines = ",\n".join(f"  {json.dumps(colors)}" for colors in steps)
    write_whole(options.out, f"[\n{lines}\n]\n".encode())
    print(options.out)
