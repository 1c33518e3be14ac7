#!/usr/bin/env python3
"""Measure training on the CPU: stock Caffe, the Caffe of this project and PyTorch take turns.

Each side is a process of its own, which waits while another one works, so that other load on the
machine meets all of them. All have the nets of the same prototxt files, the same first weights, the
same faces (random ones: speed does not depend on pixels) and the same number of threads, and must
report the same losses before any clock starts. An iteration is a whole one: D's step, then G's.

  stock                  Caffe's own layers (CAFFE_CPU_ENGINE=stock)
  ours                   Caffe as built, and as CAFFE_CPU_ENGINE says where it is set
  pytorch-nchw           PyTorch, eager, float32
  pytorch-channels-last  the same with the channels innermost; the faster of the two counts

GFLOP/s are those of direct convolution, whatever a side really computes: one that needs fewer
multiplications, as Winograd's algorithm does, shows a higher figure and may pass the peak. The peak
is that of a matrix product in NumPy or PyTorch, the better of the two, measured in every round.
"""

import argparse
import ctypes
import importlib.util
import json
import math
import os
import re
import signal
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from colorgan import nets
from colorgan.batches import batch_of
from colorgan.caffe_runtime import load_caffe
from colorgan.errors import UserError, run_program
from colorgan.phases import PhaseTimes
from colorgan.steps import FAKE, REAL, GanTraining

LOSSES = ("l2", "d_real", "d_fake", "adversarial")
CHECKED_ITERATIONS = 3
# Of a relative difference. The first losses differ by 1e-7; Adam's first steps go by the gradients'
# signs, and so enlarge what is rounded about zero. A rate wrong by a tenth would be beyond it.
TOLERANCE = 1e-3
MATRIX_SIDE = 3072  # large enough for BLAS to reach its peak
SEED = 1
SPIN_SECONDS = 0.2  # OpenBLAS's and OpenMP's threads keep the cores for a while after their work
# How often an iteration goes through a net. In training: forward, backward to the gradients of the
# weights, and to those of the maps; D so on real and on generated faces, and for G without weights.
TRAINING_PASSES = {"generator": 3, "discriminator": 3 + 3 + 2}
FORWARD_PASSES = {"generator": 1, "discriminator": 0}
PRODUCT = "matrix-product"
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of malloc.h
PR_SET_PDEATHSIG = 1  # of linux/prctl.h

Outputs = dict[str, Any]  # the losses before lambda, or the coloured faces
Seconds = dict[str, float]  # an iteration's, by phase; "all" from its begin to its end


@dataclass(frozen=True)
class Job:
    """What all sides are to run.

    Attributes:
        folder: with NAME.prototxt and NAME_solver.prototxt of both nets, G's deploy.prototxt, and
            weights.npz, whose arrays are called NET/LAYER/INDEX.
        forward: whether to colour faces, with G alone, and not to train.
        shape: of the faces, (N, 3, s, s).
        layers, solvers: of both nets, as plain data for a process without Caffe.
        adversarial_weight: lambda of formulas (3) and (4).
        flop: floating-point operations an image and iteration, by net.
    """

    folder: Path
    forward: bool
    shape: tuple[int, int, int, int]
    layers: dict[str, list[dict[str, Any]]]
    solvers: dict[str, dict[str, Any]]
    adversarial_weight: float
    flop: dict[str, float]


