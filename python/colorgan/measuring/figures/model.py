"""The nets as the paper's Figure 2 draws them: feature maps as slabs, read off prototxt."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from google.protobuf.message import Message
from matplotlib import rc_context, rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Polygon, Rectangle

from colorgan.measuring.figures.canvas import BLUE, GRAY, ORANGE, STYLE, drawn
from colorgan.nets.prototxt import deploy_form

# How the model's drawing calls the losses: by their layers' names or inputs, or by their types.
LOSS_NAMES = {
    "chroma": "cross-entropy of\nits chroma bins",
    "hue": "cross-entropy of\nits hue bins",
    "classes": "cross-entropy of\nits colour classes",
    "l1": "L1 distance to the\noriginal face X",
    "signed_score": "mean score,\nthat of X negative",
    "EuclideanLoss": "L2 loss to the\noriginal face X",
    "Reduction": "distance to the\noriginal face X",
    "SigmoidCrossEntropyLoss": "cross-entropy\nof its Sigmoid",
}
# The nets' drawing, in pixels of a face, each drawn as UNIT dots.
UNIT = 2.2
COLUMN = 84  # from block to block
ABOVE, BELOW = 54, 42  # from a net's middle line to the map counts, and to the layers' names
TITLE = 14  # from the map counts to the net's name, which is as high as two lines
LINE = 8  # of a layer's name


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
    What comes to a Concat from farther back is not drawn, nor what is made from D's label.
    """
    blocks: list[Block] = []
    sizes: dict[str, int] = {}  # of the blobs so far
    labels = {"label"}
    for layer in deploy_form(net).layer:
        if labels & {*layer.bottom}:
            labels.update(layer.top)
            continue
        if layer.type == "DummyData":  # noise
            sizes.update(dict.fromkeys(layer.top, 0))
            continue
        size = sizes[layer.bottom[0]] if layer.bottom else layer.input_param.shape[0].dim[-1]
        if layer.type == "Input":
            if not blocks:
                blocks.append(Block(layer.input_param.shape[0].dim[1], size, ()))
        elif layer.type in ("Convolution", "Deconvolution"):
            blocks.append(_convolution_block(layer, size))
            size = blocks[-1].size
        elif layer.type == "InnerProduct":
            blocks.append(Block(layer.inner_product_param.num_output, 1, ("InnerProduct",)))
        elif not (_loss_weight(layer) or layer.type == "Split"):
            last, text = blocks[-1], _layer_text(layer)
            if layer.type == "Pooling":
                size = -(-size // layer.pooling_param.stride)  # rounded up, as Caffe does
            if text not in last.layers:
                blocks[-1] = Block(last.maps, last.size, (*last.layers, text))
        sizes.update(dict.fromkeys(layer.top, size))
    losses = tuple(_loss_text(layer) for layer in net.layer if _loss_weight(layer))
    return NetDrawing(tuple(blocks), losses)


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
    if layer.type == "Python":
        return layer.python_param.layer
    slope = layer.relu_param.negative_slope if layer.type == "ReLU" else 0
    return f"LeakyReLU {slope:.2g}" if slope else layer.type


def _loss_weight(layer: Message) -> float:
    """What a layer's value weighs in what the net is trained on; Caffe's default for its type."""
    return layer.loss_weight[0] if layer.loss_weight else float(layer.type.endswith("Loss"))


def _loss_text(layer: Message) -> str:
    keys = (layer.name, *layer.bottom, layer.type)
    name = next((LOSS_NAMES[key] for key in keys if key in LOSS_NAMES), layer.type)
    weight = _loss_weight(layer)
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
        return drawn(figure)


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
    edge: dict[str, Any] = {"edgecolor": "white", "linewidth": 0.8}
    top = [(x, y + height), (x + depth, y + height + depth)]
    top += [(x + depth + width, y + height + depth), (x + width, y + height)]
    side = [(x + width, y), (x + width + depth, y + depth)]
    side += [(x + width + depth, y + height + depth), (x + width, y + height)]
    axes.add_patch(Rectangle((x, y), width, height, facecolor=color, **edge))
    axes.add_patch(Polygon(top, facecolor=color, alpha=0.55, **edge))
    axes.add_patch(Polygon(side, facecolor=color, alpha=0.75, **edge))
