"""Write the report of a reproduction: one HTML file with its pictures, numbers and settings."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from colorgan.commands.arguments import check_distinct, named_path
from colorgan.errors import UserError
from colorgan.files import make_room, write_whole
from colorgan.measuring.report import RunSources, render_report


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command's arguments."""
    add = parser.add_argument
    add("--run", type=Path, required=True, help="the model's run folder")
    add("--evaluation", type=Path, required=True, help="folder of colorgan evaluate for the model")
    add("--l2-run", type=Path, help="run folder of L2 alone")
    add("--l2-evaluation", type=Path, help="folder of colorgan evaluate for L2 alone")
    add("--data", type=Path, required=True, help="folder of colorgan build-lmdb")
    add("--figures", type=Path, required=True, help="folder of colorgan figures")
    add(
        "--released",
        type=named_path,
        action="append",
        default=[],
        metavar="NAME=DIR",
        help="a name of released weights, and a folder with their evaluation/ and figures/; may be"
        " repeated",
    )
    add("--note", action="append", default=[], help="what a reader should know; may be repeated")
    add("--out", type=Path, required=True, help="the HTML file")


def run(options: Namespace) -> None:
    """Read everything, write the report, and print its path."""
    if (options.l2_run is None) != (options.l2_evaluation is None):
        raise UserError("--l2-run and --l2-evaluation belong together; give both or neither")
    check_distinct("--released", [name for name, _ in options.released])
    model = RunSources(options.run, options.evaluation)
    l2 = options.l2_run and RunSources(options.l2_run, options.l2_evaluation)
    released = dict(options.released)
    text = render_report(model, l2, options.data, options.figures, released, options.note)
    make_room(options.out, ".html")
    write_whole(options.out, text.encode())
    print(options.out)