def prepare_job(folder: Path, arguments: argparse.Namespace, batch_size: int) -> Job:
    """Write the nets, their solvers and their first weights to `folder`."""
    caffe, plain = load_caffe(), partial(MessageToDict, preserving_proto_field_name=True)
    sources = {"generator": arguments.generator, "discriminator": nets.DISCRIMINATOR_PROTOTXT}
    layers, solvers, weights, flop = {}, {}, {}, {}
    for seed, (name, source) in enumerate(sources.items(), SEED):
        net = nets.read_net(source, nets.BLOBS[name])
        fit(net, batch_size, arguments.size, arguments.width if name == "generator" else 1)
        nets.write_prototxt(folder / f"{name}.prototxt", net, source.name)
        solver_path = folder / f"{name}_solver.prototxt"
        solver = nets.read_solver(nets.SOLVERS[name])
        solver.net = str(folder / f"{name}.prototxt")
        nets.write_prototxt(solver_path, solver, nets.SOLVERS[name].name)
        nets.try_building(solver_path)
        caffe.set_random_seed(seed)
        built = caffe.Net(solver.net, caffe.TRAIN)
        weights |= first_weights(name, net, built)
        if name == "generator":
            nets.write_prototxt(folder / "deploy.prototxt", nets.deploy_form(net), source.name)
        passes = FORWARD_PASSES if arguments.forward else TRAINING_PASSES
        flop[name] = passes[name] * flop_of_a_pass(net, built)
        layers[name], solvers[name] = plain(net)["layer"], plain(solver)
    np.savez(folder / "weights.npz", **weights)
    shape, weight = (batch_size, 3, arguments.size, arguments.size), nets.adversarial_weight(net)
    return Job(folder, arguments.forward, shape, layers, solvers, weight, flop)


def fit(net: Message, batch_size: int, size: int, width: float) -> None:
    """Set the faces' number and side, and multiply the maps of all convolutions but the last."""
    nets.set_batch_size(net, batch_size)
    for layer in net.layer:
        if layer.type == "Input":
            for shape in layer.input_param.shape:
                shape.dim[2:] = [size] * len(shape.dim[2:])  # a label has none
    for layer in [layer for layer in net.layer if layer.type == "Convolution"][:-1]:
        maps = layer.convolution_param.num_output
        layer.convolution_param.num_output = max(1, round(maps * width))


def first_weights(name: str, net: Message, built: Any) -> dict[str, np.ndarray]:
    """Copies of a new net's parameters, as NET/LAYER/INDEX, with averages for its BatchNorms.

    Caffe's averages are 0 at first: each block of G would multiply by 300 in the TEST phase.
    """
    random = np.random.default_rng(SEED)
    for layer in net.layer:
        if layer.type == "BatchNorm":
            mean, variance, count = (blob.data for blob in built.params[layer.name])
            mean[...] = random.normal(0, 0.1, mean.shape)
            variance[...] = random.uniform(0.5, 1.5, variance.shape)
            count[...] = 1
    return {
        f"{name}/{layer}/{index}": blob.data.copy()
        for layer, blobs in built.params.items()
        for index, blob in enumerate(blobs)
    }


def flop_of_a_pass(net: Message, built: Any) -> float:
    """Operations for one image forward: 2 for each multiply-add of direct convolution."""
    return sum(
        2.0 * built.params[layer.name][0].data.size * math.prod(built.blobs[layer.top[0]].shape[2:])
        for layer in net.layer
        if layer.type in ("Convolution", "InnerProduct")
    )


class Side:
    """What takes its turn, in a process of its own; the parent calls `prepare` and `iterate`."""

    def prepare(self, job: Job) -> float:
        """Make what `job` needs; gives the MiB that the process had before."""
        before = memory("VmRSS")
        self.job = job
        self.times = PhaseTimes()
        self.make()
        return before

    def iterate(self, iterations: int) -> tuple[Outputs, Seconds, float]:
        """What the last iteration gave, an iteration's time, and the peak MiB of the process."""
        self.times.seconds.clear()
        with self.times.phase("all"):
            for _ in range(iterations):
                outputs = self.step()
        seconds = {phase: total / iterations for phase, total in self.times.seconds.items()}
        return outputs, seconds, memory("VmHWM")

    def make(self) -> None:
        """Make the faces and the nets of `self.job`."""
        faces = np.random.default_rng(SEED).integers(0, 256, self.job.shape, np.uint8)
        self.gray, self.batch = faces[:, 0], batch_of(faces)
        self.weights = np.load(self.job.folder / "weights.npz")
        self.make_nets()
        self.step = self.colorize if self.job.forward else self.train


