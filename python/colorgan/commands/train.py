"""Train the generator on an LMDB of faces: against D (the paper), a critic, or without either."""

from argparse import SUPPRESS, ArgumentParser, Namespace
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from colorgan.commands.arguments import fraction, natural_int, positive_float, positive_int, up_to
from colorgan.errors import UserError
from colorgan.nets.runtime import gpu_of, load_caffe, use_device
from colorgan.places import ROOT, project_path
from colorgan.processes import all_processes
from colorgan.training.config import TrainingConfig, configure, open_faces
from colorgan.training.modes import MODES
from colorgan.training.run_nets import trains, write_prototxts
from colorgan.training.runfolder import RunFolder, best_weights
from colorgan.training.trainer import Trainer

EPILOG = """\
Ctrl-C, SIGTERM or SIGUSR1 takes a snapshot and stops; --resume continues from the last one.
`mpirun -n N colorgan train ...` lets N processes share each batch (docs/mpi.md)."""

# What may change when a run is resumed; all other settings must stay the same.
CHANGEABLE = {"data", "iterations", "log_every", "validate_every", "snapshot_every", "keep"}

MOST_CRITIC_UPDATES = 100  # to one of G: all their faces are in memory at once


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command's arguments; those not given are left out, as defaults depend on others."""
    parser.argument_default = SUPPRESS
    add, default, critic = parser.add_argument, TrainingConfig, MODES["wgan"].own_options
    add("--data", metavar="DIR", help="folder with train_lmdb and test_lmdb (colorgan build-lmdb)")
    add("--out", type=Path, required=True, metavar="DIR", help="run folder, such as runs/paper")
    add(
        "--mode",
        choices=sorted(MODES),
        help="gan: formula (3); l2: G alone, on its own loss; wgan: a Wasserstein critic (gan)",
    )
    add("--generator", metavar="PROTOTXT", help="net of G (prototxt/generator.prototxt)")
    add(
        "--generator-solver",
        metavar="PROTOTXT",
        help="solver of G (solvers/generator_solver.prototxt; wgan: generator_wgan_solver)",
    )
    add(
        "--discriminator",
        metavar="PROTOTXT",
        help="net of D (prototxt/discriminator.prototxt; wgan: critic.prototxt)",
    )
    add(
        "--discriminator-solver",
        metavar="PROTOTXT",
        help="solver of D (solvers/discriminator_solver.prototxt; wgan: critic_solver)",
    )
    add(
        "--init-weights",
        metavar="CAFFEMODEL",
        help="trained weights that G starts from, for layers with the same name (none)",
    )
    add(
        "--lambda",
        dest="adversarial_weight",
        type=positive_float,
        metavar="L",
        help="weight of the adversarial losses (100, from the net of D)",
    )
    add(
        "--n-critic",
        type=up_to(MOST_CRITIC_UPDATES),
        metavar="N",
        help=f"wgan: updates of the critic for each of G ({critic['n_critic']})",
    )
    add(
        "--weight-clip",
        type=positive_float,
        metavar="C",
        help=f"wgan: bound on the critic's weights ({critic['weight_clip']})",
    )
    add(
        "--batch-size",
        type=positive_int,
        metavar="N",
        help="faces per iteration (the net's, 64)",
    )
    add(
        "--iterations",
        type=positive_int,
        metavar="N",
        help="updates of G and D (20000, from the solver)",
    )
    add(
        "--learning-rate",
        type=positive_float,
        metavar="R",
        help="of G and of D (0.0001, from their solvers)",
    )
    add(
        "--seed",
        type=natural_int,
        metavar="N",
        help=f"of weights, order and mirroring ({default.seed})",
    )
    add("--mirror", action="store_true", help="mirror a random half of the faces")
    add("--vary-light", action="store_true", help="show faces in random contrast and brightness")
    add("--old-photos", action="store_true", help="show most faces faded, dark, grainy, scratched")
    add(
        "--dark-skin",
        type=positive_int,
        metavar="TIMES",
        help=f"show the fifth with the darkest skin this often in an epoch ({default.dark_skin})",
    )
    add(
        "--average",
        type=fraction,
        metavar="DECAY",
        help="keep and validate an average of G's weights, with a decay such as 0.999 (none)",
    )
    add(
        "--log-every",
        type=positive_int,
        metavar="N",
        help=f"iterations per log record ({default.log_every})",
    )
    add(
        "--validate-every",
        type=positive_int,
        metavar="N",
        help=f"iterations per validation ({default.validate_every})",
    )
    add(
        "--snapshot-every",
        type=positive_int,
        metavar="N",
        help=f"iterations per snapshot ({default.snapshot_every})",
    )
    add(
        "--keep",
        type=positive_int,
        metavar="N",
        help=f"snapshots to keep, the latest ones, besides the best ({default.keep})",
    )
    add(
        "--validation-faces",
        type=positive_int,
        metavar="N",
        help=f"choose the best snapshot on the first N test faces ({default.validation_faces})",
    )
    add(
        "--least-colorfulness",
        type=positive_float,
        metavar="SHARE",
        help="colourfulness that the best snapshot must have, as a share of the originals' (0)",
    )
    add(
        "--sync-batchnorm",
        action="store_true",
        help="with mpirun: BatchNorm's statistics of the whole batch (of each process's share)",
    )
    add("--resume", action="store_true", help="continue the run in --out")
    add(
        "--gpu",
        type=natural_int,
        metavar="ID",
        help="compute on this GPU, and in more processes of a machine on the next (on the CPU)",
    )
    add("--tf32", action="store_true", help="with --gpu: faster products of 11 bits (of 24)")
    add("--profile", action="store_true", help="print where the time went")


