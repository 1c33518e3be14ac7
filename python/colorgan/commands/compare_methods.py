"""Compare ways to colour faces: the generator, strokes of their true colours, an example.

colorgan compare-methods --data data/celeba --skip 1044 --out data/results/methods.json
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from tqdm import tqdm

from colorgan.commands.arguments import add_test_face_arguments
from colorgan.faces.database import open_splits
from colorgan.files import make_room, write_json
from colorgan.measuring.figures.canvas import save_png
from colorgan.measuring.figures.methods import methods_figure
from colorgan.measuring.quality.evaluation import measured_indices, provenance
from colorgan.measuring.quality.methods import compare_methods, subjects, table
from colorgan.nets.deployed import DeployedGenerator
from colorgan.nets.generators import BEST_WEIGHTS
from colorgan.nets.runtime import use_device


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command's arguments."""
    add_test_face_arguments(parser)
    figure = "the JSON file; its figure is a PNG next to it"
    parser.add_argument("--out", type=Path, required=True, help=figure)


def run(options: Namespace) -> None:
    """Check the inputs, measure, write the results, and print the table."""
    figure = options.out.with_suffix(".png")
    make_room(options.out, ".json")
    make_room(figure)
    use_device(None)
    generator = DeployedGenerator(BEST_WEIGHTS)
    source = provenance(generator, options.data, options.skip)
    train, test = open_splits(options.data)
    with train, test:
        indices = measured_indices(test, options.skip, options.count)
        faces = tqdm(subjects(test, train, indices), total=len(indices), unit="face", disable=None)
        result = source | compare_methods(generator, faces)
    write_json(options.out, result)
    save_png(figure, methods_figure(result))
    print(table(result))
    print(options.out)
