"""The figures of one batch size, in lines to read.

GFLOP/s are those of direct convolution, whatever a side really computes: one that needs fewer
multiplications, as Winograd's algorithm does, shows a higher figure and may pass the peak. The peak
is that of a matrix product in NumPy or PyTorch, the better of the two, measured in every round.
"""

from statistics import median
from typing import Any

import numpy as np

from colorgan.benchmarks.training.sides import MATRIX_SIDE
from colorgan.benchmarks.training.turns import CHECKED_ITERATIONS, TOLERANCE


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
