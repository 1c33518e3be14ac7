"""Put trained weights into data/weights, with their checksums and their metrics on drawn faces.

    colorgan release-weights paper=runs/experiments/paper best=runs/experiments/chroma

takes the best snapshot of each run. Weights with other names stay. The model card,
data/weights/README.md, is written by hand.
"""

import json
import re
from argparse import ArgumentParser, Namespace
from pathlib import Path

from colorgan.commands.arguments import named_path
from colorgan.errors import UserError
from colorgan.files import make_folder, read_json, sha256, write_whole
from colorgan.measuring.quality.drawn_check import DRAWN_METRICS_FILE, measure_on_drawn_faces
from colorgan.nets.deployed import DeployedGenerator
from colorgan.nets.released import CHECKSUMS_FILE, read_checksums
from colorgan.places import WEIGHTS
from colorgan.training.runfolder import best_weights


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command's arguments."""
    add = parser.add_argument
    add("sources", nargs="+", type=named_path, metavar="NAME=RUN", help="a name and a run folder")
    add("--out", type=Path, default=WEIGHTS, metavar="DIR", help="(data/weights)")


def run(options: Namespace) -> None:
    """Copy and measure the weights, and update the two lists."""
    out = make_folder(options.out)
    checksums = read_checksums(out)
    recorded = out / DRAWN_METRICS_FILE
    drawn = read_json(recorded) if recorded.exists() else {}
    found = [(name, weights_of(name, folder)) for name, folder in options.sources]
    for name, weights in found:
        drawn[name] = measure_on_drawn_faces(DeployedGenerator(weights))
        released = out / f"{name}.caffemodel"
        write_whole(released, weights.read_bytes())
        checksums[released.name] = sha256(released)
        print(released)
    lines = (f"{checksum}  {file}\n" for file, checksum in sorted(checksums.items()))
    write_whole(out / CHECKSUMS_FILE, "".join(lines).encode())
    write_whole(recorded, f"{json.dumps(drawn, indent=2, sort_keys=True)}\n".encode())


def weights_of(name: str, folder: Path) -> Path:
    """The best weights of a run; UserError if there are none, or the name is not fit for a file."""
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise UserError(f"{name!r}: not a name made of letters, digits, '.', '-' and '_'")
    weights = best_weights(folder)
    if weights is None:
        raise UserError(f"{folder}: holds no snapshot; give the run folder of colorgan train")
    return weights
