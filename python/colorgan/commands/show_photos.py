"""Draw how two public-domain portraits are coloured: gray, coloured, and the original.

The photographs are of Eileen Collins, by NASA, from scikit-image, and of Grace Hopper, by the US
Navy, from matplotlib. They are read from the installed packages.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from colorgan.files import make_room
from colorgan.measuring.portraits import show_portraits


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.jpg")


def run(options: Namespace) -> None:
    """Colour both photos, and draw them."""
    make_room(options.out, ".jpg", ".jpeg")
    show_portraits(options.out)
    print(options.out)
