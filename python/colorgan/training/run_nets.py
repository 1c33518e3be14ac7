"""A run's own nets and solvers: prototxt files in its folder, with its values set."""

import math
from collections.abc import Sequence
from pathlib import Path

from google.protobuf.message import Message

from colorgan.errors import UserError
from colorgan.nets.prototxt import (
    BLOBS,
    batch_size_of,
    check_adversary,
    deploy_form,
    joins_gradients,
    needed_blobs,
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
# The fields of a solver that shape its updates. The rest are for Caffe's own training loop.
UPDATE_FIELDS = {
    *("type", "solver_type", "base_lr", "lr_policy", "gamma", "power", "stepsize", "stepvalue"),
    *("max_iter", "momentum", "momentum2", "rms_decay", "delta", "weight_decay"),
    *("regularization_type", "clip_gradients"),
}


def write_prototxts(config: TrainingConfig, run: RunFolder) -> None:
    """Write the run's own nets and solvers into its folder, with the configuration's values."""
    source = ROOT / config.generator
    generator = read_net(source, blobs_of(config, "generator"))
    _write_net(config, run, "generator", generator, source)
    if config.discriminator:
        source = ROOT / config.discriminator
        discriminator = read_net(source, blobs_of(config, "discriminator"))
        check_adversary(discriminator, generator, source)
        _write_net(config, run, "discriminator", discriminator, source)
    for name in MODES[config.mode].solvers:
        path = ROOT / getattr(config, f"{name}_solver")
        solver = read_update(path)
        if config.learning_rate is not None:
            solver.base_lr = config.learning_rate
        write_prototxt(run.path / f"{name}_solver.prototxt", solver, path.name)


def blobs_of(config: TrainingConfig, name: str) -> tuple[str, ...]:
    """The blobs that the run needs in the net of G or D."""
    return needed_blobs(name, against_d=config.discriminator is not None)


def read_update(path: Path) -> Message:
    """What a solver's prototxt says about its updates: a SolverParameter of just those fields.

    UserError for what is an option of training instead, and for values that make no sense.
    """
    solver = read_solver(path)
    if solver.iter_size != 1:
        raise UserError(f"{path}: iter_size is {solver.iter_size}; --batch-size takes its place")
    if solver.weights:
        raise UserError(f"{path}: has weights to begin with; --init-weights takes their place")
    if not 0 < solver.base_lr < math.inf:
        raise UserError(f"{path}: base_lr is {solver.base_lr:g}, not a positive number")
    for name in ("momentum", "momentum2", "rms_decay"):
        if not 0 <= getattr(solver, name) < 1:
            raise UserError(f"{path}: {name} is {getattr(solver, name):g}, not 0 or more, below 1")
    for field, _ in solver.ListFields():
        if field.name not in UPDATE_FIELDS:
            solver.ClearField(field.name)
    return solver


def _write_net(
    config: TrainingConfig, run: RunFolder, name: str, net: Message, source: Path
) -> None:
    set_batch_size(net, config.batch_size)
    fit_adversaries(config, name, net)
    write_prototxt(run.path / f"{name}.prototxt", net, f"{source.name} as this run has it")


def fit_adversaries(config: TrainingConfig, name: str, net: Message) -> None:
    """Set lambda in D's net, and make D's gradient reach all of G, whatever losses G itself has."""
    if name == "discriminator" and config.adversarial_weight is not None:
        set_adversarial_weight(net, config.adversarial_weight)
        net.force_backward = True  # or Caffe would stop at D's first weights
    elif config.discriminator and not joins_gradients(net):
        net.force_backward = True


def trains(config: TrainingConfig, run: RunFolder, name: str, prototxt: Path) -> bool:
    """Whether `prototxt` holds the same generator, or discriminator, as the run.

    The batch size does not count, since a process takes its share of the batch.
    """
    its_own = run.path / f"{name}.prototxt"
    if not its_own.exists():
        return False
    nets = [read_net(path, blobs_of(config, name)) for path in (prototxt, its_own)]
    for net in nets:
        set_batch_size(net, 1)
    fit_adversaries(config, name, nets[0])
    return nets[0] == nets[1]


def place_net(config: TrainingConfig, run: RunFolder, name: str) -> Message:
    """Fit a net to the share of a batch that each process takes this time; returns it."""
    path = run.path / f"{name}.prototxt"
    # Checked again: a resumed run's may be of another version.
    net = read_net(path, blobs_of(config, name))
    share = config.batch_size // all_processes().size
    if batch_size_of(net) != share:
        set_batch_size(net, share)
        write_prototxt(path, net, f"{name} as this run has it, for a process's share of the batch")
    return net


def place_deploy(run: RunFolder, generator: Message) -> Path:
    """Write the net that colours with G's weights; returns its path. UserError without `fake`."""
    path, deploy = run.path / "generator_deploy.prototxt", deploy_form(generator)
    if not any("fake" in layer.top for layer in deploy.layer):
        raise UserError(f"the net {generator.name!r} does not make 'fake' from 'gray' alone")
    write_prototxt(path, deploy, "the generator without its loss")
    return path


def place_solver(config: TrainingConfig, run: RunFolder, name: str) -> Path:
    """Set in a solver's prototxt what may differ each time a run starts; returns its path.

    G and D get different seeds. Caffe has one stream of random numbers, which each solver starts
    over, so with one seed D's weights would repeat G's numbers.
    """
    path, net_path = (run.path / f"{name}{kind}.prototxt" for kind in ("_solver", ""))
    net = place_net(config, run, name)
    deploys = [place_deploy(run, net)] if name == "generator" else []
    solver = read_update(path)
    solver.net = str(net_path)
    solver.snapshot_prefix = str(run.writing_path / name)
    solver.max_iter = config.iterations
    solver.random_seed = config.seed + PLAYERS.index(name)
    write_prototxt(path, solver, f"the {solver.type} solver of this run's {name}")
    called = f"{getattr(config, name)} with {getattr(config, f'{name}_solver')}"
    if run.has_run():  # its own files count, and may have been changed
        called = f"{net_path} with {path}"
    check_blobs(blobs_of(config, name), try_building(path, *deploys, called=called), called)
    return path


def check_blobs(blobs: Sequence[str], shapes: dict[str, list[int]], called: str) -> None:
    """UserError unless a built net has these blobs, as of `needed_blobs`, in the right shapes.

    `called` is what messages call the net.
    """
    for blob in blobs:
        if blob not in shapes:
            raise UserError(f"{called}: no layer makes the blob {blob!r} in the phase TRAIN")
    loss = blobs[-1]
    if math.prod(shapes[loss]) != 1:
        raise UserError(f"{called}: the blob {loss!r} is {shapes[loss]}, but a loss is one number")
    if "fake" in blobs and shapes["fake"] != shapes["color"]:
        raise UserError(f"{called}: 'fake' is {shapes['fake']}, but 'color' {shapes['color']}")
