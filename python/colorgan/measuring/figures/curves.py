"""Curves over the iterations: of one training, from its log, and of several beside each other."""

import itertools
from collections.abc import Mapping

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter

from colorgan.measuring.figures.canvas import (
    BLUE,
    GRAY,
    GREEN,
    ORANGE,
    RUN_COLORS,
    STYLE,
    drawn,
)

PANEL_INCHES = 2.4  # height of one of the training curves' panels, with its title and labels

# Panels of the training curves: title, whether the axis is logarithmic, and (log key, label,
# color) of each line. The losses are means without their weight lambda.
CURVE_PANELS = (
    ("L2 loss of G", True, (("l2", "model", BLUE),)),
    (
        "Adversarial losses",
        False,
        (
            ("adversarial", "G, generated", BLUE),
            ("d_real", "D, real", GREEN),
            ("d_fake", "D, generated", ORANGE),
        ),
    ),
    (
        "Mean score of D",
        False,
        (("score_real", "real faces", GREEN), ("score_fake", "generated faces", ORANGE)),
    ),
    (
        "Gradient norms at G's output",
        True,
        (("grad_l2", "L2", BLUE), ("grad_adversarial", "lambda x adversarial", ORANGE)),
    ),
    (
        "Validation PSNR (dB)",
        False,
        (("val_psnr", "model", BLUE), ("val_average_psnr", "average of weights", ORANGE)),
    ),
    (
        "Validation colourfulness",
        False,
        (
            ("val_colorfulness", "model", BLUE),
            ("val_average_colorfulness", "average of weights", ORANGE),
        ),
    ),
)


def curves_figure(records: list[dict], l2_records: list[dict] | None = None) -> np.ndarray:
    """Draw the curves of a run's log (`log.jsonl`'s records).

    `l2_records`, the log of a run with L2 alone, is drawn dashed where both runs have the value.
    Panels without a value are left out, such as D's in a run without D, and the gradients' where G
    learns nothing from L2.
    """
    runs: list[tuple[list[dict], str | None]] = [(records, None)]
    if l2_records:
        runs.append((l2_records, "L2 alone"))
    panels = [
        (title, logarithmic, lines)
        for title, logarithmic, lines in CURVE_PANELS
        if any(_can_be_drawn(records, key, logarithmic) for key, *_ in lines)
    ]
    columns = 2
    rows = max(1, -(-len(panels) // columns))
    with rc_context(STYLE):
        figure = Figure(figsize=(9, PANEL_INCHES * rows))
        _lay_out(figure)
        for position, (title, logarithmic, lines) in enumerate(panels, start=1):
            axes = figure.add_subplot(rows, columns, position)
            _draw_panel(axes, runs, lines)
            axes.set_title(title)
            axes.locator_params(axis="x", integer=True)  # before a logarithmic y, which has none
            if logarithmic:
                axes.set_yscale("log")
                axes.yaxis.set_major_formatter(PlainLogFormatter())
                axes.yaxis.set_minor_formatter(PlainLogFormatter())
            if title.startswith("Mean score") and _are_probabilities(axes):
                axes.set_ylim(0, 1)
            if len(axes.lines) > 1:
                _add_legend(axes)
            if position > len(panels) - columns:
                axes.set_xlabel("iteration")
        return drawn(figure)


def _lay_out(figure: Figure) -> None:
    """Leave room for titles and labels, in inches.

    matplotlib can find out how much they need, by drawing everything twice before: that took longer
    than all else in a short run.
    """
    width, height = figure.get_size_inches()
    left, between, right, bottom, top = 0.6, 0.85, 0.25, 0.45, 0.3
    across = (width - left - between - right) / 2
    down = PANEL_INCHES - bottom - top
    figure.subplots_adjust(
        left=left / width, right=1 - right / width, wspace=between / across,
        bottom=bottom / height, top=1 - top / height, hspace=(bottom + top) / down,
    )  # fmt: skip


class PlainLogFormatter(LogFormatter):
    """The ticks that LogFormatter labels, as plain numbers: 0.2 and not 2e-01."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        """Return a tick's label, empty where it has none."""
        return f"{x:g}" if super().__call__(x, pos) else ""


def _are_probabilities(axes: Axes) -> bool:
    """Whether all that is drawn lies in [0, 1]: a critic's scores do not."""
    low, high = axes.dataLim.intervaly
    return low >= 0 and high <= 1


def _can_be_drawn(records: list[dict], key: str, logarithmic: bool) -> bool:
    """Whether a value is logged, and on a logarithmic axis, positive somewhere."""
    return any(key in record and (record[key] > 0 or not logarithmic) for record in records)


def _draw_panel(
    axes: Axes,
    runs: list[tuple[list[dict], str | None]],
    lines: tuple[tuple[str, str, str], ...],
) -> None:
    for records, other_label in runs:
        for key, label, color in lines:
            points = [(r["iteration"], r[key]) for r in records if key in r]
            if not points or (other_label and not _is_shared(key)):
                continue
            axes.plot(
                *zip(*points, strict=True),
                label=other_label or label,
                color=GRAY if other_label else color,
                linestyle="--" if other_label else "-",
                marker="." if len(points) < 40 else None,
                markersize=4,
            )


def _add_legend(axes: Axes) -> None:
    """Add a legend in one row, and room for it above the lines, which it would hide."""
    scale = axes.yaxis.get_transform()
    low, high = scale.transform(axes.get_ylim())
    axes.set_ylim(top=float(scale.inverted().transform(high + 0.22 * (high - low))))
    axes.legend(fontsize=8, loc="upper right", ncols=len(axes.lines), handlelength=1.5)


def _is_shared(key: str) -> bool:
    """Whether a second run's line is drawn beside the first's: where each has just one."""
    return key in ("l2", "val_psnr", "val_colorfulness")


def compared_curves(
    panels: Mapping[str, Mapping[str, tuple[np.ndarray, np.ndarray]]],
) -> np.ndarray:
    """Draw curves of several runs, one panel below the other.

    `panels` maps a panel's title to its curves by label, each iterations and values, both `(n,)`. A
    label has one colour in all panels; a panel without curves is left out. Returns a uint8 BGR
    picture `(h, w, 3)`.
    """
    panels = {title: curves for title, curves in panels.items() if curves}
    labels = dict.fromkeys(label for curves in panels.values() for label in curves)
    colors = dict(zip(labels, itertools.cycle(RUN_COLORS), strict=False))
    with rc_context(STYLE):
        figure = Figure(figsize=(9, 2.6 * len(panels)), layout="constrained")
        for position, (title, curves) in enumerate(panels.items(), start=1):
            axes = figure.add_subplot(len(panels), 1, position)
            for label, (iterations, values) in curves.items():
                marker = "." if len(values) < 40 else None
                axes.plot(iterations, values, label=label, color=colors[label], marker=marker)
            axes.set_title(title)
            axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
        axes.set_xlabel("iteration")
        return drawn(figure)
