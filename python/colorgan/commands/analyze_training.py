"""Tell what D asks of G in a run's kept snapshots: how much, whether the same of all faces.

Of each snapshot, on some test faces: the norm of the gradient of D's score at a generated face; the
share of the square of D's gradient that is one picture, the same for all faces; its cosine with G's
error, and with the picture of the snapshot before; and the share of one tint of all pixels of all
faces in the square of what has changed in G's output since.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from colorgan.commands.arguments import positive_int
from colorgan.errors import UserError
from colorgan.faces.database import FaceDatabase
from colorgan.measuring.demands import read_demands, table
from colorgan.training.runfolder import kept_snapshots


def add_arguments(parser: ArgumentParser) -> None:
    """What the command takes."""
    add = parser.add_argument
    add("--run", type=Path, required=True, help="folder of colorgan train")
    add("--data", type=Path, required=True, help="folder of colorgan build-lmdb")
    add("--faces", type=positive_int, default=64, metavar="N", help="the first test faces (64)")


def run(options: Namespace) -> None:
    """Print the table."""
    with FaceDatabase(options.data / "test_lmdb") as test:
        if options.faces > len(test):
            raise UserError(f"--faces: there are {len(test)} test faces, not {options.faces}")
        faces = test.faces(range(options.faces))
    print(table(read_demands(options.run, kept_snapshots(options.run), faces)))
