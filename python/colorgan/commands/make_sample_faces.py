"""Draw the sample set of synthetic faces, in CelebA's layout."""

import time
from argparse import ArgumentParser, Namespace
from pathlib import Path

from colorgan.commands.arguments import natural_int, positive_int, worker_count
from colorgan.faces.drawn.sample import SampleOptions, make_sample
from colorgan.processes import own_cores


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command's arguments."""
    add, cores, default = parser.add_argument, len(own_cores()), Path("data/sample")
    add("--out", type=Path, default=default, metavar="DIR", help=f"folder to write ({default})")
    add("--count", type=positive_int, default=700, metavar="N", help="training faces (700)")
    add("--test-count", type=natural_int, default=100, metavar="N", help="then test faces (100)")
    add("--seed", type=natural_int, default=1, metavar="N", help="other seeds draw other faces (1)")
    workers = "processes; the faces are the same with any number (one for each core)"
    add("--workers", type=worker_count, default=cores, metavar="N", help=workers)
    add("--force", action="store_true", help="replace an existing sample set")


def run(options: Namespace) -> None:
    """Draw the set, or say that it exists already."""
    sample = SampleOptions(options.count, options.test_count, options.seed)
    start = time.monotonic()
    if make_sample(options.out, sample, options.workers, options.force):
        seconds = time.monotonic() - start
        print(f"drew {sample.total} faces into {options.out} in {seconds:.1f} s")
    else:
        print(f"{options.out} already holds these {sample.total} faces")
