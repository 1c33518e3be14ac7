#!/usr/bin/env python3
"""Draw the paper's figures 2, 3, 4a and 4b, and the training curves, from trained weights."""

import argparse
import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

from colorgan.caffe_runtime import use_device
from colorgan.database import FaceDatabase
from colorgan.errors import run_program
from colorgan.evaluation import colorized, measured_indices
from colorgan.figures import (
    FaceGroup,
    choose_faces,
    face_figure,
    model_figure,
    save_png,
    training_curves,
)
from colorgan.files import make_folder
from colorgan.metrics import ciede2000
from colorgan.nets import DISCRIMINATOR_PROTOTXT, DeployedGenerator, read_net, read_weights
from colorgan.runfolder import read_log

BATCH = 32
SEED = 0
KINDS = ("best", "median", "random")  # the columns of figure 3
MODEL_NOTE = (
    "From the paper: G's five blocks, stride 1, counts that grow to the output, its Sigmoid, the L2"
    " loss, lambda = 100.\nAssumed, the paper's text being silent: the counts themselves, the"
    " kernels, and the layers of D."
)


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder of tools/build_lmdb.py")
    add("--weights", type=Path, required=True, help="the model's .caffemodel")
    add("--l2-weights", type=Path, help="G trained with L2 alone: draws figure 4a")
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
    log = options.run and read_log(options.run / "log.jsonl")
    l2_log = options.l2_run and read_log(options.l2_run / "log.jsonl")
    make_folder(options.out)
    pictures = {"figure2.png": draw_model(options.weights, options.run)}
    with FaceDatabase(options.data / "test_lmdb") as test:
        indices = measured_indices(test, options.skip, options.count)
        pictures |= draw_faces(generator, l2_generator, test, indices, options.columns)
    for name, picture in pictures.items():
        save_png(options.out / name, picture)
        print(options.out / name)
    if log:
        training_curves(log, options.out / "curves.png", l2_log)
        print(options.out / "curves.png")


def draw_model(weights: Path, run: Path | None) -> np.ndarray:
    """Figure 2: G as the weights file carries it, D as the run trained it, else the project's."""
    trained = run and run / "discriminator.prototxt"
    discriminator = trained if trained and trained.exists() else DISCRIMINATOR_PROTOTXT
    return model_figure(read_weights(weights), read_net(discriminator), MODEL_NOTE)


def draw_faces(
    generator: DeployedGenerator,
    l2_generator: DeployedGenerator | None,
    test: FaceDatabase,
    indices: range,
    columns: int,
) -> dict[str, np.ndarray]:
    """Draw figures 3, 4b and, with `l2_generator`, 4a on the faces that 3 drew at random."""
    batches = colorized(generator, test, indices, BATCH)
    total = -(-len(indices) // BATCH)
    progress = tqdm(batches, total=total, unit="batch", disable=None)
    errors = np.concatenate([ciede2000(batch.fake, batch.real) for batch in progress])
    chosen = {
        kind: [indices[i] for i in places]
        for kind, places in choose_faces(errors, columns, SEED).items()
    }
    k = min(columns, len(errors))
    among = f"of {len(errors):,} test faces; below each, its mean CIEDE2000 to the original."

    groups = [face_group(kind, generator, test, chosen[kind]) for kind in KINDS]
    rule = f"Best, median: the {k} with the lowest CIEDE2000 and the {k} around its median; random:"
    caption = f"{rule} {k} drawn with seed {SEED},\n{among}"
    pictures = {"figure3.png": face_figure(groups, caption)}

    if l2_generator:
        group = face_group("trained with L2 alone", l2_generator, test, chosen["random"])
        caption = f"The {k} that figure 3 draws at random, with seed {SEED},\n{among}"
        pictures["figure4a.png"] = face_figure([group], caption)

    group = face_group("worst", generator, test, chosen["worst"])
    caption = f"The {k} with the highest CIEDE2000,\n{among}"
    pictures["figure4b.png"] = face_figure([group], caption)
    return pictures


def face_group(
    title: str, generator: DeployedGenerator, test: FaceDatabase, indices: list[int]
) -> FaceGroup:
    """Colour the faces at `indices`, as the columns of a figure."""
    (faces,) = colorized(generator, test, indices, len(indices))
    rows = {"gray": faces.gray, "generated": faces.fake, "original": faces.real}
    return FaceGroup(title, rows, ciede2000(faces.fake, faces.real))


if __name__ == "__main__":
    sys.exit(run_program(main))
