"""Nets of one Python layer, to test it by itself."""

import tempfile
from pathlib import Path

import numpy as np

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
