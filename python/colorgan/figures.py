"""The pictures: grids of faces, the model's drawing, training curves. Drawing only; no net is run.

Images come in as uint8 BGR `(n, 3, h, w)` and gray `(n, h, w)`; a picture is uint8 BGR `(H, W, 3)`
as OpenCV writes it.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from google.protobuf.message import Message
from matplotlib import rc_context, rcParams
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Polygon, Rectangle
from matplotlib.ticker import LogFormatter

from colorgan.files import write_whole

GRID_GAP = 2  # white pixels between faces and around them

# Figures of faces, in pixels: CelebA's faces are shown no larger than twice 64x64.
FACE_DPI = 110
LABEL_WIDTH = 96
HEADER_HEIGHT = 30
GROUP_GAP = 18
LINE_HEIGHT = 19
LETTER_WIDTH = 8  # on average

STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
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

# The files that make_figures.py writes, in the report's order: name and title.
FIGURES = {
    "figure2.png": "Figure 2: the model",
    "figure3.png": "Figure 3: gray, generated and original test faces",
    "figure4a.png": "Figure 4 (a): trained with the L2 loss alone",
    "figure4b.png": "Figure 4 (b): failures",
    "comparison.png": "Models side by side",
    "curves.png": "Training curves",
}

# How the model's drawing calls the loss layers.
LOSS_NAMES = {
    "EuclideanLoss": "L2 loss to the\noriginal face X",
    "SigmoidCrossEntropyLoss": "cross-entropy\nof its Sigmoid",
}
# The nets' drawing, in pixels of a face, each drawn as UNIT dots.
UNIT = 2.2
COLUMN = 84  # from block to block
ABOVE, BELOW = 54, 42  # from a net's middle line to the map counts, and to the layers' names
TITLE = 14  # from the map counts to the net's name, which is as high as two lines
LINE = 8  # of a layer's name

# Panels of the training curves: title, whether the axis is logarithmic, and (log key, label,
# color) of each line. The losses are means without their weight lambda.
CURVE_PANELS = (
    ("L2 loss of G", True, (("l2", "model", BLUE),)),
    (
        "Adversarial losses",
        False,
        (
            ("adversarial", "G, for generated faces", BLUE),
            ("d_real", "D, for real faces", GREEN),
            ("d_fake", "D, for generated faces", ORANGE),
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


def sample_grid(gray: np.ndarray, fake: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Rows as in the paper's Figure 3: gray input, generated, original; a column a face.

    Takes gray uint8 `(n, h, w)`, fake and real uint8 BGR `(n, 3, h, w)`; returns a uint8 BGR
    picture with `GRID_GAP` white pixels between and around the faces.
    """
    return tile([_as_pictures(row) for row in (gray, fake, real)])


def tile(rows: list[np.ndarray]) -> np.ndarray:
    """One picture of rows of uint8 `(n, h, w, 3)` images, all of one shape, on white."""
    count, height, width, _ = rows[0].shape
    step_y, step_x = height + GRID_GAP, width + GRID_GAP
    shape = (len(rows) * step_y + GRID_GAP, count * step_x + GRID_GAP, 3)
    picture = np.full(shape, 255, np.uint8)
    for y, row in enumerate(rows):
        for x, image in enumerate(row):
            top, left = GRID_GAP + y * step_y, GRID_GAP + x * step_x
            picture[top : top + height, left : left + width] = image
    return picture


def save_png(path: Path, picture: np.ndarray) -> None:
    """Write a uint8 BGR `(h, w, 3)` picture; `path` is replaced whole or stays as it was."""
    write_whole(path, png(picture))


def png(picture: np.ndarray) -> bytes:
    """A uint8 BGR `(h, w, 3)` picture as the content of a PNG file."""
    smallest = [cv2.IMWRITE_PNG_COMPRESSION, 9]  # half of what OpenCV's default takes
    return cv2.imencode(".png", picture, smallest)[1].tobytes()


def training_curves(records: list[dict], path: Path, l2_records: list[dict] | None = None) -> None:
    """Draw the curves of a run's log to a PNG, as `curves_figure` does."""
    save_png(path, curves_figure(records, l2_records))


