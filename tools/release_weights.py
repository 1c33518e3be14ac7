#!/usr/bin/env python3
"""Put trained weights into data/weights, with their checksum and what they measure on drawn faces.

    python tools/release_weights.py paper=runs/experiments/paper best=runs/experiments/chroma

takes the best snapshot of each run. What is there under another name stays. The model card,
data/weights/README.md, is written by hand.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

from colorgan.arguments import named_path
from colorgan.drawn_check import DRAWN_METRICS_FILE, measure_on_drawn_faces
from colorgan.errors import UserError, run_program
from colorgan.files import make_folder, read_json, sha256, write_whole
from colorgan.nets import DeployedGenerator
from colorgan.released import CHECKSUMS_FILE, RELEASED_FOLDER, read_checksums
from colorgan.runfolder import best_weights


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("sources", nargs="+", type=named_path, metavar="NAME=RUN", help="name, and run folder")
    add("--out", type=Path, default=RELEASED_FOLDER, metavar="DIR", help="(data/weights)")
    return parser.parse_args()


def main() -> None:
    """Copy, measure, and write the two lists anew."""
    options = arguments()
    out = make_folder(options.out)
    checksums = read_checksums(out)
    recorded = out / DRAWN_METRICS_FILE
    drawn = read_json(recorded) if recorded.exists() else {}
    for name, run in options.sources:
        weights = best_weights(run)
        if weights is None:
            raise UserError(f"{run}: no snapshot there; give the run folder of train_gan.py")
        drawn[name] = measure_on_drawn_faces(DeployedGenerator(weights))
        released = out / f"{name}.caffemodel"
        shutil.copyfile(weights, released)
        checksums[released.name] = sha256(released)
        print(released)
    lines = (f"{checksum}  {file}\n" for file, checksum in sorted(checksums.items()))
    write_whole(out / CHECKSUMS_FILE, "".join(lines).encode())
    write_whole(recorded, f"{json.dumps(drawn, indent=2, sort_keys=True)}\n".encode())


if __name__ == "__main__":
    sys.exit(run_program(main))
