"""The figures of one batch size, as text.

GFLOP/s count the operations of direct convolution, whatever a side really computes. An algorithm
that needs fewer multiplications, such as Winograd's, has a higher figure and may exceed the peak.
The peak is the speed of a matrix product, measured in every round: on the CPU in NumPy or PyTorch,
whichever is faster, on a GPU in PyTorch.
"""

from collections import defaultdict
from collections.abc import Iterator
from statistics import median
from typing import Any

import numpy as np

from colorgan.benchmarks.training.turns import CHECKED_ITERATIONS, TF32_TOLERANCE, TOLERANCE
from colorgan.benchmarks.training.yardstick import GPU_MATRIX_SIDE, MATRIX_SIDE

Rates = dict[str, np.ndarray]  # images per second in each round, by side


def report(result: dict[str, Any]) -> str:
    """The figures of one batch size: medians over the rounds, and the range of ratios."""
    batch_size = result["batch_size"]
    flop = {name: count / 1e9 for name, count in result["flop_per_image"].items() if count}
    rates = {
        name: batch_size / np.array([turn["all"] for turn in turns])
        for name, turns in result["seconds"].items()
    }
    allowed = TF32_TOLERANCE if result.get("tf32") else TOLERANCE
    lines = [
        f"batch {batch_size}: {sum(flop.values()):.2f} GFLOP an image and iteration ("
        + ", ".join(f"{name} {count:.2f}" for name, count in flop.items())
        + ")",
        f"largest relative difference between the {len(rates)} sides in {CHECKED_ITERATIONS} "
        f"iterations: {result['largest_difference']:.1e}, allowed {allowed:.0e}",
    ]
    parts = gpu_lines if "gpu" in result else cpu_lines
    return "\n".join([*lines, *parts(result, rates, sum(flop.values()))])


def cpu_lines(result: dict[str, Any], rates: Rates, gflop: float) -> Iterator[str]:
    """Speed, memory and phases of each side on the CPU."""
    batch_size, memory_mib = result["batch_size"], result["memory_mib"]
    peak = np.array([max(peaks.values()) for peaks in result["peak_gflops"]])
    yield f"matrix products of side {MATRIX_SIDE}: {median(peak):.0f} GFLOP/s"
    yield ""
    yield (
        f"{'':21}{'images/s':>10}{'ms':>10}{'GFLOP/s':>10}{'of peak':>10}{'peak MiB':>10}"
        f"{'without nets':>14}"
    )
    for name, rate in rates.items():
        yield (
            f"{name:21}{median(rate):10.2f}{1e3 * batch_size / median(rate):10.1f}"
            f"{median(rate) * gflop:10.1f}{median(rate * gflop / peak):10.0%}"
            f"{memory_mib[name]['peak']:10.0f}{memory_mib[name]['before']:14.0f}"
        )
    phases = result["seconds"]
    yield ""
    yield f"{'ms an iteration':15}" + "".join(f"{name:>23}" for name in phases)
    for phase in next(iter(phases.values()))[0]:  # PyTorch lacks some of Caffe's phases
        row = (f"{1e3 * median(t.get(phase, 0) for t in turns):23.1f}" for turns in phases.values())
        yield f"{phase:15}{''.join(row)}"
    yield ""
    yield from ratios(rates)
    if {"ours", "stock"} <= rates.keys():
        ratio = memory_mib["ours"]["peak"] / memory_mib["stock"]["peak"]
        yield f"ours / stock: {ratio:.2f} of the peak memory"


def gpu_lines(result: dict[str, Any], rates: Rates, gflop: float) -> Iterator[str]:
    """Speed and memory of each side on a GPU, and the time of our Caffe by type of layer."""
    batch_size, memory_mib = result["batch_size"], result["memory_mib"]
    peak = np.array([each["product"] for each in result["rates"]]) / 1e9
    yield f"{result['gpu']}, {'TF32' if result['tf32'] else 'float32 without TF32'}"
    if peak.size:
        copy = median(each["copy"] for each in result["rates"])
        yield (
            f"matrix products of side {GPU_MATRIX_SIDE}: {median(peak) / 1e3:.1f} TFLOP/s; "
            f"copies: {copy / 1e12:.2f} TB/s"
        )
    yield ""
    yield (
        f"{'':21}{'images/s':>10}{'ms':>10}{'TFLOP/s':>10}{'of peak':>10}{'card MiB':>10}"
        f"{'of it CUDA':>12}{'peak of tensors':>17}"
    )
    for name, rate in rates.items():
        share = f"{median(rate * gflop / peak):10.0%}" if peak.size else f"{'-':>10}"
        memory = memory_mib[name]
        tensors = f"{memory['tensors']:17.0f}" if "tensors" in memory else f"{'-':>17}"
        yield (
            f"{name:21}{median(rate):10.0f}{1e3 * batch_size / median(rate):10.2f}"
            f"{median(rate) * gflop / 1e3:10.2f}{share}{memory['card']:10.0f}{memory['cuda']:12.0f}"
            + tensors
        )
    yield ""
    yield from ratios(rates)
    if result["layers"]:
        yield ""
        yield from layer_lines(result["layers"])


def ratios(rates: Rates) -> Iterator[str]:
    """Ratios of the project's Caffe to the faster side of PyTorch, and to stock Caffe."""
    pytorch = sorted((n for n in rates if n.startswith("pytorch")), key=lambda n: -median(rates[n]))
    for name in [*pytorch[:1], *(n for n in rates if n == "stock")] if "ours" in rates else []:
        ratio = rates["ours"] / rates[name]
        spread = f"{ratio.min():.2f} to {ratio.max():.2f}"
        yield f"ours / {name}: {median(ratio):.2f} of the images/s ({spread})"


def layer_lines(layers: list[dict[str, Any]]) -> Iterator[str]:
    """Milliseconds forward and backward, summed over a net's layers of each type."""
    totals: dict[tuple[str, str], np.ndarray] = defaultdict(lambda: np.zeros(2))
    for row in layers:
        times = [1e3 * row[which] for which in ("forward", "backward") if which in row]
        totals[row["net"], row["type"]] += np.array([*times, 0.0])[:2]
    yield f"{'ms, each layer by itself':47}{'forward':>10}{'backward':>10}"
    for (net, kind), (forward, backward) in totals.items():
        yield f"{net:15}{kind:32}{forward:10.3f}{backward:10.3f}"
