#!/usr/bin/env python3
"""Draw the paper's figures 2, 3, 4a and 4b, and the training curves, from trained weights."""

import argparse
import sys
from pathlib import Path

from colorgan.arguments import named_path
from colorgan.caffe_runtime import use_device
from colorgan.database import FaceDatabase
from colorgan.errors import run_program
from colorgan.evaluation import measured_indices
from colorgan.figures import save_png, training_curves
from colorgan.files import make_folder
from colorgan.nets import DeployedGenerator
from colorgan.paper_figures import KINDS, draw_comparison, draw_faces, draw_model
from colorgan.runfolder import read_log


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder of tools/build_lmdb.py")
    add("--weights", type=Path, required=True, help="the model's .caffemodel")
    add("--l2-weights", type=Path, help="G trained with L2 alone: draws figure 4a")
    add(
        "--beside",
        type=named_path,
        action="append",
        default=[],
        metavar="NAME=WEIGHTS",
        help="another .caffemodel: draws the faces of all, row by row; may be repeated",
    )
    add("--run", type=Path, help="the model's run folder: draws its training curves and its D")
    add("--l2-run", type=Path, help="run folder of L2 alone, drawn beside it in the curves")
    add("--out", type=Path, required=True, help="folder for the pictures")
    add("--columns", type=int, default=4, metavar="K", help="faces of each kind (default 4)")
    add("--skip", type=int, default=0, metavar="N", help="leave out the first N test faces")
    add("--count", type=int, metavar="N", help="choose among at most N test faces (all)")
    add("--gpu", type=int, metavar="ID", help="run on this GPU (default: CPU)")
    options = parser.parse_args()
    counts = [options.columns] if options.count is None else [options.columns, options.count]
    if options.skip < 0 or min(counts) < 1:
        parser.error("--skip must not be negative; --count and --columns must be at least 1")
    if options.l2_run and not options.run:
        parser.error("--l2-run is drawn beside --run: give both")
    return options


def main() -> None:
    """Check what may be wrong, then draw each figure and print its path."""
    options = arguments()
    use_device(options.gpu)
    generator = DeployedGenerator(options.weights)
    l2_generator = options.l2_weights and DeployedGenerator(options.l2_weights)
    beside = {name: DeployedGenerator(weights) for name, weights in options.beside}
    log = options.run and read_log(options.run / "log.jsonl")
    l2_log = options.l2_run and read_log(options.l2_run / "log.jsonl")
    make_folder(options.out)
    pictures = {"figure2.png": draw_model(options.weights, options.run)}
    with FaceDatabase(options.data / "test_lmdb") as test:
        indices = measured_indices(test, options.skip, options.count)
        pictures |= draw_faces(generator, l2_generator, test, indices, options.columns)
        if beside:
            generators = {options.weights.stem: generator, **beside}
            pictures["comparison.png"] = draw_comparison(
                generators, test, indices, len(KINDS) * options.columns
            )
    for name, picture in pictures.items():
        save_png(options.out / name, picture)
        print(options.out / name)
    if log:
        training_curves(log, options.out / "curves.png", l2_log)
        print(options.out / "curves.png")


if __name__ == "__main__":
    sys.exit(run_program(main))
