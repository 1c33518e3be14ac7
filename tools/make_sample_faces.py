"""Draw the sample set of synthetic faces, in CelebA's layout."""

import argparse
import os
import sys
import time
from pathlib import Path

from colorgan.drawn_faces.sample import SampleOptions, make_sample
from colorgan.errors import run_program


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
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
    return parser.parse_args()


def main() -> None:
    """Draw the set, or say that it is there."""
    arguments = _arguments()
    options = SampleOptions(arguments.count, arguments.test_count, arguments.seed)
    start = time.monotonic()
    if make_sample(arguments.out, options, arguments.workers, arguments.force):
        seconds = time.monotonic() - start
        print(f"drew {options.total} faces into {arguments.out} in {seconds:.1f} s")
    else:
        print(f"{arguments.out} already holds these {options.total} faces")


if __name__ == "__main__":
    sys.exit(run_program(main))
