"""Run experiments of experiments.toml by name: train, measure, and keep the small results.

Each is trained by `colorgan train`, or continued where it was interrupted, and measured by
`colorgan evaluate` on the test faces that training has not seen. Configuration, log, metrics and
cost go to data/results/experiments/NAME. Weights and snapshots stay in the run folder, and
`--figure` draws what they make of the same twelve faces.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path

import numpy as np

from colorgan.errors import UserError, exit_code
from colorgan.faces.database import open_splits
from colorgan.files import make_folder, make_room, read_json, write_whole
from colorgan.measuring.figures.canvas import save_png
from colorgan.measuring.paper_figures import draw_comparison
from colorgan.measuring.quality.evaluation import METRICS_FILE, measured_indices
from colorgan.measuring.trainings import claims, swings
from colorgan.measuring.trainings.experiments import (
    CONFIG_FILE,
    COST_FILE,
    EXPERIMENTS_FILE,
    LOG_FILE,
    RESULTS,
    Experiment,
    chosen,
    read_experiments,
    read_hints,
    read_results,
    table,
)
from colorgan.nets.deployed import DeployedGenerator
from colorgan.nets.released import released_weights
from colorgan.nets.runtime import use_device
from colorgan.training.runfolder import best_weights

FACES = 12  # in the figure
MEMORY_ITERATIONS = 2  # the first update allocates all memory; the second one is to make sure


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command's arguments."""
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME", help="experiments to run; none: list them all")
    add_sources(parser)
    add("--runs", type=Path, default=Path("runs/experiments"), metavar="DIR", help="run folders")
    add("--results", type=Path, default=RESULTS, metavar="DIR", help="where results are kept")
    add("--table", action="store_true", help="print kept results, claims, and how trainings swing")
    add(
        "--figure",
        type=Path,
        metavar="PNG",
        help="instead of running these experiments, draw faces coloured by their weights; NAME may"
        " also be that of released weights",
    )


def add_sources(parser: ArgumentParser) -> None:
    """Add the arguments for the file of experiments, and for the faces they use."""
    parser.add_argument(
        "--experiments",
        type=Path,
        default=EXPERIMENTS_FILE,
        metavar="TOML",
        help="file that describes them (the project's own)",
    )
    parser.add_argument(
        "--data", type=Path, default=Path("data/celeba"), metavar="DIR", help="packed faces"
    )


def run(options: Namespace) -> None:
    """Run or draw what is named, then print the table if asked to."""
    experiments = read_experiments(options.experiments)
    if options.figure:
        draw_named(options, experiments)
    else:
        for one in chosen(experiments, options.names):
            run_one(one, options.data, options.runs / one.name, options.results / one.name)
    if options.table:
        results = read_results(options.results, experiments)
        if not results:
            raise UserError(f"{options.results}: holds no results; run an experiment first")
        print(table(results.values(), read_hints(options.results)))
        print(f"\n{claims.table(results)}")
        print(f"\n{swings.table(results.values())}")
    elif not options.names:
        for experiment in experiments.values():
            print(f"{experiment.name:20} {experiment.question}")
            print(" " * 20, f"colorgan train {' '.join(experiment.training_words())}")


def draw_named(options: Namespace, experiments: dict[str, Experiment]) -> None:
    """Draw what the named weights make of faces that no training has seen."""
    if not options.names:
        raise UserError("--figure draws the experiments that are named; name at least one")
    make_room(options.figure, ".png")
    weights = {name: weights_of(name, options.runs) for name in options.names}
    skipped = max(one.options.get("validation-faces", 0) for one in experiments.values())
    save_png(options.figure, drawn(weights, options.data, skipped))
    print(options.figure)


def weights_of(name: str, runs: Path) -> Path:
    """The best weights of a run below `runs`, or else released ones; UserError without either."""
    weights = best_weights(runs / name) or released_weights().get(name)
    if weights is None:
        raise UserError(f"{name}: neither a run in {runs} nor released weights; train it first")
    return weights


def drawn(weights: dict[str, Path], data: Path, skipped: int) -> np.ndarray:
    """The same test faces in all these weights' colours, and by strokes: BGR `(h, w, 3)`."""
    use_device(None)
    generators = {name: DeployedGenerator(path) for name, path in weights.items()}
    train, test = open_splits(data)
    with train, test:
        indices = measured_indices(test, skipped, None)
        return draw_comparison(generators, test, indices, FACES, train)


def run_one(experiment: Experiment, data: Path, folder: Path, results: Path) -> None:
    """Train and measure one experiment, and keep its results; UserError if a step fails."""
    words = ["--data", data, *experiment.from_anywhere().training_words()]
    resume = ["--resume"] if (folder / CONFIG_FILE).exists() else []
    call("train", *words, "--out", folder, *resume)
    weights = best_weights(folder)
    if weights is None:
        raise UserError(f"{folder}: no snapshot is as colourful as --least-colorfulness asks for")
    evaluation = folder / "evaluation"
    skipped = read_json(folder / CONFIG_FILE, validation_faces=int)["validation_faces"]
    call(
        "evaluate", "--weights", weights, "--data", data, "--out", evaluation,
        "--skip", skipped,
    )  # fmt: skip
    cost = {"peak_mib": round(peak_memory(words), 1)}
    make_folder(results)
    write_whole(results / COST_FILE, f"{json.dumps(cost)}\n".encode())
    # The metrics come last: where they are, there is a result.
    for source in (folder / CONFIG_FILE, folder / LOG_FILE, evaluation / METRICS_FILE):
        write_whole(results / source.name, source.read_bytes())


def peak_memory(words: list) -> float:
    """Peak memory, in MiB, of training with these options, not counting that of validation."""
    with tempfile.TemporaryDirectory() as folder:
        short = ["--iterations", MEMORY_ITERATIONS, "--validation-faces", 1, "--out", folder]
        return call("train", *words, *short) / 1024


def call(name: str, *words: object) -> int:
    """Run another command, and return its peak memory in KiB; UserError if it fails."""
    command = [sys.executable, "-m", "colorgan", name, *map(str, words)]
    process = subprocess.Popen(command)
    try:
        _, status, usage = os.wait4(process.pid, 0)
    except BaseException as error:
        if exit_code(error) == 128 + signal.SIGTERM:  # a terminal's signals go to both
            process.terminate()
        process.wait()  # a training takes a snapshot first
        raise
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise UserError(f"{name} {' '.join(map(str, words))}: failed, see its message above")
    return usage.ru_maxrss
