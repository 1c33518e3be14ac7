"""The nets as prototxt describes them: read, fitted to a run, checked, and run forward.

Caffe ends the process when a net or a weights file does not fit, so everything that a user can
hand in is checked here first.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from google.protobuf import text_format
from google.protobuf.message import DecodeError, Message

from colorgan.caffe_runtime import load_caffe
from colorgan.errors import UserError
from colorgan.released import check_released

PROJECT_ROOT = Path(__file__).resolve().parents[2]
GENERATOR_PROTOTXT = PROJECT_ROOT / "prototxt" / "generator.prototxt"
DISCRIMINATOR_PROTOTXT = PROJECT_ROOT / "prototxt" / "discriminator.prototxt"
CRITIC_PROTOTXT = PROJECT_ROOT / "prototxt" / "critic.prototxt"
# The paper's two solvers.
SOLVERS = {
    name: PROJECT_ROOT / "solvers" / f"{name}_solver.prototxt"
    for name in ("generator", "discriminator")
}
# Those of a Wasserstein GAN, its outlook.
WASSERSTEIN_SOLVERS = {
    "generator": PROJECT_ROOT / "solvers" / "generator_wgan_solver.prototxt",
    "discriminator": PROJECT_ROOT / "solvers" / "critic_solver.prototxt",
}
# Blobs that the training step reaches for by name.
BLOBS = {
    "generator": ("gray", "color", "fake", "fake_l2", "fake_adversarial", "l2"),
    "discriminator": ("data", "label", "score", "adversarial"),
}


def project_path(path: Path) -> str:
    """A path inside the project as seen from its root, any other in full: what a run records."""
    path = path.resolve()
    return str(path.relative_to(PROJECT_ROOT) if path.is_relative_to(PROJECT_ROOT) else path)


def proto():
    """Caffe's protobuf module, of the caffe that is installed."""
    load_caffe()
    from caffe.proto import caffe_pb2

    return caffe_pb2


def read_net(path: Path, blobs: Iterable[str] = ()) -> Message:
    """Parse a net's prototxt into a NetParameter; UserError where a blob of `blobs` is missing."""
    net = _read_text(path, proto().NetParameter())
    tops = {top for layer in net.layer for top in layer.top}
    missing = [blob for blob in blobs if blob not in tops]
    if missing:
        raise UserError(f"{path}: no layer makes the blob {missing[0]!r}, which training needs")
    return net


def read_solver(path: Path) -> Message:
    """Parse a solver's prototxt into a SolverParameter."""
    return _read_text(path, proto().SolverParameter())


def _read_text(path: Path, message: Message) -> Message:
    try:
        return text_format.Parse(path.read_text(), message)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a Caffe prototxt file ({error})") from None


def write_prototxt(path: Path, message: Message, comment: str) -> None:
    """Write a message as prototxt, under a one-line comment."""
    path.write_text(f"# {comment}\n{text_format.MessageToString(message)}")


def set_batch_size(net: Message, batch_size: int) -> None:
    """Set the first dimension of each Input layer of a NetParameter."""
    for layer in net.layer:
        if layer.type == "Input":
            for shape in layer.input_param.shape:
                shape.dim[0] = batch_size


def batch_size_of(net: Message) -> int:
    """The batch size that a NetParameter's first Input layer states."""
    return _input_dimensions(net)[0]


def face_size_of(net: Message) -> int:
    """The side in pixels of the images that a NetParameter's first Input layer takes."""
    return _input_dimensions(net)[-1]


def _input_dimensions(net: Message) -> list[int]:
    layer = next(layer for layer in net.layer if layer.type == "Input")
    return list(layer.input_param.shape[0].dim)


def adversarial_weight(discriminator: Message) -> float:
    """The lambda that a discriminator's NetParameter states: the loss weight of `adversarial`."""
    loss = _layer_making(discriminator, "adversarial")
    return loss.loss_weight[0] if loss.loss_weight else 1.0


def set_adversarial_weight(discriminator: Message, weight: float) -> None:
    """Set lambda of formulas (3) and (4), in the one place where it stands."""
    _layer_making(discriminator, "adversarial").loss_weight[:] = [weight]


