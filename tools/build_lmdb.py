#!/usr/bin/env python3
"""Turn CelebA into the two LMDBs that training and evaluation read.

Example: tools/build_lmdb.py --images img_align_celeba.zip --partition list_eval_partition.txt \
--out data/celeba
"""

import argparse
import os
import sys
from pathlib import Path

from colorgan.celeba import CROP_SIDE
from colorgan.dataset import BuildOptions, build_dataset
from colorgan.errors import run_program


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def _face_size(text: str) -> int:
    value = _positive(text)
    if value > CROP_SIDE:
        raise argparse.ArgumentTypeError(f"at most {CROP_SIDE}, the side of the crop")
    return value


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError("from 0 to 1")
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add(
        "--images",
        type=Path,
        required=True,
        metavar="DIR_OR_ZIP",
        help="the aligned images: the official folder, or img_align_celeba.zip as it is",
    )
    add(
        "--partition",
        type=Path,
        metavar="FILE",
        help="list_eval_partition.txt; without it the lowest numbers train, the next ones test",
    )
    add(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="gets train_lmdb, test_lmdb and manifest.json",
    )
    add(
        "--train-count",
        type=_positive,
        default=60_000,
        metavar="N",
        help="the lowest N numbers of partition 0 train (default: %(default)s)",
    )
    add(
        "--test-count",
        type=_positive,
        default=1_000,
        metavar="N",
        help="the lowest N numbers of the test partition test (default: %(default)s)",
    )
    add(
        "--test-partition",
        type=int,
        choices=(1, 2),
        default=2,
        help="1 validation, 2 test (default: %(default)s)",
    )
    add(
        "--size",
        type=_face_size,
        default=64,
        metavar="PIXELS",
        help="side of a face (default: %(default)s)",
    )
    add(
        "--workers",
        type=_positive,
        default=len(os.sched_getaffinity(0)),
        metavar="N",
        help="decoding processes (default: one for each core)",
    )
    add(
        "--max-bad",
        type=_share,
        default=0.01,
        metavar="SHARE",
        help="stop when more than this share is unusable (default: %(default)s)",
    )
    add("--force", action="store_true", help="replace what --out holds already")
    return parser


def main() -> int:
    """Build the data set that the command line asks for."""
    options = BuildOptions(**vars(_parser().parse_args()))
    for split in build_dataset(options):
        print(split.summary())
    print(f"written: {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(run_program(main))