def settle_config(given: dict[str, Any], run: RunFolder, resume: bool) -> TrainingConfig:
    """The run's configuration: a new one, or the one in its folder with the changes allowed."""
    if not resume:
        if run.has_run():
            raise UserError(
                f"{run.path}: holds a run; --resume continues it, or give another --out"
            )
        if "data" not in given:
            raise UserError("--data is missing; give the folder that colorgan build-lmdb wrote")
        return configure(given)
    config = config_of(run)
    for file in ("generator_solver", "discriminator_solver", "init_weights"):
        if file in given:
            given[file] = project_path(Path(given[file]))
    for name in ("generator", "discriminator"):
        net = given.pop(name, None)
        if net and not trains(config, run, name, Path(net)):
            raise UserError(f"{run.path}: has another {name} than {net}")
    for name, value in given.items():
        if name not in CHANGEABLE and value != getattr(config, name):
            raise UserError(f"{run.path}: has {name} {getattr(config, name)}, not {value}")
    config = replace(config, **given)
    last = run.last_snapshot()
    if last and last.state["iteration"] > config.iterations:
        raise UserError(
            f"{run.path}: has done {last.state['iteration']} iterations already; give --iterations "
            "that many or more"
        )
    return config


def config_of(run: RunFolder) -> TrainingConfig:
    """The configuration in a run's folder; UserError if it is not one of this version."""
    record = run.read_config()
    try:
        return TrainingConfig(**record)
    except (TypeError, UserError) as error:
        raise UserError(f"{run.config_path}: not the settings of a run ({error})") from None


def check_shares(config: TrainingConfig, processes: int, gpu: int | None) -> None:
    """UserError unless all shares of a batch are equal; else their mean is not the batch's."""
    if config.batch_size % processes:
        raise UserError(
            f"batches of {config.batch_size} faces cannot be shared evenly by {processes} "
            "processes; start another number of them, or a new run with another --batch-size"
        )
    if config.sync_batchnorm and (gpu is not None or load_caffe().cpu_engine() == "stock"):
        raise UserError("--sync-batchnorm works on the CPU engine, not on GPUs or in stock Caffe")


def run(options: Namespace) -> int:
    """Open the faces and the run folder, train, and say where the result is."""
    given = vars(options)
    out, resume = given.pop("out"), given.pop("resume", False)
    gpu, profile = given.pop("gpu", None), given.pop("profile", False)
    tf32 = given.pop("tf32", False)
    if tf32 and gpu is None:
        raise UserError("--tf32 is for a GPU; give --gpu, too")
    processes = all_processes()
    processes.each(lambda: use_device(gpu_of(gpu, processes.local_rank), tf32))
    folder = RunFolder(out)
    config = processes.first(lambda: settle_config(given, folder, resume))
    processes.first(lambda: check_shares(config, processes.size, gpu))
    generator = folder.path / "generator.prototxt" if resume else ROOT / config.generator
    train, test = processes.each(lambda: open_faces(config, generator))
    if not resume:
        processes.first(lambda: write_prototxts(config, folder))
    trainer = Trainer(config, folder, train, test)
    if resume:
        trainer.resume()
    else:
        trainer.begin()
    processes.first(lambda: folder.write_config(asdict(config)))
    code = trainer.train()
    processes.first(lambda: print_outcome(trainer, profile))
    return code


def print_outcome(trainer: Trainer, profile: bool) -> None:
    """Print what has been done, and where the result is."""
    if profile:
        print(trainer.times.table_of_iterating())
    best = best_weights(trainer.run.path) or "none yet"
    print(f"{trainer.run.path}: {trainer.iteration} iterations done; best weights: {best}")