def _layer_making(net: Message, blob: str) -> Message:
    return next(layer for layer in net.layer if blob in layer.top)


def deploy_form(generator: Message) -> Message:
    """The generator without loss and target: a new NetParameter, from `gray` to `fake`.

    Weights that the layers may carry (those of a .caffemodel file) and the phase they were saved
    in are left out. The batch size becomes 1; the net may be reshaped to any size.
    """
    deploy = proto().NetParameter(name=generator.name)
    for layer in generator.layer:
        if layer.type == "EuclideanLoss" or {"color", "fake_l2"} & set(layer.top):
            continue
        copied = deploy.layer.add()
        copied.CopyFrom(layer)
        for field in ("blobs", "phase", "include", "exclude"):
            copied.ClearField(field)
    set_batch_size(deploy, 1)
    return deploy


def try_building(solver: Path) -> None:
    """Build a solver and its net in a child process, so that a misfit ends the child, not us.

    UserError with Caffe's own line where Caffe gives up.
    """
    code = "import sys, caffe; caffe.get_solver(sys.argv[1])"
    child = subprocess.run(
        [sys.executable, "-c", code, str(solver)], capture_output=True, text=True, check=False
    )
    if child.returncode == 0:
        return
    fatal = re.findall(r"^F\d+ .*?\] (.*)$", child.stderr, flags=re.MULTILINE)
    reason = fatal[0] if fatal else (child.stderr.strip().splitlines() or ["no reason given"])[-1]
    raise UserError(f"{solver}: Caffe refuses this solver or its net: {reason}")


def read_weights(path: Path) -> Message:
    """Parse a .caffemodel file into a NetParameter.

    UserError where it is none, or not the one that SHA256SUMS beside it lists.
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


def check_weights(net, weights: Message, path: Path) -> None:
    """UserError unless `weights` (read from `path`) has each of the net's parameters, finite."""
    stored = {layer.name: layer.blobs for layer in weights.layer if layer.blobs}
    for name, blobs in net.params.items():
        shapes = [tuple(blob.shape) for blob in blobs]
        given = [tuple(blob.shape.dim) for blob in stored.get(name, ())]
        if given != shapes:
            raise UserError(f"{path}: layer {name} has {given or 'no weights'}, not {shapes}")
        for blob, shape in zip(stored[name], shapes, strict=True):
            values = np.fromiter(blob.data, dtype=np.float32)
            if values.size != np.prod(shape) or not np.isfinite(values).all():
                raise UserError(f"{path}: layer {name} has missing or non-finite weights")


def count_parameters(weights: Message) -> int:
    """How many learned values a NetParameter holds: all but BatchNorm's moving statistics."""
    return sum(
        len(blob.data)
        for layer in weights.layer
        if layer.type != "BatchNorm"
        for blob in layer.blobs
    )


class DeployedGenerator:
    """A trained generator G in the TEST phase, for any size of face.

    A .caffemodel file carries its own layers, so one file is all that is needed, whichever variant
    of G it was trained as.

    Attributes:
        weights: the file that was loaded.
        parameters: how many numbers G learned, without the statistics that BatchNorm keeps.
    """

    def __init__(self, weights: Path) -> None:
        """Load `weights`; UserError where they are not those of a generator."""
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

    def colorize(self, gray: np.ndarray) -> np.ndarray:
        """Colour gray faces, uint8 (n, h, w): float32 (n, 3, h, w), channels B, G, R, in [0, 1]."""
        return generate(self._net, gray)


def generate(net, gray: np.ndarray) -> np.ndarray:
    """Run a generator's deploy net on gray faces, uint8 (n, h, w): float32 (n, 3, h, w), BGR."""
    n, height, width = gray.shape
    if net.blobs["gray"].data.shape != (n, 3, height, width):
        net.blobs["gray"].reshape(n, 3, height, width)
    net.blobs["gray"].data[...] = gray[:, np.newaxis] / np.float32(255)
    net.forward()
    return net.blobs["fake"].data.copy()


def to_uint8(images: np.ndarray) -> np.ndarray:
    """[0, 1] floats as the 8-bit image that would be saved: rounded to the nearest level."""
    return np.clip(np.rint(images * 255), 0, 255).astype(np.uint8)
