"""Ways to colour compared: how good they are against how many points a person sets."""

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from colorgan.measuring.figures.canvas import BLUE, GRAY, GREEN, ORANGE, STYLE, drawn

COLORS = {"strokes": BLUE, "best_strokes": ORANGE, "best": ORANGE, "nearest": GREEN, "random": GRAY}


def methods_figure(result: dict) -> np.ndarray:
    """Draw what `compare_methods` gives: a uint8 BGR picture `(h, w, 3)`.

    Methods without points are dashed lines.
    """
    panels = {
        "PSNR (dB)": lambda row: row["psnr"]["mean"],
        "CIEDE2000": lambda row: row["ciede2000"]["mean"],
        "Colourfulness / originals'": lambda row: row["colorfulness_ratio"],
    }
    with rc_context(STYLE):
        figure = Figure(figsize=(9, 3.4), layout="constrained")
        for position, (title, value) in enumerate(panels.items(), start=1):
            axes = figure.add_subplot(1, len(panels), position)
            for key, color in COLORS.items():
                rows = [row for row in result["methods"] if row["key"] == key]
                _draw(axes, rows, [value(row) for row in rows], color)
            counts = sorted({row["points"] for row in result["methods"]} - {None})
            axes.set_xscale("symlog", linthresh=1)
            axes.set_xlim(-0.2, 1.2 * counts[-1])
            axes.set_xticks(counts, [str(count) for count in counts])
            axes.minorticks_off()
            axes.set_title(title)
            axes.set_xlabel("points")
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=5)
        return drawn(figure)


def _draw(axes: Axes, rows: list[dict], values: list[float], color: str) -> None:
    label = rows[0]["name"].replace("`", "")
    if rows[0]["points"] is None:
        axes.axhline(values[0], label=label, color=color, linestyle="--")
    else:
        points = [row["points"] for row in rows]
        axes.plot(points, values, label=label, color=color, marker=".")
