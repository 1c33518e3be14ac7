"""A run's own nets and solvers: prototxt files in its folder, with its values set."""

from pathlib import Path

from google.protobuf.message import Message

from colorgan.nets.prototxt import (
    ADVERSARIAL_BLOB,
    BLOBS,
    batch_size_of,
    check_adversary,
    deploy_form,
    read_net,
    read_solver,
    set_adversarial_weight,
    set_batch_size,
    try_building,
    write_prototxt,
)
from colorgan.places import ROOT
from colorgan.processes import all_processes
from colorgan.training.config import TrainingConfig
from colorgan.training.modes import MODES
from colorgan.training.runfolder import RunFolder

PLAYERS = tuple(BLOBS)  # the order in which their seeds count


def write_prototxts(config: TrainingConfig, run: RunFolder) -> None:
    """Put the run's own nets and solvers into its folder, with the configuration's values set."""
    source = ROOT / config.generator
    needed = (*BLOBS["generator"], *([ADVERSARIAL_BLOB] if config.discriminator else []))
    generator = read_net(source, needed)
    if config.discriminator:
        _write_discriminator(config, run, generator)
    _write_net(config, run, "generator", generator, source)
    deploy = run.path / "generator_deploy.prototxt"
    write_prototxt(deploy, deploy_form(generator), f"{source.name} without its loss")
    for name in MODES[config.mode].solvers:
        path = ROOT / getattr(config, f"{name}_solver")
        solver = read_solver(path)
        if config.learning_rate is not None:
            solver.base_lr = config.learning_rate
        write_prototxt(run.path / f"{name}_solver.prototxt", solver, path.name)


def _write_discriminator(config: TrainingConfig, run: RunFolder, generator: Message) -> None:
    source = ROOT / config.discriminator
    net = read_net(source, BLOBS["discriminator"])
    check_adversary(net, generator, source)
    set_adversarial_weight(net, config.adversarial_weight)
    _write_net(config, run, "discriminator", net, source)


def _write_net(
    config: TrainingConfig, run: RunFolder, name: str, net: Message, source: Path
) -> None:
    set_batch_size(net, config.batch_size)
    write_prototxt(run.path / f"{name}.prototxt", net, f"{source.name} as this run has it")


def trains(config: TrainingConfig, run: RunFolder, name: str, prototxt: Path) -> bool:
    """Whether the net of `prototxt` is the generator, or the discriminator, that the run has.

    Whatever batch it is for: a process takes its share.
    """
    its_own = run.path / f"{name}.prototxt"
    if not its_own.exists():
        return False
    nets = [read_net(path, BLOBS[name]) for path in (prototxt, its_own)]
    for net in nets:
        set_batch_size(net, 1)
    if name == "discriminator":
        set_adversarial_weight(nets[0], config.adversarial_weight)
    return nets[0] == nets[1]


def place_net(config: TrainingConfig, run: RunFolder, name: str) -> Path:
    """Have a net take what a process of this start takes of a batch; returns its path."""
    path = run.path / f"{name}.prototxt"
    net = read_net(path, BLOBS[name])  # a resumed run's, which may be of another version
    share = config.batch_size // all_processes().size
    if batch_size_of(net) != share:
        set_batch_size(net, share)
        write_prototxt(path, net, f"{name} as this run has it, for a process's share of the batch")
    return path


def place_solver(config: TrainingConfig, run: RunFolder, name: str) -> Path:
    """Set what belongs to this start of a run in a solver's prototxt; returns its path.

    G and D get seeds of their own: Caffe has one stream of random numbers, which each solver
    starts anew, and with one seed D's weights would repeat G's numbers.
    """
    path = run.path / f"{name}_solver.prototxt"
    net = place_net(config, run, name)
    solver = read_solver(path)
    solver.net = str(net)
    solver.snapshot_prefix = str(run.writing_path / name)
    solver.max_iter = config.iterations
    solver.random_seed = config.seed + PLAYERS.index(name)
    write_prototxt(path, solver, f"the {solver.type} solver of this run's {name}")
    try_building(path)
    return path