def memory(field: str) -> float:
    """A figure of /proc/self/status in MiB."""
    return int(re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024


class CaffeSide(Side):
    """The project's own training step and its own way to colour, in pycaffe."""

    def __init__(self, engine: str | None = None) -> None:
        if engine:
            os.environ["CAFFE_CPU_ENGINE"] = engine  # in time for libcaffe, which reads it once
        self.caffe = load_caffe()

    def make_nets(self) -> None:
        """G's deploy net, or both solvers, as training.py makes them; all with the same weights."""
        folder = self.job.folder
        if self.job.forward:
            self.generator = self.caffe.Net(str(folder / "deploy.prototxt"), self.caffe.TEST)
            made = {"generator": self.generator}
        else:
            solvers = [folder / f"{name}_solver.prototxt" for name in nets.SOLVERS]
            self.training = GanTraining(*solvers, self.times)
            made = {player.name: player.net for player in self.training.players}
        for name, net in made.items():
            for layer, blobs in net.params.items():
                for index, blob in enumerate(blobs):
                    blob.data[...] = self.weights[f"{name}/{layer}/{index}"]

    def train(self) -> Outputs:
        """One iteration."""
        values = self.training.step(self.batch).values()
        return {name: values[name] for name in LOSSES}

    def colorize(self) -> Outputs:
        """From uint8 gray to float32 colour."""
        return {"fake": nets.generate(self.generator, self.gray)}


class TorchSide(Side):
    """The same in PyTorch, as one would write it there."""

    def __init__(self, memory_format: str) -> None:
        # Keep what is freed: PyTorch's maps are new in each iteration, and page faults cost time.
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_MAX, 0)
        libc.mallopt(M_TRIM_THRESHOLD, -1)

        import torch

        self.torch = torch
        self.memory_format = getattr(torch, memory_format)

    def make_nets(self) -> None:
        """Both nets, in the TRAIN phase, or G in the TEST phase, and their Adams."""
        self.iteration = 0
        self.nets, self.adams = {}, {}
        for name, solver in self.job.solvers.items():
            net = torch_net(self.job.layers[name], name, self.weights).train(not self.job.forward)
            self.nets[name] = net.to(memory_format=self.memory_format)
            rate, betas = solver["base_lr"], (solver["momentum"], solver["momentum2"])
            self.adams[name] = self.torch.optim.Adam(net.parameters(), rate, betas, fused=True)

    def images(self, tensor: Any) -> Any:
        """Images in this side's layout, gray ones repeated to 3 channels."""
        return tensor.expand(-1, 3, -1, -1).contiguous(memory_format=self.memory_format)

    def colorize(self) -> Outputs:
        """From uint8 gray to float32 colour."""
        with self.torch.inference_mode():
            gray = self.torch.from_numpy(self.gray)[:, None] / 255
            return {"fake": self.nets["generator"](self.images(gray)).numpy()}

    def train(self) -> Outputs:
        """Formulas (3) and (4), as in colorgan.steps.GanTraining."""
        torch, phase, weight = self.torch, self.times.phase, self.job.adversarial_weight
        self.iteration += 1
        with phase("copies"):
            gray = self.images(torch.from_numpy(self.batch.gray))
            color = self.images(torch.from_numpy(self.batch.color))
        with phase("G forward"):
            fake = self.nets["generator"](gray)

        d_real = self.judge(color, REAL)
        with phase("D backward"):
            (weight * d_real).backward()
        d_fake = self.judge(fake.detach(), FAKE)
        with phase("D backward"):
            (weight * d_fake).backward()
        self.update("discriminator")

        adversarial = self.judge(fake, REAL)
        with phase("D backward"):  # of `fake` alone: D's own gradients are not computed
            (gradient,) = torch.autograd.grad(weight * adversarial, fake)
        with phase("G forward"):
            l2 = torch.nn.functional.mse_loss(fake, color, reduction="sum") / (2 * len(fake))
        with phase("G backward"):
            torch.autograd.backward([l2, fake], [None, gradient])
        self.update("generator")
        losses = (l2, d_real, d_fake, adversarial)
        return {name: loss.item() for name, loss in zip(LOSSES, losses, strict=True)}

    def judge(self, faces: Any, label: float) -> Any:
        """D's loss on faces called real or fake, before lambda."""
        with self.times.phase("D forward"):
            score = self.nets["discriminator"](faces)
            labels = self.torch.full_like(score, label)
            return self.torch.nn.functional.binary_cross_entropy_with_logits(score, labels)

    def update(self, name: str) -> None:
        """One Adam step; Caffe adds delta to sqrt(v), PyTorch eps to sqrt(v / (1 - beta2^t))."""
        with self.times.phase(f"{name[0].upper()} update"):
            adam, solver = self.adams[name], self.job.solvers[name]
            eps = solver["delta"] / math.sqrt(1 - solver["momentum2"] ** self.iteration)
            adam.param_groups[0]["eps"] = eps
            adam.step()
            adam.zero_grad(set_to_none=True)


