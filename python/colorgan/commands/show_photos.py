"""Draw what colouring makes of two public-domain portraits: gray, coloured, and the original.

The photographs are NASA's of Eileen Collins, which scikit-image ships, and the US Navy's of Grace
Hopper, which matplotlib ships. They are read from the installed packages.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from colorgan.files import make_room
from colorgan.measuring.portraits import show_portraits


def add_arguments(parser: ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.jpg")


def run(options: Namespace) -> None:
    """Colour both and draw them."""
    make_room(options.out, ".jpg", ".jpeg")
    show_portraits(options.out)
    print(options.out)
