"""Nets and solvers as prototxt describes them: read, fitted to a run, written, tried.

Caffe ends the process when a net does not fit, so what a user can hand in is tried here first.
"""

import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from google.protobuf import text_format
from google.protobuf.message import Message

from colorgan.errors import UserError
from colorgan.nets.runtime import load_caffe
from colorgan.places import PROTOTXT, SOLVERS

GENERATOR_PROTOTXT = PROTOTXT / "generator.prototxt"
DISCRIMINATOR_PROTOTXT = PROTOTXT / "discriminator.prototxt"
CRITIC_PROTOTXT = PROTOTXT / "critic.prototxt"
# The paper's two solvers.
PAPERS_SOLVERS = {
    "generator": SOLVERS / "generator_solver.prototxt",
    "discriminator": SOLVERS / "discriminator_solver.prototxt",
}
# Those of a Wasserstein GAN, its outlook.
WASSERSTEIN_SOLVERS = {
    "generator": SOLVERS / "generator_wgan_solver.prototxt",
    "discriminator": SOLVERS / "critic_solver.prototxt",
}
# Blobs that the training step reaches for by name.
BLOBS = {
    "generator": ("gray", "color", "fake", "fake_l2", "l2"),
    "discriminator": ("data", "label", "score", "adversarial"),
}
# Where D's gradient reaches G: a G that is trained without D may lack it.
ADVERSARIAL_BLOB = "fake_adversarial"


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


def check_adversary(discriminator: Message, generator: Message, path: Path) -> None:
    """UserError unless D, read from `path`, can be shown what G has.

    `data` is as large as G's `color`; an input of any other name is G's own input of that name.
    """
    given = _input_shapes(generator)
    for name, shape in _input_shapes(discriminator).items():
        wanted = given.get("color" if name == "data" else name)
        if name != "label" and shape[1:] != (wanted or ())[1:]:
            raise UserError(f"{path}: its input {name!r} is none that the generator has")


def _input_shapes(net: Message) -> dict[str, tuple[int, ...]]:
    layers = [layer for layer in net.layer if layer.type == "Input"]
    return {layer.top[0]: tuple(layer.input_param.shape[0].dim) for layer in layers}


def _layer_making(net: Message, blob: str) -> Message:
    return next(layer for layer in net.layer if blob in layer.top)


def deploy_form(generator: Message) -> Message:
    """The generator without loss and target: a new NetParameter, from `gray` to `fake`.

    Weights that the layers may carry (those of a .caffemodel file) and the phase they were saved
    in are left out. The batch size becomes 1; the net may be reshaped to any size.
    """
    deploy = proto().NetParameter(name=generator.name)
    left_out = {"color", "fake_l2"}  # and what is made of them, the losses
    for layer in generator.layer:
        if left_out & {*layer.top, *layer.bottom}:
            left_out.update(layer.top)
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
