"""Two public-domain portraits: gray, coloured, and the original.

The photographs are NASA's of Eileen Collins, which scikit-image ships, and the US Navy's of Grace
Hopper, which matplotlib ships. They are read from the installed packages.
"""

import io
from pathlib import Path

import cv2
import numpy as np
import skimage.data
from matplotlib import get_data_path
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from colorgan.files import write_whole
from colorgan.photos.coloring.colorizer import Colorizer

SHOWN_WIDTH, DPI = 400, 100
CAPTIONS = ("gray", "faces coloured", "with --whole", "original")


def photographs() -> list[np.ndarray]:
    """The originals, uint8 BGR `(h, w, 3)`."""
    hopper = Path(get_data_path()) / "sample_data" / "grace_hopper.jpg"
    return [skimage.data.astronaut()[..., ::-1].copy(), cv2.imread(str(hopper))]


def versions(colorizer: Colorizer, original: np.ndarray) -> list[np.ndarray]:
    """What is drawn under each caption, BGR."""
    gray = cv2.cvtColor(original, cv2.COLOR_BGR2GRAY)
    colored = [colorizer.colorize(gray, whole=whole) for whole in (False, True)]
    return [cv2.merge([gray] * 3), *colored, original]


def draw(rows: list[list[np.ndarray]]) -> bytes:
    """A grid of pictures with captions above the first row, as a JPEG."""
    heights = [row[0].shape[0] / row[0].shape[1] for row in rows]
    columns, width = len(CAPTIONS), SHOWN_WIDTH / DPI
    size = columns * width, sum(heights) * width + 0.3
    layout = ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02, hspace=0, wspace=0)
    figure = Figure(size, dpi=DPI, layout=layout)
    axes = figure.subplots(len(rows), columns, height_ratios=heights)
    for pictures, line in zip(rows, axes, strict=True):
        for picture, cell in zip(pictures, line, strict=True):
            cell.imshow(picture[..., ::-1])
            cell.set_axis_off()
    for cell, caption in zip(axes[0], CAPTIONS, strict=True):
        cell.set_title(caption, fontsize=11)
    content = io.BytesIO()
    figure.savefig(content, format="jpeg", pil_kwargs={"quality": 90})
    return content.getvalue()


def show_portraits(path: Path) -> None:
    """Colour both and draw them to a JPEG."""
    colorizer = Colorizer()
    write_whole(path, draw([versions(colorizer, original) for original in photographs()]))
