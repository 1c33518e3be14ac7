"""Measure training on the CPU: stock Caffe, the Caffe of this project and PyTorch take turns.

All have the same nets, first weights, faces and threads, and must report the same losses before any
clock starts. An iteration is a whole one: D's step, then G's.

  stock                  Caffe's own layers (CAFFE_CPU_ENGINE=stock)
  ours                   Caffe as built, and as CAFFE_CPU_ENGINE says where it is set
  pytorch-nchw           PyTorch, eager, float32
  pytorch-channels-last  the same with the channels innermost; the faster of the two counts
"""

import json
import os
import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path

from colorgan.benchmarks.training.job import prepare_job
from colorgan.benchmarks.training.report import report
from colorgan.benchmarks.training.sides import has_torch
from colorgan.benchmarks.training.turns import PRODUCT, SIDES, measure
from colorgan.commands.arguments import positive_float, positive_int
from colorgan.errors import UserError
from colorgan.files import write_whole
from colorgan.nets.prototxt import GENERATOR_PROTOTXT


def add_arguments(parser: ArgumentParser) -> None:
    """What the command takes."""
    add = parser.add_argument
    names = [name for name in SIDES if name != PRODUCT]
    threads = os.environ.get("OMP_NUM_THREADS", str(len(os.sched_getaffinity(0))))
    add("--sides", nargs="+", choices=names, default=names, help="(all four)")
    add("--forward", action="store_true", help="colour faces with G alone, do not train")
    add("--batch-size", nargs="+", type=positive_int, metavar="N", help="(16 64; forward: 1 64)")
    add("--rounds", type=positive_int, default=5, metavar="N", help="turns of each side (5)")
    add("--iterations", type=positive_int, metavar="N", help="a turn (32 images'; forward: 128)")
    add("--threads", type=positive_int, default=threads, metavar="N", help=f"({threads})")
    add("--generator", type=Path, default=GENERATOR_PROTOTXT, metavar="PROTOTXT")
    add("--size", type=positive_int, default=64, metavar="PIXELS", help="side of the faces (64)")
    add("--width", type=positive_float, default=1.0, metavar="X", help="times G's map counts (1)")
    add("--json", type=Path, metavar="FILE", help="write the figures of all rounds")


def run(options: Namespace) -> None:
    """Measure each batch size and print what was found."""
    options.batch_size = options.batch_size or ([1, 64] if options.forward else [16, 64])
    if options.size < 16:
        raise UserError("--size: 16 pixels or more, because D halves the faces four times")
    if any(name.startswith("pytorch") for name in options.sides) and not has_torch():
        raise UserError("PyTorch is not installed: pip install -r requirements-bench.txt")
    for library in ("OMP", "OPENBLAS"):
        os.environ[f"{library}_NUM_THREADS"] = str(options.threads)  # the children's libraries'
    results = []
    for batch_size in options.batch_size:
        with tempfile.TemporaryDirectory() as folder:
            job = prepare_job(
                Path(folder), options.generator, options.forward, batch_size, options.size,
                options.width,
            )  # fmt: skip
            results.append(measure(job, options.sides, options.rounds, options.iterations))
        print(f"\n{report(results[-1])}\n", flush=True)
    if options.json:
        settings = {k: v.name if isinstance(v, Path) else v for k, v in vars(options).items()}
        document = json.dumps({"settings": settings, "results": results}, indent=1)
        write_whole(options.json, document.encode())
