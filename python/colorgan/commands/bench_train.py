"""Measure how fast training is: stock Caffe, this project's Caffe and PyTorch take turns.

All sides have the same nets, first weights, faces and threads, and must report the same losses
before any clock starts. An iteration is a step of D and one of G.

  stock                  Caffe's own layers (CAFFE_CPU_ENGINE=stock); only on the CPU
  ours                   this project's Caffe; CAFFE_CPU_ENGINE may name its engine
  pytorch-nchw           PyTorch, eager, float32; on a GPU, cuDNN benchmarks its algorithms
  pytorch-channels-last  the same in its other memory format; the faster of the two counts
"""

import os
import subprocess
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path

from colorgan.benchmarks.training.preparation import prepare_job
from colorgan.benchmarks.training.process import MEMORY_FORMATS
from colorgan.benchmarks.training.report import report
from colorgan.benchmarks.training.turns import CPU_SIDES, GPU_SIDES, Plan, measure
from colorgan.commands.arguments import natural_int, positive_float, positive_int, worker_count
from colorgan.errors import UserError
from colorgan.files import make_room, write_json
from colorgan.nets.prototxt import GENERATOR_PROTOTXT
from colorgan.nets.runtime import check_device
from colorgan.processes import own_cores

FIND_TORCH = """
from importlib.util import find_spec
print(bool(find_spec("numpy") and find_spec("torch")))
"""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command's arguments."""
    add = parser.add_argument
    threads = os.environ.get("OMP_NUM_THREADS", str(len(own_cores())))
    add(
        "--sides",
        nargs="+",
        choices=CPU_SIDES,
        help="who takes turns (all; on a GPU, all but stock)",
    )
    add("--forward", action="store_true", help="colour faces with G instead of training")
    sizes = "faces of a batch (16 64; --forward: 1 64; on a GPU: 16 64 256)"
    add("--batch-size", nargs="+", type=positive_int, metavar="N", help=sizes)
    add("--rounds", type=positive_int, default=5, metavar="N", help="turns for each side (5)")
    images = "of a turn (as many as 32 faces take; --forward: 128; on a GPU: 2048 and 8192)"
    add("--iterations", type=positive_int, metavar="N", help=images)
    add(
        "--threads",
        type=worker_count,
        default=threads,
        metavar="N",
        help=f"threads of each side ({threads})",
    )
    net = "net of G (prototxt/generator.prototxt)"
    add("--generator", type=Path, default=GENERATOR_PROTOTXT, metavar="PROTOTXT", help=net)
    add("--size", type=positive_int, default=64, metavar="PIXELS", help="side of the faces (64)")
    add(
        "--width",
        type=positive_float,
        default=1.0,
        metavar="X",
        help="factor for G's numbers of maps (1)",
    )
    add("--gpu", type=natural_int, metavar="ID", help="compute on this GPU (on the CPU)")
    add("--tf32", action="store_true", help="with --gpu: let all sides round factors to TF32")
    workspace = "with --gpu: most memory that a convolution of ours may use as workspace"
    add("--workspace-mib", type=positive_int, metavar="N", help=workspace)
    runs = "the Python for PyTorch's sides; it needs numpy and torch (this one)"
    add("--pytorch-python", type=Path, metavar="PATH", help=runs)
    add("--json", type=Path, metavar="FILE", help="write the figures of all rounds")


def run(options: Namespace) -> None:
    """Measure each batch size, print the results, and write them if asked to."""
    check(options)
    if options.json:
        make_room(options.json, ".json")
    for library in ("OMP", "OPENBLAS"):
        os.environ[f"{library}_NUM_THREADS"] = str(options.threads)  # for the sides' processes
    plan = Plan(
        options.sides, options.rounds, options.iterations, options.pytorch_python,
        options.workspace_mib,
    )  # fmt: skip
    results = []
    for batch_size in options.batch_size:
        with tempfile.TemporaryDirectory() as folder:
            job = prepare_job(
                Path(folder), options.generator, options.forward, batch_size, options.size,
                options.width, options.gpu, options.tf32,
            )  # fmt: skip
            results.append(measure(job, plan))
        print(f"\n{report(results[-1])}\n", flush=True)
        if options.json:  # each time: the next size may take long, or run out of memory
            keep(options, results)


def keep(options: Namespace, results: list[dict]) -> None:
    """Write the settings, and the results so far."""
    settings = {k: v.name if isinstance(v, Path) else v for k, v in vars(options).items()}
    write_json(options.json, {"settings": settings, "results": results}, indent=1)


def check(options: Namespace) -> None:
    """Set the defaults that depend on others; UserError if options do not go together."""
    on_gpu = options.gpu is not None
    options.sides = options.sides or list(GPU_SIDES if on_gpu else CPU_SIDES)
    if options.batch_size is None:
        options.batch_size = [16, 64, 256] if on_gpu else [1, 64] if options.forward else [16, 64]
    if options.size < 16:
        raise UserError("--size: must be 16 pixels or more, because D halves faces four times")
    if on_gpu and "stock" in options.sides:
        raise UserError("--sides stock is for the CPU; leave it out, or leave out --gpu")
    if not on_gpu and (options.tf32 or options.workspace_mib):
        raise UserError("--tf32 and --workspace-mib are for a GPU; give --gpu, too")
    if any(name in MEMORY_FORMATS for name in options.sides):
        check_pytorch(options.pytorch_python)
    if on_gpu:
        check_device(options.gpu)


def check_pytorch(python: Path | None) -> None:
    """UserError unless `python`, or else this Python, has NumPy and PyTorch."""
    try:
        asked = [python or sys.executable, "-c", FIND_TORCH]
        found = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    except OSError as error:
        raise UserError(f"--pytorch-python {python}: {error.strerror}") from None
    if found not in ("True", "False"):
        raise UserError(f"--pytorch-python {python}: not a Python that runs here; name another")
    if found == "False" and python:
        raise UserError(f"--pytorch-python {python}: lacks numpy or torch; install both")
    if found == "False":
        raise UserError("PyTorch is not installed; pip install -r requirements-bench.txt")