def torch_net(layers: list[dict[str, Any]], name: str, weights: dict[str, np.ndarray]) -> Any:
    """The torch.nn.Sequential of a chain of Caffe layers, without its losses."""
    import torch
    from torch import nn

    modules: list[nn.Module] = []
    for layer in layers:
        prefix = f"{name}/{layer['name']}/"
        blobs = [torch.from_numpy(weights[key]) for key in weights if key.startswith(prefix)]
        match layer["type"]:
            case "Input" | "Split" | "EuclideanLoss" | "SigmoidCrossEntropyLoss":
                continue
            case "Convolution":
                given = layer["convolution_param"]
                stride, pad = given.get("stride", [1])[0], given.get("pad", [0])[0]
                maps, inputs, *kernel = blobs[0].shape
                modules.append(nn.Conv2d(inputs, maps, kernel, stride, pad, bias=len(blobs) > 1))
            case "InnerProduct":
                outputs, inputs = blobs[0].shape
                modules += [nn.Flatten(), nn.Linear(inputs, outputs, bias=len(blobs) > 1)]
            case "BatchNorm":
                given, (mean, variance, count) = layer.get("batch_norm_param", {}), blobs
                momentum = 1 - given.get("moving_average_fraction", 0.999)
                norm = nn.BatchNorm2d(len(mean), given.get("eps", 1e-5), momentum)
                norm.running_mean.copy_(mean / count)
                norm.running_var.copy_(variance / count)
                modules.append(norm)
                continue
            case "Scale":
                pass  # PyTorch's BatchNorm2d has its weights
            case "ReLU":
                slope = layer.get("relu_param", {}).get("negative_slope", 0)
                modules.append(nn.LeakyReLU(slope, True) if slope else nn.ReLU(True))  # in place
            case "Sigmoid":
                modules.append(nn.Sigmoid())
            case unknown:
                raise UserError(f"{name}: layer {layer['name']}: PyTorch's side has no {unknown}")
        for parameter, blob in zip(modules[-1].parameters(), blobs, strict=True):
            parameter.data.copy_(blob)
    return nn.Sequential(*modules)


class MatrixProduct(Side):
    """The yardstick: a product of two float32 matrices in each library."""

    def make(self) -> None:
        """Make the matrices, and warm up."""
        left, right = np.random.default_rng(SEED).random((2, MATRIX_SIDE, MATRIX_SIDE), np.float32)
        self.products = {"NumPy": partial(np.matmul, left, right)}
        if has_torch():
            import torch

            tensors = torch.from_numpy(left), torch.from_numpy(right)
            self.products["PyTorch"] = partial(torch.matmul, *tensors)
        self.step()

    def step(self) -> Outputs:
        """One product in each library, which is a phase."""
        for library, product in self.products.items():
            with self.times.phase(library):
                product()
        return {}


def has_torch() -> bool:
    """Whether PyTorch is installed."""
    return importlib.util.find_spec("torch") is not None


SIDES = {
    "stock": partial(CaffeSide, engine="stock"),
    "ours": CaffeSide,
    "pytorch-nchw": partial(TorchSide, "contiguous_format"),
    "pytorch-channels-last": partial(TorchSide, "channels_last"),
    PRODUCT: MatrixProduct,
}


class Child:
    """A side in its process, which works only while it is asked something."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._pool = ProcessPoolExecutor(1, get_context("spawn"), start_side, (name,))
        self.end = self._pool.shutdown

    def ask(self, method: str, argument: Any) -> Any:
        """Call a method of the side; UserError where its process dies, which is Caffe's way."""
        time.sleep(SPIN_SECONDS)
        try:
            return self._pool.submit(ask_side, method, argument).result()
        except BrokenProcessPool:
            raise UserError(f"{self.name}: its process died; was there memory enough?") from None


