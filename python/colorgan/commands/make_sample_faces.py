"""Draw the sample set of synthetic faces, in CelebA's layout."""

import os
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path

from colorgan.faces.drawn.sample import SampleOptions, make_sample


def add_arguments(parser: ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("data/sample"),
        metavar="DIR",
        help="folder to write (default: %(default)s)",
    )
    parser.add_argument(
        "--count",
        type=int,
        default=700,
        help="faces of the training partition (default: %(default)s)",
    )
    parser.add_argument(
        "--test-count",
        type=int,
        default=100,
        help="faces of the test partition, after those (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=int, default=1, help="other seeds draw other faces (default: %(default)s)"
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=len(os.sched_getaffinity(0)),
        help="processes; the faces are the same with any number (default: one a core)",
    )
    parser.add_argument(
        "--force", action="store_true", help="replace a sample set that is there already"
    )


def run(options: Namespace) -> None:
    """Draw the set, or say that it is there."""
    sample = SampleOptions(options.count, options.test_count, options.seed)
    start = time.monotonic()
    if make_sample(options.out, sample, options.workers, options.force):
        seconds = time.monotonic() - start
        print(f"drew {sample.total} faces into {options.out} in {seconds:.1f} s")
    else:
        print(f"{options.out} already holds these {sample.total} faces")
