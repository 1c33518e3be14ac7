"""Draw the paper's figures 2, 3, 4a and 4b, and the training curves, from trained weights."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from colorgan.commands.arguments import (
    add_test_face_arguments,
    check_distinct,
    named_path,
    natural_int,
    positive_int,
)
from colorgan.errors import UserError, note
from colorgan.faces.database import FaceDatabase
from colorgan.files import make_folder
from colorgan.measuring.figures.canvas import save_png
from colorgan.measuring.figures.curves import curves_figure
from colorgan.measuring.paper_figures import FIGURES, KINDS, draw_comparison, draw_faces, draw_model
from colorgan.measuring.quality.evaluation import measured_indices
from colorgan.measuring.trainings.log import read_log
from colorgan.nets.deployed import DeployedGenerator
from colorgan.nets.runtime import use_device


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command's arguments."""
    add = parser.add_argument
    add_test_face_arguments(parser)
    add("--weights", type=Path, required=True, help="the model's .caffemodel")
    add("--l2-weights", type=Path, help="G trained with L2 alone: draws figure 4a")
    add(
        "--beside",
        type=named_path,
        action="append",
        default=[],
        metavar="NAME=WEIGHTS",
        help="another .caffemodel: draws faces by all of them, row by row; may be repeated",
    )
    add("--run", type=Path, help="the model's run folder: draws its training curves and its D")
    add("--l2-run", type=Path, help="run folder of L2 alone, drawn next to it in the curves")
    add("--out", type=Path, required=True, help="folder for the pictures")
    add("--columns", type=positive_int, default=4, metavar="K", help="faces of each kind (4)")
    add("--gpu", type=natural_int, metavar="ID", help="run on this GPU (default: CPU)")


def run(options: Namespace) -> None:
    """Check the inputs, then draw each figure and print its path."""
    if options.l2_run and not options.run:
        raise UserError("--l2-run is drawn next to --run; give both")
    names = [name for name, _ in options.beside]
    check_distinct("--beside", names, taken=(options.weights.stem, "gray", "original"))
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
    if log:
        pictures["curves.png"] = curves_figure(log, l2_log)
    for name, picture in pictures.items():
        save_png(options.out / name, picture)
        print(options.out / name)
    for name in FIGURES.keys() - pictures:
        if (options.out / name).exists():
            note(
                f"{options.out / name}: an old figure, which was not drawn again; "
                "remove it if it shows another model"
            )