def start_side(name: str) -> None:
    """The begin of a child: make it the side of that name."""
    global side
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent takes Ctrl-C, and ends its children
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # nor do they outlive a killed one
    side = SIDES[name]()


def ask_side(method: str, argument: Any) -> Any:
    """In the child: call a method of its side."""
    return getattr(side, method)(argument)


def measure(job: Job, arguments: argparse.Namespace) -> dict[str, Any]:
    """Check that the sides agree, then have them take turns; gives all figures of a batch size."""
    batch_size = job.shape[0]
    iterations = arguments.iterations or max(1, (128 if job.forward else 32) // batch_size)
    with ExitStack() as stack:
        children = {name: Child(name) for name in [*arguments.sides, PRODUCT]}
        for child in children.values():
            stack.callback(child.end)
        before = {name: child.ask("prepare", job) for name, child in children.items()}
        product = children.pop(PRODUCT)
        largest = 0.0
        for _ in range(CHECKED_ITERATIONS):
            outputs = {name: child.ask("iterate", 1)[0] for name, child in children.items()}
            largest = max(largest, difference(outputs))
        peak_gflops, seconds, memory_mib = [], {name: [] for name in children}, {}
        for number in range(1, arguments.rounds + 1):
            product_seconds = product.ask("iterate", 1)[1]
            del product_seconds["all"]
            peak_gflops.append({k: 2e-9 * MATRIX_SIDE**3 / t for k, t in product_seconds.items()})
            for name, child in children.items():
                _, turn, peak_mib = child.ask("iterate", iterations)
                seconds[name].append(turn)
                memory_mib[name] = {"before": before[name], "peak": peak_mib}
            rates = (f"{name} {batch_size / t[-1]['all']:.2f}/s" for name, t in seconds.items())
            print(f"round {number}: {', '.join(rates)}", file=sys.stderr, flush=True)
    return {
        "batch_size": batch_size,
        "flop_per_image": job.flop,
        "iterations": iterations,
        "largest_difference": largest,
        "peak_gflops": peak_gflops,
        "seconds": seconds,
        "memory_mib": memory_mib,
    }


def difference(outputs: dict[str, Outputs]) -> float:
    """The largest relative difference of any value from the first side's.

    Of faces it is the largest difference over the largest value. UserError over TOLERANCE.
    """
    (first, expected), *others = outputs.items()
    largest = 0.0
    for name, given in others:
        for key, value in given.items():
            found = float(np.max(np.abs(value - expected[key])) / np.max(np.abs(expected[key])))
            if not found <= TOLERANCE:  # nor if it is no number
                raise UserError(
                    f"{name} and {first} disagree on {key}: a relative difference of {found:.1e}, "
                    f"where {TOLERANCE:.0e} is allowed"
                )
            largest = max(largest, found)
    return largest


def report(result: dict[str, Any]) -> str:
    """The figures of one batch size: medians of the rounds, and the ratios' extremes."""
    batch_size, memory_mib = result["batch_size"], result["memory_mib"]
    flop = {name: count / 1e9 for name, count in result["flop_per_image"].items() if count}
    gflop = sum(flop.values())
    phases = {
        name: {phase: np.array([turn[phase] for turn in turns]) for phase in turns[0]}
        for name, turns in result["seconds"].items()
    }
    rates = {name: batch_size / seconds["all"] for name, seconds in phases.items()}
    peak = np.array([max(peaks.values()) for peaks in result["peak_gflops"]])
    lines = [
        f"batch {batch_size}: {gflop:.2f} GFLOP an image and iteration ("
        + ", ".join(f"{name} {count:.2f}" for name, count in flop.items())
        + ")",
        f"largest relative difference between the {len(rates)} sides in {CHECKED_ITERATIONS} "
        f"iterations: {result['largest_difference']:.1e}, allowed {TOLERANCE:.0e}",
        f"matrix products of side {MATRIX_SIDE}: {median(peak):.0f} GFLOP/s",
        "",
        f"{'':21}{'images/s':>10}{'ms':>10}{'GFLOP/s':>10}{'of peak':>10}{'peak MiB':>10}"
        f"{'without nets':>14}",
    ]
    for name, rate in rates.items():
        lines.append(
            f"{name:21}{median(rate):10.2f}{1e3 * batch_size / median(rate):10.1f}"
            f"{median(rate) * gflop:10.1f}{median(rate * gflop / peak):10.0%}"
            f"{memory_mib[name]['peak']:10.0f}{memory_mib[name]['before']:14.0f}"
        )
    lines += ["", f"{'ms an iteration':15}" + "".join(f"{name:>23}" for name in phases)]
    for phase in next(iter(phases.values())):
        row = (f"{1e3 * median(seconds[phase]):23.1f}" for seconds in phases.values())
        lines.append(f"{phase:15}{''.join(row)}")
    lines.append("")
    pytorch = sorted((n for n in rates if n.startswith("pytorch")), key=lambda n: -median(rates[n]))
    if "ours" in rates:
        for name in [*pytorch[:1], *(n for n in rates if n == "stock")]:
            ratio = rates["ours"] / rates[name]
            spread = f"{ratio.min():.2f} to {ratio.max():.2f}"
            lines.append(f"ours / {name}: {median(ratio):.2f} of the images/s ({spread})")
        if "stock" in rates:
            ratio = memory_mib["ours"]["peak"] / memory_mib["stock"]["peak"]
            lines.append(f"ours / stock: {ratio:.2f} of the peak memory")
    return "\n".join(lines)


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    names = [name for name in SIDES if name != PRODUCT]
    threads = os.environ.get("OMP_NUM_THREADS", str(len(os.sched_getaffinity(0))))
    add("--sides", nargs="+", choices=names, default=names, help="(all four)")
    add("--forward", action="store_true", help="colour faces with G alone, do not train")
    add("--batch-size", nargs="+", type=positive_int, metavar="N", help="(16 64; forward: 1 64)")
    add("--rounds", type=positive_int, default=5, metavar="N", help="turns of each side (5)")
    add("--iterations", type=positive_int, metavar="N", help="a turn (32 images'; forward: 128)")
    add("--threads", type=positive_int, default=threads, metavar="N", help=f"({threads})")
    add("--generator", type=Path, default=nets.GENERATOR_PROTOTXT, metavar="PROTOTXT")
    add("--size", type=positive_int, default=64, metavar="PIXELS", help="side of the faces (64)")
    add("--width", type=positive_float, default=1.0, metavar="X", help="times G's map counts (1)")
    add("--json", type=Path, metavar="FILE", help="write the figures of all rounds")
    arguments = parser.parse_args()
    arguments.batch_size = arguments.batch_size or ([1, 64] if arguments.forward else [16, 64])
    return arguments


def positive_int(text: str) -> int:
    """A number of things; argparse reports the ValueError."""
    if (value := int(text)) < 1:
        raise ValueError
    return value


def positive_float(text: str) -> float:
    """A factor; argparse reports the ValueError."""
    if not 0 < (value := float(text)) < math.inf:
        raise ValueError
    return value


def main() -> None:
    """Measure each batch size and print what was found."""
    arguments = parse_arguments()
    if arguments.size < 16:
        raise UserError("--size: 16 pixels or more, because D halves the faces four times")
    if any(name.startswith("pytorch") for name in arguments.sides) and not has_torch():
        raise UserError("PyTorch is not installed: pip install -r requirements-bench.txt")
    for library in ("OMP", "OPENBLAS"):
        os.environ[f"{library}_NUM_THREADS"] = str(arguments.threads)  # the children's libraries'
    results = []
    for batch_size in arguments.batch_size:
        with tempfile.TemporaryDirectory() as folder:
            results.append(measure(prepare_job(Path(folder), arguments, batch_size), arguments))
        print(f"\n{report(results[-1])}\n", flush=True)
    if arguments.json:
        settings = {k: v.name if isinstance(v, Path) else v for k, v in vars(arguments).items()}
        document = json.dumps({"settings": settings, "results": results}, indent=1)
        try:
            arguments.json.write_text(document)
        except OSError as error:
            raise UserError(f"{arguments.json}: cannot be written ({error.strerror})") from None


if __name__ == "__main__":
    sys.exit(run_program(main))
