"""Measure what methods cost: processor time per face, in training and in colouring.

The methods are those of experiments. They take turns in one process, and all are compared with the
first one.
"""

import tempfile
from argparse import ArgumentParser, Namespace
from dataclasses import fields
from pathlib import Path

from colorgan.benchmarks.methods import Method, report, take_turns
from colorgan.commands import train
from colorgan.commands.arguments import CommandParser, positive_int
from colorgan.commands.experiments import add_sources
from colorgan.faces.database import FaceDatabase
from colorgan.files import make_room, write_json
from colorgan.measuring.trainings.experiments import Experiment, chosen, read_experiments
from colorgan.training.config import TrainingConfig, configure


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command's arguments."""
    add = parser.add_argument
    add("names", nargs="+", metavar="NAME", help="experiments, see `colorgan experiments`")
    add_sources(parser)
    add("--rounds", type=positive_int, default=5, metavar="N", help="turns for each method (5)")
    add("--json", type=Path, metavar="FILE", help="write the figures of all turns")


def run(options: Namespace) -> None:
    """Make all nets, let the methods take turns, and print the table."""
    if options.json:
        make_room(options.json, ".json")
    experiments = chosen(read_experiments(options.experiments), options.names)
    with FaceDatabase(options.data / "train_lmdb") as faces, tempfile.TemporaryDirectory() as place:
        methods = {}
        for one in experiments:
            config = configuration(one, options.data)
            methods[one.name] = Method(config, Path(place) / one.name, faces)
        turns = take_turns(methods, options.rounds)
    print(report(turns))
    if options.json:
        write_json(options.json, turns, indent=1)


def configuration(experiment: Experiment, data: Path) -> TrainingConfig:
    """The configuration with which `colorgan train` would run an experiment."""
    parser = CommandParser(prog="colorgan train")
    train.add_arguments(parser)
    options = parser.parse_args([*experiment.from_anywhere().training_words(), "--out", "."])
    names = {field.name for field in fields(TrainingConfig)}
    given = {name: value for name, value in vars(options).items() if name in names}
    return configure({**given, "data": str(data)})
