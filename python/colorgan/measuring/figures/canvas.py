"""What all figures share: style, colours, and how one becomes a picture or a PNG."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from colorgan.files import write_whole

STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.parse_math": False,  # names that people give may have a $
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.titley": 1.0,  # matplotlib would look for ticks above the axes, and draw them for that
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.3,
    "legend.frameon": False,
    "figure.dpi": 130,
}
BLUE, ORANGE, GREEN, GRAY = "#1f5fa8", "#d1661f", "#2d8a57", "#8a8a8a"
RUN_COLORS = (BLUE, ORANGE, GREEN, GRAY, "#7a4fa0", "#b0912a")  # of runs that are compared


def drawn(figure: Figure) -> np.ndarray:
    """A matplotlib figure, drawn, as a uint8 BGR picture."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return cv2.cvtColor(np.asarray(canvas.buffer_rgba()), cv2.COLOR_RGBA2BGR)


def save_png(path: Path, picture: np.ndarray) -> None:
    """Write a uint8 BGR `(h, w, 3)` picture; `path` is replaced whole or stays as it was."""
    write_whole(path, png(picture))


def png(picture: np.ndarray) -> bytes:
    """A uint8 BGR `(h, w, 3)` picture as the content of a PNG file."""
    small = [cv2.IMWRITE_PNG_COMPRESSION, 6]  # half of what OpenCV's default takes
    return cv2.imencode(".png", picture, small)[1].tobytes()
