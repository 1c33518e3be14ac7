r"""Measure what the size is worth at which nets see a face, on faces that photos show larger.

    colorgan measure-resolution best=data/weights/best.caffemodel@64 --data data/celeba178 \
      --skip 1044 --out data/results/resolution.json

The faces are CelebA's whole crops, packed by colorgan build-lmdb --size 178.
"""

import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path
from typing import NamedTuple

from colorgan.commands.arguments import add_test_face_arguments, positive_int
from colorgan.errors import UserError
from colorgan.faces.celeba import CROP_SIDE
from colorgan.faces.database import FaceDatabase
from colorgan.files import make_room, sha256, write_json
from colorgan.measuring.evaluation import measured_indices, versions
from colorgan.measuring.resolution import measure_resolution, table, ways_of
from colorgan.nets.deployed import DeployedGenerator
from colorgan.nets.runtime import use_device


class SizedNet(NamedTuple):
    """Weights, how they are called, and the side in pixels of the faces that they are shown."""

    name: str
    weights: Path
    side: int


def _sized_net(text: str) -> SizedNet:
    match = re.fullmatch(r"([^=]+)=(.+)@(\d{1,3})", text)
    if not match or not 8 <= int(match[3]) <= CROP_SIDE:
        raise ArgumentTypeError(
            f"{text!r} is not NAME=WEIGHTS@SIDE, of a side from 8 to {CROP_SIDE}"
        )
    return SizedNet(match[1], Path(match[2]), int(match[3]))


def add_arguments(parser: ArgumentParser) -> None:
    """What the command takes."""
    add = parser.add_argument
    add(
        "nets",
        nargs="+",
        type=_sized_net,
        metavar="NAME=WEIGHTS@SIDE",
        help="a net and the side of the faces it sees; the others are compared with the first",
    )
    add_test_face_arguments(parser)
    add("--out", type=Path, required=True, metavar="FILE", help="the JSON file")
    add(
        "--widths",
        nargs="+",
        type=positive_int,
        default=[CROP_SIDE],
        metavar="PIXELS",
        help=f"of the faces in their photos ({CROP_SIDE})",
    )


def run(options: Namespace) -> None:
    """Check what may be wrong, measure, write, and print the table."""
    use_device(None)
    nets = [(net.name, DeployedGenerator(net.weights), net.side) for net in options.nets]
    with FaceDatabase(options.data / "test_lmdb") as test:
        if test.size != CROP_SIDE:
            raise UserError(f"{test.path}: faces of {test.size} pixels; pack them with --size 178")
        make_room(options.out)
        indices = measured_indices(test, options.skip, options.count)
        rows = [
            row
            for width in options.widths
            for row in measure_resolution(ways_of(nets), test, indices, width)
        ]
        numbers = test.numbers([indices[0], indices[-1]])
    result = {
        "weights_sha256": {net.name: sha256(net.weights) for net in options.nets},
        "faces": len(indices),
        "first_image": numbers[0],
        "last_image": numbers[1],
        "versions": versions(),
        "rows": rows,
    }
    write_json(options.out, result)
    print(table(rows))
    print(options.out)
