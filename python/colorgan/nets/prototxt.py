"""Nets and solvers in prototxt: reading them, fitting them to a run, writing and trying them.

Caffe ends the process when a net does not fit, so whatever a user can hand in is tried here first.
"""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from google.protobuf import text_format
from google.protobuf.message import Message

from colorgan.errors import UserError
from colorgan.files import write_whole
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
# The blobs that the training step uses by name, the loss last.
BLOBS = {
    "generator": ("gray", "color", "fake", "fake_l2", "l2"),
    "discriminator": ("data", "label", "score", "adversarial"),
}
# Where D's gradient enters G; a G that is trained without D may lack it.
ADVERSARIAL_BLOB = "fake_adversarial"
# The blobs that training fills, and those of them that hold faces.
INPUTS = {"gray", "color", "data", "label"}
FACES = INPUTS - {"label"}
# Tries whether Caffe accepts a solver and its net, one update, and the net that colours.
TRIAL = """
import json, sys, caffe
solver = caffe.get_solver(sys.argv[1])
[blob.data for blobs in solver.net.params.values() for blob in blobs]  # allocates them
solver.apply_update()
for deploy in sys.argv[2:]:
    caffe.Net(deploy, caffe.TEST).share_with(solver.net)
print(json.dumps({name: list(blob.shape) for name, blob in solver.net.blobs.items()}))
"""


def proto() -> ModuleType:
    """The protobuf module of the installed Caffe."""
    load_caffe()
    from caffe.proto import caffe_pb2

    return caffe_pb2


def read_net(path: Path, blobs: Iterable[str] = ()) -> Message:
    """Parse a net's prototxt into a NetParameter.

    UserError where it is in Caffe's old form, or two layers share a name; or where a blob of
    `blobs` is missing, is not an input though training fills it, or has no shape of faces though it
    holds some.
    """
    net = _read_text(path, proto().NetParameter())
    if net.layers:
        raise UserError(f'{path}: has `layers`, Caffe\'s old form; use `layer`, with type: "ReLU"')
    if net.input:
        raise UserError(
            f"{path}: has `input`, Caffe's old form; use a layer of type Input for each"
        )
    for name, count in Counter(layer.name for layer in net.layer).most_common(1):
        if count > 1:
            raise UserError(f"{path}: {count} layers are called {name!r}; give each its own name")
    tops = {top for layer in net.layer for top in layer.top}
    inputs = input_shapes(net, path)
    for blob in blobs:
        if blob not in tops:
            raise UserError(f"{path}: no layer makes the blob {blob!r}, which training needs")
        if blob in INPUTS and blob not in inputs:
            raise UserError(f"{path}: the blob {blob!r} must be made by a layer of type Input")
    _check_faces({blob: inputs[blob] for blob in blobs if blob in FACES}, path)
    return net


def needed_blobs(player: str, against_d: bool) -> tuple[str, ...]:
    """The blobs that training needs in the net of a player of `BLOBS`, the loss last.

    `against_d` says whether G is trained against D, or a critic.
    """
    its_own = BLOBS[player]
    return (ADVERSARIAL_BLOB, *its_own) if player == "generator" and against_d else its_own


def input_shapes(net: Message, path: Path) -> dict[str, tuple[int, ...]]:
    """The shapes of a NetParameter's inputs, by name; `path` is where it was read from.

    UserError where an Input layer makes several blobs or has no shape.
    """
    layers = [layer for layer in net.layer if layer.type == "Input"]
    for layer in layers:
        if len(layer.top) != 1 or len(layer.input_param.shape) != 1 or not _dimensions(layer):
            raise UserError(f"{path}: the Input layer {layer.name!r} must have one top and a shape")
    return {layer.top[0]: _dimensions(layer) for layer in layers}


def _dimensions(layer: Message) -> tuple[int, ...]:
    return tuple(layer.input_param.shape[0].dim)


def _check_faces(shapes: dict[str, tuple[int, ...]], path: Path) -> None:
    for blob, shape in shapes.items():
        if len(shape) != 4 or shape[1] != 3 or shape[2] != shape[3] or shape[2] < 1:
            raise UserError(f"{path}: the input {blob!r} is {shape}, not N x 3 x side x side")
    if len({shape[2] for shape in shapes.values()}) > 1:
        raise UserError(f"{path}: the inputs {' and '.join(shapes)} differ in size")


def read_solver(path: Path) -> Message:
    """Parse a solver's prototxt into a SolverParameter."""
    return _read_text(path, proto().SolverParameter())


def _read_text(path: Path, message: Message) -> Message:
    try:
        return text_format.Parse(path.read_text(encoding="utf-8-sig"), message)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: not text in UTF-8; save it so, as plain text") from None
    except text_format.ParseError as error:
        raise UserError(f"{path}: not a Caffe prototxt file ({error})") from None


