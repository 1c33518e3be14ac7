"""Measure a trained generator on the test faces, together with baselines that need no training."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from tqdm import tqdm

from colorgan.commands.arguments import add_test_face_arguments, natural_int, positive_int
from colorgan.faces.database import open_splits
from colorgan.files import make_folder
from colorgan.measuring.quality.evaluation import (
    METRICS_FILE,
    colorized,
    evaluate,
    measured_indices,
    provenance,
    summary,
    write_evaluation,
)
from colorgan.measuring.quality.metrics import METRICS
from colorgan.nets.deployed import DeployedGenerator
from colorgan.nets.runtime import use_device


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command's arguments."""
    add = parser.add_argument
    add("--weights", type=Path, required=True, help="a generator's .caffemodel")
    add_test_face_arguments(parser)
    add("--out", type=Path, required=True, help="folder for metrics.json and CSV")
    add("--batch-size", type=positive_int, default=32, metavar="N", help="default 32")
    add("--gpu", type=natural_int, metavar="ID", help="run on this GPU (default: CPU)")


def run(options: Namespace) -> None:
    """Check the inputs, measure, write the results, and print the table."""
    use_device(options.gpu)
    generator = DeployedGenerator(options.weights)
    source = provenance(generator, options.data, options.skip)
    make_folder(options.out)
    train, test = open_splits(options.data)
    with train, test:
        indices = measured_indices(test, options.skip, options.count)
        batches = colorized(generator, test, indices, options.batch_size)
        total = -(-len(indices) // options.batch_size)
        result = evaluate(tqdm(batches, total=total, unit="batch", disable=None), train)
    write_evaluation(options.out, result, source)
    print_table(summary(result))
    print(options.out / METRICS_FILE)


def print_table(means: dict) -> None:
    """Print the means, with a line for each output."""
    print(f"{means['faces']:,} test faces".ljust(30), *(f"{m.name:>14}" for m in METRICS))
    for row in [*means["outputs"].values(), means["truth"]]:
        cells = [m.format(row[m.key]["mean"]) if m.key in row else "" for m in METRICS]
        print(row["name"].ljust(30), *(f"{cell:>14}" for cell in cells))
