"""Measure how fast packing is, beside one process that only decodes, crops and resizes.

The two take turns, so that other load on the machine affects both.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from colorgan.benchmarks.packing import take_turns
from colorgan.commands.arguments import positive_int, worker_count
from colorgan.commands.build_lmdb import face_size
from colorgan.processes import own_cores


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command's arguments."""
    add, cores = parser.add_argument, len(own_cores())
    add(
        "--images",
        type=Path,
        required=True,
        metavar="DIR_OR_ZIP",
        help="CelebA's aligned images, as for colorgan build-lmdb",
    )
    add("--size", type=face_size, default=64, metavar="PIXELS", help="side of a face (64)")
    add(
        "--workers",
        type=worker_count,
        default=cores,
        metavar="N",
        help=f"decoding processes ({cores})",
    )
    add("--rounds", type=positive_int, default=5, metavar="N", help="turns for each side (5)")


def run(options: Namespace) -> None:
    """Measure, and print the medians."""
    take_turns(options.images, options.size, options.workers, options.rounds)