def curves_figure(records: list[dict], l2_records: list[dict] | None = None) -> np.ndarray:
    """Draw the curves of a run's log (`log.jsonl`'s records).

    `l2_records`, the log of a run with L2 alone, is drawn dashed where both runs have the value.
    Panels without a value, such as D's in a run without D, are left out.
    """
    runs = [(records, None)]
    if l2_records:
        runs.append((l2_records, "L2 alone"))
    panels = [panel for panel in CURVE_PANELS if any(_has(records, key) for key, *_ in panel[2])]
    columns = 2
    rows = max(1, -(-len(panels) // columns))
    with rc_context(STYLE):
        figure = Figure(figsize=(9, 2.4 * rows), layout="constrained")
        for position, (title, logarithmic, lines) in enumerate(panels, start=1):
            axes = figure.add_subplot(rows, columns, position)
            _draw_panel(axes, runs, lines)
            axes.set_title(title)
            if logarithmic:
                axes.set_yscale("log")
                axes.yaxis.set_major_formatter(PlainLogFormatter())
                axes.yaxis.set_minor_formatter(PlainLogFormatter())
            if title.startswith("Mean score") and _are_probabilities(axes):
                axes.set_ylim(0, 1)
            if position > len(panels) - columns:
                axes.set_xlabel("iteration")
        return _picture(figure)


def choose_faces(errors: np.ndarray, count: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Choose faces by rule, from `errors` `(n,)`, an error each face: their indices, by kind.

    "best" and "worst" hold the `count` lowest and highest errors, "median" those around the middle
    rank, "random" a draw from all faces without replacement. Equal errors go by index.
    """
    count = min(count, len(errors))
    order = np.argsort(errors, kind="stable")
    middle = (len(errors) - count) // 2
    drawn = np.random.default_rng(seed).choice(len(errors), count, replace=False)
    return {
        "best": order[:count],
        "median": order[middle : middle + count],
        "random": np.sort(drawn),
        "worst": order[::-1][:count],
    }


@dataclass(frozen=True)
class FaceGroup:
    """Columns of a figure of faces, and what stands above and below them.

    `rows` maps each row's label to uint8 images, `(k, 3, h, w)` or gray `(k, h, w)`; `values`
    `(k,)` are printed below the columns.
    """

    title: str
    rows: dict[str, np.ndarray]
    values: np.ndarray


def face_figure(groups: Sequence[FaceGroup], caption: str) -> np.ndarray:
    """Draw groups of faces side by side, with the rule that chose them printed below.

    All groups have the same rows. Faces keep their size.
    """
    blocks = [tile([_as_pictures(row) for row in group.rows.values()]) for group in groups]
    block_height = blocks[0].shape[0]
    lines = caption.splitlines()
    width = max(
        LABEL_WIDTH + sum(block.shape[1] + GROUP_GAP for block in blocks),
        GROUP_GAP + LETTER_WIDTH * max(map(len, lines)),
    )
    bottom = HEADER_HEIGHT + block_height
    picture = np.full((bottom + LINE_HEIGHT * (len(lines) + 2), width, 3), 255, np.uint8)
    row_height = block_height / len(groups[0].rows)
    texts = [
        (8, HEADER_HEIGHT + (row + 0.5) * row_height, label, "left")
        for row, label in enumerate(groups[0].rows)
    ]
    left = LABEL_WIDTH
    for group, block in zip(groups, blocks, strict=True):
        block_width = block.shape[1]
        picture[HEADER_HEIGHT:bottom, left : left + block_width] = block
        texts.append((left + block_width / 2, HEADER_HEIGHT / 2, group.title, "center"))
        column_width = block_width / len(group.values)
        texts += [
            (
                left + (column + 0.5) * column_width,
                bottom + LINE_HEIGHT / 2,
                f"{value:.1f}",
                "center",
            )
            for column, value in enumerate(group.values)
        ]
        left += block_width + GROUP_GAP
    texts += [
        (8, bottom + LINE_HEIGHT * (1.8 + row), line, "left") for row, line in enumerate(lines)
    ]
    return _with_texts(picture, texts)


def _as_pictures(images: np.ndarray) -> np.ndarray:
    """Planar BGR or gray faces as `(n, h, w, 3)`."""
    if images.ndim == 3:
        images = np.repeat(images[:, None], 3, axis=1)
    return np.moveaxis(images, 1, -1)


def _with_texts(picture: np.ndarray, texts: list[tuple[float, float, str, str]]) -> np.ndarray:
    """Write texts into a picture, each (x, y, text, alignment): pixels from the top left corner."""
    height, width = picture.shape[:2]
    with rc_context(STYLE):
        figure = Figure(figsize=(width / FACE_DPI, height / FACE_DPI), dpi=FACE_DPI)
        figure.figimage(picture[..., ::-1])
        for x, y, text, alignment in texts:
            figure.text(x / width, 1 - y / height, text, ha=alignment, va="center")
        return _picture(figure)


@dataclass(frozen=True)
class Block:
    """One map of a net's drawing: feature maps of equal size, and the layers that make them."""

    maps: int
    size: int
    layers: tuple[str, ...]


@dataclass(frozen=True)
class NetDrawing:
    """What Figure 2 shows of a net: its blocks from the input on, and its losses."""

    blocks: tuple[Block, ...]
    losses: tuple[str, ...]


def net_drawing(net: Message) -> NetDrawing:
    """Read the drawing of a chain of layers off a NetParameter.

    A block begins at the first Input layer, each (De)Convolution and InnerProduct, whose counts
    and map sizes follow from the prototxt's numbers; the layers behind it belong to its block.
    """
    blocks: list[Block] = []
    losses: list[str] = []
    for layer in net.layer:
        if layer.type == "Input":
            if not blocks:
                _, maps, size, _ = layer.input_param.shape[0].dim
                blocks.append(Block(maps, size, ()))
        elif layer.type in ("Convolution", "Deconvolution"):
            blocks.append(_convolution_block(layer, blocks[-1].size))
        elif layer.type == "InnerProduct":
            blocks.append(Block(layer.inner_product_param.num_output, 1, ("InnerProduct",)))
        elif layer.type.endswith("Loss"):
            losses.append(_loss_text(layer))
        elif layer.type != "Split":
            last, text = blocks[-1], _layer_text(layer)
            if text not in last.layers:
                blocks[-1] = Block(last.maps, last.size, (*last.layers, text))
    return NetDrawing(tuple(blocks), tuple(losses))


def _convolution_block(layer: Message, size: int) -> Block:
    """The block that a (De)Convolution layer begins; `size` is its input's side in pixels."""
    convolution = layer.convolution_param
    kernel, pad = convolution.kernel_size[0], convolution.pad[0] if convolution.pad else 0
    stride = convolution.stride[0] if convolution.stride else 1
    dilation = convolution.dilation[0] if convolution.dilation else 1
    extent = dilation * (kernel - 1) + 1
    if layer.type == "Deconvolution":
        name, side = "Deconv", stride * (size - 1) + extent - 2 * pad
    else:
        name, side = "Conv", (size + 2 * pad - extent) // stride + 1
    text = [f"{name} {kernel}x{kernel}"]
    text += [f"stride {stride}"] if stride > 1 else []
    text += [f"dilation {dilation}"] if dilation > 1 else []
    return Block(convolution.num_output, side, tuple(text))


def _layer_text(layer: Message) -> str:
    slope = layer.relu_param.negative_slope if layer.type == "ReLU" else 0
    return f"LeakyReLU {slope:.2g}" if slope else layer.type


def _loss_text(layer: Message) -> str:
    name = LOSS_NAMES.get(layer.type, layer.type)
    weight = layer.loss_weight[0] if layer.loss_weight else 1
    return name if weight == 1 else f"{weight:g} x {name}"


def model_figure(generator: Message, discriminator: Message, note: str) -> np.ndarray:
    """Draw G and D, as the paper's Figure 2 does for its model, from their NetParameters.

    A block's height and depth show its maps' size, its width their number. `note` stands below.
    """
    nets = (
        ("Generator G", net_drawing(generator), "gray face x", "G(x)"),
        ("Discriminator D", net_drawing(discriminator), "G(x) or X", "score"),
    )
    width = COLUMN * max(len(drawing.blocks) for _, drawing, *_ in nets) + 74
    heights = [ABOVE + TITLE + 2 * LINE + BELOW + _text_height(d) for _, d, *_ in nets]
    height = sum(heights) + 5 * LINE
    with rc_context(STYLE):
        dpi = rcParams["figure.dpi"]
        figure = Figure(figsize=(width * UNIT / dpi, height * UNIT / dpi))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.axis("off")
        axes.set_xlim(-14, width - 14)
        axes.set_ylim(-height, 0)
        top = -LINE
        for (title, drawing, *ends), net_height in zip(nets, heights, strict=True):
            _draw_net(axes, top - 2 * LINE - TITLE - ABOVE, title, drawing, ends)
            top -= net_height
        axes.text(0, top - LINE, note, fontsize=8, color="#505050", va="top")
        return _picture(figure)


def _text_height(drawing: NetDrawing) -> int:
    """Room for the names of a block's layers and for the size above them."""
    return LINE * (2 + max(len(block.layers) for block in drawing.blocks))


def _draw_net(
    axes: Axes, center: float, title: str, drawing: NetDrawing, ends: Sequence[str]
) -> None:
    """Draw slabs from left to right, `center` their height; units are pixels of a 64-pixel face."""
    unit = 64 / max(block.size for block in drawing.blocks)
    below, above = center - BELOW, center + ABOVE
    axes.text(0, above + TITLE, title, fontsize=11, fontweight="bold", va="bottom")
    last = len(drawing.blocks) - 1
    previous_right = 0.0
    for position, block in enumerate(drawing.blocks):
        width, height = 3 + 1.6 * block.maps**0.5, max(block.size * unit, 4)
        depth = 0.28 * height
        middle = position * COLUMN + 20
        left, right = middle - (width + depth) / 2, middle + (width + depth) / 2
        if position:
            start, end = (previous_right + 3, center), (left - 3, center)
            arrow = FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=9, color=GRAY)
            axes.add_patch(arrow)
        corner = (left, center - height / 2)
        _draw_slab(axes, corner, (width, height), depth, _slab_color(position, last))
        maps = f"{block.maps} {'map' if block.maps == 1 else 'maps'}"
        axes.text(middle, above, maps, ha="center", fontweight="bold")
        layers = [ends[0]] if position == 0 else block.layers
        text = "\n".join((f"{block.size}x{block.size}", *layers))
        axes.text(middle, below, text, ha="center", va="top", fontsize=8)
        previous_right = right
    text = "\n".join((ends[1], *drawing.losses))
    axes.text(previous_right + 8, center, text, va="center", fontsize=9)


def _slab_color(position: int, last: int) -> str:
    if position == 0:
        return "#c9c9c9"
    return ORANGE if position == last else BLUE


def _draw_slab(
    axes: Axes,
    corner: tuple[float, float],
    extent: tuple[float, float],
    depth: float,
    color: str,
) -> None:
    """A box seen from the front left: its front, its top and its right side."""
    (x, y), (width, height) = corner, extent
    edge = {"edgecolor": "white", "linewidth": 0.8}
    top = [(x, y + height), (x + depth, y + height + depth)]
    top += [(x + depth + width, y + height + depth), (x + width, y + height)]
    side = [(x + width, y), (x + width + depth, y + depth)]
    side += [(x + width + depth, y + height + depth), (x + width, y + height)]
    axes.add_patch(Rectangle((x, y), width, height, facecolor=color, **edge))
    axes.add_patch(Polygon(top, facecolor=color, alpha=0.55, **edge))
    axes.add_patch(Polygon(side, facecolor=color, alpha=0.75, **edge))


class PlainLogFormatter(LogFormatter):
    """The ticks that LogFormatter labels, as plain numbers: 0.2 and not 2e-01."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        """Return a tick's label, empty where it has none."""
        return f"{x:g}" if super().__call__(x, pos) else ""


def _are_probabilities(axes: Axes) -> bool:
    """Whether all that is drawn lies in [0, 1]: a critic's scores do not."""
    low, high = axes.dataLim.intervaly
    return low >= 0 and high <= 1


def _has(records: list[dict], key: str) -> bool:
    return any(key in record for record in records)


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
    if len(axes.lines) > 1:
        axes.legend(fontsize=8)


def _is_shared(key: str) -> bool:
    """Whether a second run's line is drawn beside the first's: where each has just one."""
    return key in ("l2", "val_psnr", "val_colorfulness")


def _picture(figure: Figure) -> np.ndarray:
    """A matplotlib figure, drawn, as a uint8 BGR picture."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return cv2.cvtColor(np.asarray(canvas.buffer_rgba()), cv2.COLOR_RGBA2BGR)


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
        return _picture(figure)
