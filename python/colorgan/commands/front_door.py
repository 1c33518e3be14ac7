"""The front door, `colorgan COMMAND`: has the table of all commands, and runs one of them.

Only the module of that command is imported, so that colouring a photo needs neither Caffe nor the
packages for training.
"""

import importlib
import importlib.util
import os
import signal
import sys
from argparse import Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import NoReturn

import argcomplete

from colorgan import __version__
from colorgan.commands.arguments import CommandParser
from colorgan.errors import UserError, run_program
from colorgan.places import IN_CLONE, ROOT
from colorgan.processes import all_processes

GET_CAFFE = (
    "in a clone of the project, `bash tools/setup.sh` builds it on Debian and Ubuntu; "
    "elsewhere, take the Docker image"
)


@dataclass(frozen=True)
class Command:
    """One row of the table.

    Attributes:
        name: as it is typed; with underscores, the name of its module in this package.
        summary: what `colorgan --help` and the README say about it.
        needs_caffe: whether it cannot work without Caffe.
        script: the shell script in a clone that does it instead of a module.
        shared: whether several processes can do it together.
    """

    name: str
    summary: str
    needs_caffe: bool = True
    script: str | None = None
    shared: bool = False


COMMANDS = (
    Command(
        "colorize", "colour the faces in photographs and videos", needs_caffe=False, shared=True
    ),
    Command("demo", "do the same on a page in the browser", needs_caffe=False),
    Command(
        "reproduce",
        "train, measure, draw the figures, write the report",
        script="tools/reproduce.sh",
    ),
    Command("build-lmdb", "pack CelebA for training", shared=True),
    Command("make-sample-faces", "draw faces that stand in for CelebA"),
    Command("train", "train the generator, against D or on L2 alone", shared=True),
    Command("evaluate", "measure a trained generator on the test faces"),
    Command("figures", "draw the paper's figures and training curves"),
    Command("analyze-errors", "show on which faces a generator fails"),
    Command("analyze-training", "show what D asks of G in a run's snapshots"),
    Command("report", "write the report of a reproduction"),
    Command("experiments", "run the experiments in the docs by name"),
    Command("release-weights", "put trained weights beside the released ones"),
    Command("compare-methods", "compare the generator with strokes and examples"),
    Command("show-photos", "draw two portraits: gray, coloured, original"),
    Command("measure-detection", "measure how reliably faces are found"),
    Command("measure-palette", "take the page's palette from training faces"),
    Command("measure-resolution", "measure colours on faces that photos show larger"),
    Command("bench-train", "measure how fast training is"),
    Command("bench-colorize", "measure how fast colouring is"),
    Command("bench-methods", "measure what the learned methods cost"),
    Command("bench-scale", "measure what more processes are worth in training"),
    Command("bench-lmdb", "measure how fast packing is"),
    Command("test", "run the tests and the linter", script="tools/test.sh"),
)


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line `words` (by default, this process's own).

    Returns the exit code, see `run_program`.
    """
    words = sys.argv[1:] if words is None else list(words)
    command = next((row for row in COMMANDS if row.name in words[:1]), None)
    called = f"colorgan {command.name}" if command else "colorgan"
    return run_program(called, lambda: run_command(words, command))


def run_command(words: Sequence[str], command: Command | None) -> int | None:
    """Parse the command line, and call the command."""
    with all_processes() as processes:
        options = processes.first(lambda: parse(words, command))
        if processes.size > 1 and not (command and command.shared):
            processes.first(partial(refuse_company, processes.size))
        run = options._run
        del options._run  # the rest are the command's own options
        return run(options)


def refuse_company(processes: int) -> NoReturn:
    """Refuse to run a command in several processes."""
    raise UserError(
        f"{processes} processes were started, but this command is for one; run without mpirun"
    )


def parse(words: Sequence[str], command: Command | None) -> Namespace:
    """Parse the command line, and complete it if a shell asks for that."""
    if command and command.script:
        run_script(command.script, words[1:])
    if not command and words and not words[0].startswith("-"):
        raise UserError(f"{words[0]}: no such command; colorgan --help lists them")
    if any(not word or (word.startswith("--") and word.endswith("=")) for word in words):
        raise UserError("an argument is empty; is a shell variable not set?")
    completed = os.environ.get("COMP_LINE", "").split()[1:2]  # completion does not fill `words`
    command = next((row for row in COMMANDS if row.name in completed), command)
    parser = CommandParser(
        prog="colorgan",
        description="Colour gray faces with a GAN, in Caffe.",
        epilog="See colorgan COMMAND --help for the options of a command.",
    )
    parser.add_argument("--version", action="version", version=f"colorgan {__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True, title="commands")
    for row in COMMANDS:
        known = row is command and not row.script
        module = load(row) if known else None
        subparser = subparsers.add_parser(
            row.name,
            help=row.summary,
            description=module.__doc__ if module else None,
            epilog=getattr(module, "EPILOG", None),
            formatter_class=RawDescriptionHelpFormatter,
        )
        if module:
            module.add_arguments(subparser)
            subparser.set_defaults(_run=module.run)
            words = subparser.with_values(words)
    argcomplete.autocomplete(parser)
    options, unknown = parser.parse_known_args(words)
    if unknown:
        called = " ".join(["colorgan", *words[:1]])
        raise UserError(f"unrecognized arguments: {' '.join(unknown)}; see {called} --help")
    return options


def load(command: Command) -> ModuleType:
    """Import a command's module; `UserError` if something that it needs is not installed."""
    if command.needs_caffe and importlib.util.find_spec("caffe") is None:
        raise UserError(f"needs Caffe, which is not installed; {GET_CAFFE}")
    try:
        return importlib.import_module(f"colorgan.commands.{command.name.replace('-', '_')}")
    except ModuleNotFoundError as error:
        if (error.name or "colorgan").partition(".")[0] == "colorgan":
            raise
        raise UserError(f"needs the Python package {error.name}; {GET_CAFFE}") from None


def run_script(script: str, words: Sequence[str]) -> None:
    """Replace this process by a shell script of the clone."""
    if not IN_CLONE:
        raise UserError(f"needs a clone of the project, which has {script}")
    if sys.platform == "win32":
        raise UserError("needs Debian or Ubuntu; on Windows, run it in WSL or with Docker")
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, but scripts rely on it
    os.execvp("bash", ["bash", str(ROOT / script), *words])
