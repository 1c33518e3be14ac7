"""A run's own nets and solvers: prototxt files in its folder, with its values set."""

from pathlib import Path

from google.protobuf.message import Message

from colorgan.nets.prototxt import (
    BLOBS,
    deploy_form,
    read_net,
    read_solver,
    set_adversarial_weight,
    set_batch_size,
    try_building,
    write_prototxt,
)
from colorgan.places import ROOT
from colorgan.training.config import TrainingConfig
from colorgan.training.modes import MODES
from colorgan.training.runfolder import RunFolder

PLAYERS = tuple(BLOBS)  # the order in which their seeds count


def write_prototxts(config: TrainingConfig, run: RunFolder) -> None:
    """Put the run's own nets and solvers into its folder, with the configuration's values set."""
    mode = MODES[config.mode]
    _write_generator(config, run)
    if mode.discriminator:
        net = read_net(mode.discriminator, BLOBS["discriminator"])
        set_adversarial_weight(net, config.adversarial_weight)
        _write_net(config, run, "discriminator", net, mode.discriminator)
    for name, solver in mode.solvers.items():
        path = ROOT / config.generator_solver if name == "generator" else solver
        write_prototxt(run.path / f"{name}_solver.prototxt", read_solver(path), path.name)


def _write_generator(config: TrainingConfig, run: RunFolder) -> None:
    source = ROOT / config.generator
    net = read_net(source, BLOBS["generator"])
    _write_net(config, run, "generator", net, source)
    deploy = run.path / "generator_deploy.prototxt"
    write_prototxt(deploy, deploy_form(net), f"{source.name} without its loss")


def _write_net(
    config: TrainingConfig, run: RunFolder, name: str, net: Message, source: Path
) -> None:
    set_batch_size(net, config.batch_size)
    write_prototxt(run.path / f"{name}.prototxt", net, f"{source.name} as this run has it")


def trains_generator(run: RunFolder, prototxt: Path, batch_size: int) -> bool:
    """Whether the generator of `prototxt` is the one that the run has."""
    net = read_net(prototxt)
    set_batch_size(net, batch_size)
    return net == read_net(run.path / "generator.prototxt")


def place_solver(config: TrainingConfig, run: RunFolder, name: str) -> Path:
    """Set what belongs to this start of a run in a solver's prototxt; returns its path.

    G and D get seeds of their own: Caffe has one stream of random numbers, which each solver
    starts anew, and with one seed D's weights would repeat G's numbers.
    """
    path = run.path / f"{name}_solver.prototxt"
    net = run.path / f"{name}.prototxt"
    read_net(net, BLOBS[name])  # a resumed run's, which may be of another version
    solver = read_solver(path)
    solver.net = str(net)
    solver.snapshot_prefix = str(run.writing_path / name)
    solver.max_iter = config.iterations
    solver.random_seed = config.seed + PLAYERS.index(name)
    write_prototxt(path, solver, f"the {solver.type} solver of this run's {name}")
    try_building(path)
    return path
