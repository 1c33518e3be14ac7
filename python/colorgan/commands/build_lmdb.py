"""Turn CelebA, or any photos, into the two LMDBs that training and evaluation read.

colorgan build-lmdb --images CelebA --out data/celeba
colorgan build-lmdb --any-photos --images ~/Pictures --out data/ours
mpirun -n 4 colorgan build-lmdb --images CelebA --out data/celeba     (docs/mpi.md)
"""

from argparse import ArgumentParser, Namespace
from functools import partial
from pathlib import Path

from colorgan.commands.arguments import number, positive_int, up_to, worker_count
from colorgan.errors import UserError
from colorgan.faces.celeba.aligned import CROP_SIDE
from colorgan.faces.celeba.downloads import partition_lists
from colorgan.faces.packing.dataset import BuildOptions, build_dataset
from colorgan.faces.workers import work_along
from colorgan.processes import all_processes, own_cores

face_size = up_to(CROP_SIDE)
"""The side of packed faces in pixels."""


def _share(text: str) -> float:
    return number(text, float, lambda value: 0 <= value <= 1, "from 0 to 1")


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command's arguments."""
    add = parser.add_argument
    add(
        "--images",
        type=Path,
        nargs="+",
        required=True,
        metavar="DIR_OR_ZIP",
        help="the aligned images: img_align_celeba.zip, or a folder with that zip or the images",
    )
    add(
        "--partition",
        type=Path,
        nargs="+",
        default=(),
        metavar="FILE",
        help="list_eval_partition.txt or .csv, or a folder or zip with it inside or next to it "
        "(default: as --images; if there is none, the lowest numbers train, the next ones test)",
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
        type=positive_int,
        default=60_000,
        metavar="N",
        help="the lowest N numbers of partition 0 train (default: %(default)s)",
    )
    add(
        "--test-count",
        type=positive_int,
        default=1_000,
        metavar="N",
        help="the lowest N numbers of the test partition test (default: %(default)s)",
    )
    add(
        "--test-partition",
        type=int,
        choices=(1, 2),
        help="1 validation, 2 test (default: 2, or 1 if partition 2 is empty)",
    )
    add(
        "--size",
        type=face_size,
        default=64,
        metavar="PIXELS",
        help="side of a face (default: %(default)s)",
    )
    add(
        "--workers",
        type=worker_count,
        metavar="N",
        help="decoding processes (default: one for each core; with mpirun, those it starts)",
    )
    add(
        "--max-bad",
        type=_share,
        metavar="SHARE",
        help="stop when more than this share is unusable (default: 0.01; --any-photos: 1)",
    )
    add(
        "--any-photos",
        action="store_true",
        help="use the faces found in any folders of photos, instead of CelebA's",
    )
    add("--force", action="store_true", help="replace what --out already holds")


def run(options: Namespace) -> None:
    """Build the data set, or in another process help the first one with that."""
    processes = all_processes()
    if processes.is_first:
        processes.first(lambda: build(options))
    else:
        work_along()


def build(options: Namespace) -> None:
    """Build the data set, and print a summary."""
    if options.workers and all_processes().size > 1:
        raise UserError("--workers is for one process; leave it out, mpirun -n says how many")
    given = vars(options) | {"images": tuple(options.images)}
    given["workers"] = options.workers or len(own_cores())
    any_photos = given.pop("any_photos")
    if options.max_bad is None:
        given["max_bad"] = 1 if any_photos else 0.01
    if any_photos:
        if options.partition or options.test_partition:
            raise UserError(
                "--partition and --test-partition are for CelebA; leave them out with --any-photos"
            )
        print(_album_summary(BuildOptions(**given)))
    else:
        given["partition"] = partition_lists(options.images, options.partition)
        for split in build_dataset(BuildOptions(**given)):
            print(split.summary())
    print(f"written: {options.out}")


def _album_summary(options: BuildOptions) -> str:
    """Build a data set from photos; their reader is imported here, as CelebA does not need it."""
    from colorgan.faces.packing.albums import PhotoReader, build_album
    from colorgan.photos.pictures.formats import READABLE_SUFFIXES
    from colorgan.photos.pictures.reading import read_color

    photos = PhotoReader(READABLE_SUFFIXES, partial(read_color, max_pixels=100_000_000))
    return build_album(options, photos).summary()
