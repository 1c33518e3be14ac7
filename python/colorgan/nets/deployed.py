"""A trained generator from its .caffemodel file: checked, loaded, run forward by Caffe.

Caffe ends the process when weights do not fit, so they are checked here first.
"""

import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
from google.protobuf.message import DecodeError, Message

from colorgan.errors import UserError
from colorgan.nets.prototxt import deploy_form, proto, write_prototxt
from colorgan.nets.released import check_released
from colorgan.nets.runtime import Net, load_caffe
from colorgan.nets.use import use_of


def read_weights(path: Path) -> Message:
    """Parse a .caffemodel file into a NetParameter.

    UserError where it is not one, or differs from the one that SHA256SUMS beside it lists.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    check_released(path, content)
    try:
        weights = proto().NetParameter.FromString(content)
    except DecodeError:
        raise UserError(f"{path}: not a .caffemodel file, or a damaged one") from None
    if not any(layer.blobs for layer in weights.layer):
        raise UserError(f"{path}: holds no weights; give a .caffemodel file")
    return weights


def check_weights(net: Net, weights: Message, path: Path) -> None:
    """UserError unless `weights`, read from `path`, has finite values for all of its layers."""
    _check_layers(net.params, weights, path)


def begin_with(net: Net, path: Path) -> None:
    """Give each layer of a net the weights that a .caffemodel file has under its name.

    All other layers of the net stay as they are. UserError where the two share no layer, or a
    shared one has another shape or non-finite weights.
    """
    weights = read_weights(path)
    stored = {layer.name for layer in weights.layer if layer.blobs}
    shared = {name: blobs for name, blobs in net.params.items() if name in stored}
    if not shared:
        raise UserError(
            f"{path}: has none of the generator's layers; give weights of a similar net"
        )
    _check_layers(shared, weights, path)
    net.copy_from(str(path))


def _check_layers(params: Mapping, weights: Message, path: Path) -> None:
    """UserError unless `weights` has finite values for each layer in `params`."""
    stored = {layer.name: layer.blobs for layer in weights.layer if layer.blobs}
    for name, blobs in params.items():
        shapes = [tuple(blob.shape) for blob in blobs]
        given = [tuple(blob.shape.dim) for blob in stored.get(name, ())]
        if given != shapes:
            raise UserError(f"{path}: layer {name} has {given or 'no weights'}, not {shapes}")
        for blob, shape in zip(stored[name], shapes, strict=True):
            values = np.fromiter(blob.data, dtype=np.float32)
            if values.size != np.prod(shape) or not np.isfinite(values).all():
                raise UserError(f"{path}: layer {name} has missing or non-finite weights")


def count_parameters(weights: Message) -> int:
    """The number of values that a NetParameter has learned: all that a solver changes."""
    return sum(
        len(blob.data)
        for layer in weights.layer
        if not (layer.type == "BatchNorm" or (layer.param and layer.param[0].lr_mult == 0))
        for blob in layer.blobs
    )


class DeployedGenerator:
    """A trained generator G in the TEST phase, for any size of face.

    A .caffemodel file carries its own layers, so one file is all that is needed, whichever variant
    of G it was trained as.

    Attributes:
        weights: the file that was loaded.
        parameters: how many values G has learned, not counting BatchNorm's statistics.
    """

    def __init__(self, weights: Path) -> None:
        """Load `weights`; UserError where they are not a generator's."""
        caffe = load_caffe()
        stored = read_weights(weights)
        tops = {top for layer in stored.layer for top in layer.top}
        if not {"gray", "fake"} <= tops:
            raise UserError(f"{weights}: not a generator's weights (no blobs `gray` and `fake`)")
        with tempfile.TemporaryDirectory() as folder:
            deploy = Path(folder) / "deploy.prototxt"
            write_prototxt(deploy, deploy_form(stored), f"the net that {weights.name} carries")
            self._net = caffe.Net(str(deploy), caffe.TEST)
        check_weights(self._net, stored, weights)
        self._net.copy_from(str(weights))
        self.weights = weights
        self.parameters = count_parameters(stored)
        self._use = use_of(weights)

    def colorize(self, gray: np.ndarray) -> np.ndarray:
        """Colour gray faces, uint8 (n, h, w): float32 (n, 3, h, w), channels B, G, R, in [0, 1]."""
        return self._use.colorize(partial(generate, self._net), gray)


def generate(net: Net, gray: np.ndarray) -> np.ndarray:
    """Run a generator's deploy net on gray faces, uint8 (n, h, w): float32 (n, 3, h, w), BGR."""
    n, height, width = gray.shape
    if net.blobs["gray"].data.shape != (n, 3, height, width):
        net.blobs["gray"].reshape(n, 3, height, width)
    net.blobs["gray"].data[...] = gray[:, np.newaxis] / np.float32(255)
    net.forward()
    return net.blobs["fake"].data.copy()


def to_uint8(images: np.ndarray) -> np.ndarray:
    """Floats in [0, 1] as the 8-bit image that would be saved, rounded to the nearest level."""
    return np.clip(np.rint(images * 255), 0, 255).astype(np.uint8)