def write_prototxt(path: Path, message: Message, comment: str) -> None:
    """Write a message as prototxt, under a one-line comment."""
    write_whole(path, f"# {comment}\n{text_format.MessageToString(message)}".encode())


def set_batch_size(net: Message, batch_size: int) -> None:
    """Set the first dimension of each Input layer of a NetParameter."""
    for layer in net.layer:
        if layer.type == "Input":
            for shape in layer.input_param.shape:
                shape.dim[0] = batch_size


def batch_size_of(net: Message) -> int:
    """The batch size of a NetParameter's first Input layer."""
    return _first_input(net)[0]


def face_size_of(net: Message) -> int:
    """The side, in pixels, of the images that a NetParameter's first Input layer takes."""
    return _first_input(net)[-1]


def _first_input(net: Message) -> tuple[int, ...]:
    return _dimensions(next(layer for layer in net.layer if layer.type == "Input"))


def adversarial_weight(discriminator: Message) -> float:
    """A discriminator's lambda: the loss weight of `adversarial` in its NetParameter."""
    loss = _layer_making(discriminator, "adversarial")
    return loss.loss_weight[0] if loss.loss_weight else 1.0


def set_adversarial_weight(discriminator: Message, weight: float) -> None:
    """Set the lambda of formulas (3) and (4), in the only place that has it."""
    _layer_making(discriminator, "adversarial").loss_weight[:] = [weight]


def check_adversary(discriminator: Message, generator: Message, path: Path) -> None:
    """UserError unless G can fill the inputs of D, which was read from `path`.

    `data` must be as large as G's `color`; any other input must be one that G has, too.
    """
    given = input_shapes(generator, path)
    for name, (_, *shape) in input_shapes(discriminator, path).items():
        _, *wanted = given.get("color" if name == "data" else name, (0,))
        if name != "label" and shape != wanted:
            has = f"{wanted}, not {shape}" if wanted else "none of this name"
            raise UserError(f"{path}: for the input {name!r}, the generator has {has}")


def joins_gradients(generator: Message) -> bool:
    """Whether Caffe by itself adds D's gradient to that of G's own losses.

    Caffe goes backwards only from losses with a weight, so D's gradient must enter at a Split that
    such a loss reaches.
    """
    weights = [layer.loss_weight or [layer.type.endswith("Loss")] for layer in generator.layer]
    return any(map(any, weights)) and _layer_making(generator, ADVERSARIAL_BLOB).type == "Split"


def _layer_making(net: Message, blob: str) -> Message:
    return next(layer for layer in net.layer if blob in layer.top)


def deploy_form(generator: Message) -> Message:
    """The generator without loss and target: a new NetParameter, from `gray` to `fake`.

    The weights that the layers of a .caffemodel carry, and the phase they were saved in, are left
    out. The batch size becomes 1; the net may be reshaped to any size.
    """
    deploy = proto().NetParameter(name=generator.name)
    left_out = {"color", "fake_l2"}  # and the losses, which are made from them
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


def try_building(solver: Path, *deploys: Path, called: str = "") -> dict[str, list[int]]:
    """Build a solver, its net, and nets that share its weights, in a child process.

    If something does not fit, Caffe ends the child, not us. Returns the shapes of the net's blobs.
    UserError with the layer and Caffe's own words if Caffe gives up; `called` is how it names the
    files.
    """
    child = subprocess.run(
        [sys.executable, "-c", TRIAL, str(solver), *map(str, deploys)],
        env=os.environ | {"GLOG_minloglevel": "0"},  # has Caffe log each layer
        capture_output=True,
        text=True,
        check=False,
    )
    if child.returncode == 0:
        return json.loads(child.stdout.splitlines()[-1])
    raise UserError(f"{called or solver}: refused by Caffe: {_why_it_ended(child.stderr)}")


def _why_it_ended(log: str) -> str:
    """The reason for its end that Caffe's log gives, after the layer that it was making."""
    fatal = re.search(r"^F\d+ .*?\] (.*)$", log, flags=re.MULTILINE)
    if fatal:
        log, reason = log[: fatal.start()], fatal[1]
    else:  # an error in Python: the first one, as a layer's own comes before what follows from it
        lines = re.findall(r"^[\w.]*(?:Error|Exception)\b.*", log, flags=re.MULTILINE)
        reason = (lines or ["no reason given"])[0]
    steps = r"\] (?:Creating layer (.*)|Setting up .*)$"  # the second once a layer is ready
    made = re.findall(steps, log, flags=re.MULTILINE)
    return f"layer {made[-1]}: {reason}" if made and made[-1] else reason
