#!/usr/bin/env python3
"""Measure a trained generator on the test faces, beside the baselines that need no training."""

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

from colorgan.caffe_runtime import use_device
from colorgan.database import FaceDatabase
from colorgan.errors import run_program
from colorgan.evaluation import (
    METRICS_FILE,
    colorized,
    evaluate,
    measured_indices,
    provenance,
    summary,
    write_evaluation,
)
from colorgan.files import make_folder
from colorgan.metrics import METRICS
from colorgan.nets import DeployedGenerator


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, required=True, help="a generator's .caffemodel")
    parser.add_argument("--data", type=Path, required=True, help="folder of tools/build_lmdb.py")
    parser.add_argument("--out", type=Path, required=True, help="folder for metrics.json and CSV")
    parser.add_argument(
        "--skip",
        type=int,
        default=0,
        metavar="N",
        help="leave out the first N test faces, those that training chose its best snapshot by",
    )
    parser.add_argument("--count", type=int, metavar="N", help="measure at most N faces (all)")
    parser.add_argument("--batch-size", type=int, default=32, metavar="N", help="default 32")
    parser.add_argument("--gpu", type=int, metavar="ID", help="run on this GPU (default: CPU)")
    options = parser.parse_args()
    counts = [options.batch_size] if options.count is None else [options.batch_size, options.count]
    if options.skip < 0 or min(counts) < 1:
        parser.error("--skip must not be negative; --count and --batch-size must be at least 1")
    return options


def main() -> None:
    """Check everything that may be wrong, measure, write, and print the table."""
    options = arguments()
    use_device(options.gpu)
    generator = DeployedGenerator(options.weights)
    source = provenance(generator, options.data, options.skip)
    make_folder(options.out)
    with (
        FaceDatabase(options.data / "test_lmdb") as test,
        FaceDatabase(options.data / "train_lmdb") as train,
    ):
        indices = measured_indices(test, options.skip, options.count)
        batches = colorized(generator, test, indices, options.batch_size)
        total = -(-len(indices) // options.batch_size)
        result = evaluate(tqdm(batches, total=total, unit="batch", disable=None), train)
    write_evaluation(options.out, result, source)
    print_table(summary(result))
    print(options.out / METRICS_FILE)


def print_table(means: dict) -> None:
    """Print the means, a line an output."""
    print(f"{means['faces']:,} test faces".ljust(30), *(f"{m.name:>14}" for m in METRICS))
    for row in [*means["outputs"].values(), means["truth"]]:
        cells = [m.format(row[m.key]["mean"]) if m.key in row else "" for m in METRICS]
        print(row["name"].ljust(30), *(f"{cell:>14}" for cell in cells))


if __name__ == "__main__":
    sys.exit(run_program(main))
