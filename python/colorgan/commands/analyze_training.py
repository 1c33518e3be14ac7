"""Show what D asks of G in a run's kept snapshots: how much, and whether the same for all faces.

For each snapshot, on some test faces, it prints: the norm of the gradient of D's score at a
generated face; the share of the squared gradient that is one picture, the same for all faces; the
gradient's cosine with G's error, and the picture's with that of the snapshot before; and, of the
squared change in G's output since then, the share that is one tint over all pixels of all faces.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from colorgan.commands.arguments import positive_int
from colorgan.errors import UserError
from colorgan.faces.database import FaceDatabase
from colorgan.measuring.trainings.demands import read_demands, table
from colorgan.training.runfolder import kept_snapshots


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command's arguments."""
    add = parser.add_argument
    add("--run", type=Path, required=True, help="folder of colorgan train")
    add("--data", type=Path, required=True, help="folder of colorgan build-lmdb")
    add("--faces", type=positive_int, default=64, metavar="N", help="the first test faces (64)")


def run(options: Namespace) -> None:
    """Print the table."""
    with FaceDatabase(options.data / "test_lmdb") as test:
        if options.faces > len(test):
            raise UserError(
                f"--faces {options.faces}: there are only {len(test)} test faces; give fewer"
            )
        faces = test.faces(range(options.faces))
    print(table(read_demands(options.run, kept_snapshots(options.run), faces)))
