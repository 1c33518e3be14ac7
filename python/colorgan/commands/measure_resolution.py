r"""Measure how the size at which nets see a face affects colours, on faces that are larger.

    colorgan measure-resolution best=data/weights/best.caffemodel@64 --data data/celeba178 \
      --skip 1044 --out data/results/resolution.json

The faces are CelebA's crops in full size, packed by colorgan build-lmdb --size 178.
"""

import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from colorgan.commands.arguments import add_test_face_arguments, check_distinct, up_to
from colorgan.errors import UserError
from colorgan.faces.celeba.aligned import CROP_SIDE
from colorgan.faces.database import FaceDatabase
from colorgan.files import make_room, sha256, write_json
from colorgan.measuring.quality.evaluation import measured_indices, versions
from colorgan.measuring.quality.resolution import measure_resolution, table, ways_of
from colorgan.nets.deployed import DeployedGenerator
from colorgan.nets.runtime import use_device

face_side = up_to(CROP_SIDE, least=8)
"""The side of a face in pixels."""


class SizedNet(NamedTuple):
    """Weights, their name, and the side in pixels of the faces that they get."""

    name: str
    weights: Path
    side: int


def _sized_net(text: str) -> SizedNet:
    match = re.fullmatch(r"([^=]+)=(.+)@(.+)", text)
    if not match:
        raise ArgumentTypeError(f"{text!r} is not NAME=WEIGHTS@SIDE")
    return SizedNet(match[1], Path(match[2]), face_side(match[3]))


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command's arguments."""
    add = parser.add_argument
    add(
        "nets",
        nargs="+",
        type=_sized_net,
        metavar="NAME=WEIGHTS@SIDE",
        help="a net, and the side of the faces it gets; the others are compared with the first",
    )
    add_test_face_arguments(parser)
    add("--out", type=Path, required=True, metavar="FILE", help="the JSON file")
    add(
        "--widths",
        nargs="+",
        type=face_side,
        default=[CROP_SIDE],
        metavar="PIXELS",
        help=f"of the faces in their photos ({CROP_SIDE})",
    )


def check_names(nets: Sequence[SizedNet]) -> None:
    """UserError if two nets, or a net and the originals, would have the same name in results."""
    originals = [f"original@{net.side}" for net in nets]
    check_distinct("NAME=WEIGHTS@SIDE", [f"{net.name}@{net.side}" for net in nets], originals)
    weights = {net.weights: net.name for net in nets}
    check_distinct("NAME=WEIGHTS@SIDE", list(weights.values()))


def run(options: Namespace) -> None:
    """Check the inputs, measure, write the results, and print the table."""
    check_names(options.nets)
    use_device(None)
    nets = [(net.name, DeployedGenerator(net.weights), net.side) for net in options.nets]
    with FaceDatabase(options.data / "test_lmdb") as test:
        if test.size != CROP_SIDE:
            raise UserError(f"{test.path}: faces of {test.size} pixels; pack them with --size 178")
        make_room(options.out, ".json")
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
