"""Nets of one Python layer, to test it by itself."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from colorgan.nets.prototxt import proto, write_prototxt
from colorgan.nets.runtime import load_caffe


def one_layer(module: str, name: str, settings: str, blobs: dict[str, np.ndarray]):
    """A net whose inputs are `blobs`, filled, and whose blob `top` the layer makes of them."""
    net = proto().NetParameter(force_backward=True)
    for blob, values in blobs.items():
        layer = net.layer.add(name=blob, type="Input", top=[blob])
        layer.input_param.shape.add(dim=values.shape)
    layer = net.layer.add(name="layer", type="Python", bottom=list(blobs), top=["top"])
    layer.python_param.module, layer.python_param.layer = module, name
    layer.python_param.param_str = settings
    layer.loss_weight.append(float(name.endswith("Loss")))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.prototxt"
        write_prototxt(path, net, "for a test")
        made = load_caffe().Net(str(path), load_caffe().TRAIN)
    for blob, values in blobs.items():
        made.blobs[blob].data[...] = values
    return made


def assert_gradient_of_scores(net, loss: Callable[[np.ndarray], float]) -> None:
    """Compare the gradient at the blob `scores` with differences of `loss`, in random steps."""
    net.forward()
    net.backward()
    scores, gradient = (getattr(net.blobs["scores"], kind).copy() for kind in ("data", "diff"))
    random = np.random.default_rng(6)
    for _ in range(5):
        step = 1e-3 * random.normal(size=scores.shape)
        slope = (loss(scores + step) - loss(scores - step)) / 2
        assert (gradient * step).sum() == pytest.approx(slope, rel=1e-3, abs=1e-7)
