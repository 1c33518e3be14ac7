"""Draws how many times as fast several processes train, by batch and link."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from colorgan.benchmarks.scaling.model import COUNTS, Cluster, clusters
from colorgan.benchmarks.scaling.report import BATCHES, SHARE
from colorgan.benchmarks.scaling.turns import Measured
from colorgan.measuring.figures.canvas import BLUE, GRAY, ORANGE, STYLE, drawn

# A cluster's name begins with a key of COLORS and ends with one of LINE_STYLES.
LINE_STYLES = {"1 Gbit/s": ":", "100 Gbit/s": "--", "NVLink": "-"}
COLORS = {"a core": BLUE, "H100": ORANGE}


def scaling_figure(measured: Measured, quality: Mapping[int, float]) -> np.ndarray:
    """Draw the speed of 1 to 64 processes as a uint8 BGR picture `(h, w, 3)`.

    `quality` has the best PSNR, in dB, of trainings with a batch size; titles show it where there
    is one. Dots are measurements, hollow ones with more processes than cores.
    """
    lines = clusters(measured)
    with rc_context(STYLE):
        figure = Figure(figsize=(9, 7.4), layout="constrained")
        for place, batch in enumerate(BATCHES, start=1):
            axes = figure.add_subplot(2, 2, place)
            gained = f" ({quality[batch]:.1f} dB)" if batch in quality else ""
            axes.set_title(f"a batch of {batch}{gained}, shared")
            counts = [n for n in COUNTS if n <= batch]
            _draw(axes, lines, counts, partial(Cluster.speedup, batch_size=batch))
            if batch == measured.batch_size:
                _draw_measured(axes, measured)
        axes = figure.add_subplot(2, 2, 4)
        axes.set_title(f"{SHARE} faces each: batches of {SHARE} to {SHARE * COUNTS[-1]:,}")
        _draw(axes, lines, COUNTS, partial(Cluster.speedup_of_shares, share=SHARE))
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
        return drawn(figure)


def _draw(
    axes: Axes,
    lines: Mapping[str, Cluster],
    counts: Sequence[int],
    speed: Callable[[Cluster, int], float],
) -> None:
    axes.plot(counts, counts, color=GRAY, linewidth=0.8, label="N times one process")
    for name, cluster in lines.items():
        kind, link = name.split(", ")
        speeds = [speed(cluster, n) for n in counts]
        axes.plot(counts, speeds, LINE_STYLES[link], color=COLORS[kind], label=name)
    for scale, ticks in (("x", counts), ("y", (0.5, *COUNTS))):
        getattr(axes, f"set_{scale}scale")("log", base=2)
        getattr(axes, f"set_{scale}ticks")(ticks, [str(n) for n in ticks])
    axes.set_ylim(0.3, 80)
    axes.set_xlabel("processes")
    axes.set_ylabel("times one process's faces a second")


def _draw_measured(axes: Axes, measured: Measured) -> None:
    batch = measured.batch_size
    alone = measured.point(1, batch).best.iteration
    for point in measured.points:
        if point.processes > 1 and point.processes * point.share == batch:
            enough = point.processes <= measured.cores
            times = alone / point.best.iteration
            axes.plot(point.processes, times, "o", color=BLUE, mfc=BLUE if enough else "white")
