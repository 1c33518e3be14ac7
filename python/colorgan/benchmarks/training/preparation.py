"""Writes what all sides run into a folder: nets, solvers, first weights and faces."""

import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from colorgan.benchmarks.training.job import SEED, Job
from colorgan.faces.batches import batch_of
from colorgan.nets import prototxt
from colorgan.nets.prototxt import PAPERS_SOLVERS
from colorgan.nets.runtime import load_caffe

# How often an iteration goes through a net. In training that is forward, backward for the weights'
# gradients, and backward for the maps' gradients. D does all three on real faces and on generated
# ones, and then once more for G, without the weights' gradients.
TRAINING_PASSES = {"generator": 3, "discriminator": 3 + 3 + 2}
FORWARD_PASSES = {"generator": 1, "discriminator": 0}
MOST_MAPS = 2**31 - 1  # the largest number in the prototxt's field; Caffe then refuses it


def prepare_job(
    folder: Path,
    generator: Path,
    forward: bool,
    batch_size: int,
    size: int,
    width: float,
    gpu: int | None = None,
    tf32: bool = False,
) -> Job:
    """Write the nets, their solvers, their first weights and random faces to `folder`.

    Faces are `size` x `size` pixels, and `width` multiplies G's numbers of maps. UserError if Caffe
    refuses a net, or if G is to be trained but has no place for D's gradient.
    """
    caffe, plain = load_caffe(), partial(MessageToDict, preserving_proto_field_name=True)
    sources = {"generator": generator, "discriminator": prototxt.DISCRIMINATOR_PROTOTXT}
    layers, solvers, flop = {}, {}, {}
    weights: dict[str, Any] = {}  # arrays
    for seed, (name, source) in enumerate(sources.items(), SEED):
        net = prototxt.read_net(source, prototxt.needed_blobs(name, against_d=not forward))
        fit(net, batch_size, size, width if name == "generator" else 1)
        prototxt.write_prototxt(folder / f"{name}.prototxt", net, source.name)
        solver_path = folder / f"{name}_solver.prototxt"
        solver = prototxt.read_solver(PAPERS_SOLVERS[name])
        solver.net = str(folder / f"{name}.prototxt")
        prototxt.write_prototxt(solver_path, solver, PAPERS_SOLVERS[name].name)
        called = f"{source} at batch size {batch_size}, faces of {size} pixels"
        prototxt.try_building(solver_path, called=called)
        caffe.set_random_seed(seed)
        built = caffe.Net(solver.net, caffe.TRAIN)
        weights |= first_weights(name, net, built)
        if name == "generator":
            prototxt.write_prototxt(
                folder / "deploy.prototxt", prototxt.deploy_form(net), source.name
            )
        passes = FORWARD_PASSES if forward else TRAINING_PASSES
        flop[name] = passes[name] * flop_of_a_pass(net, built)
        layers[name], solvers[name] = plain(net)["layer"], plain(solver)
    np.savez(folder / "weights.npz", **weights)
    shape, weight = (batch_size, 3, size, size), prototxt.adversarial_weight(net)
    faces = np.random.default_rng(SEED).integers(0, 256, shape, np.uint8)
    batch = batch_of(faces)
    np.savez(folder / "faces.npz", gray=batch.gray, color=batch.color, levels=faces[:, 0])
    return Job(str(folder), forward, shape, layers, solvers, weight, flop, gpu, tf32)


def fit(net: Message, batch_size: int, size: int, width: float) -> None:
    """Set the number and size of faces, and multiply the maps of all convolutions but the last."""
    prototxt.set_batch_size(net, batch_size)
    for layer in net.layer:
        if layer.type == "Input":
            for shape in layer.input_param.shape:
                shape.dim[2:] = [size] * len(
                    shape.dim[2:]
                )  # not a label's, which has one dimension
    for layer in [layer for layer in net.layer if layer.type == "Convolution"][:-1]:
        maps = layer.convolution_param.num_output
        layer.convolution_param.num_output = min(max(1, round(maps * width)), MOST_MAPS)


def first_weights(name: str, net: Message, built: Any) -> dict[str, np.ndarray]:
    """Copies of a new net's parameters, by NET/LAYER/INDEX, with averages for its BatchNorms.

    Caffe's averages are 0 at first, so that each block of G would multiply by 300 in the TEST
    phase.
    """
    random = np.random.default_rng(SEED)
    for layer in net.layer:
        if layer.type == "BatchNorm":
            mean, variance, count = (blob.data for blob in built.params[layer.name])
            mean[...] = random.normal(0, 0.1, mean.shape)
            variance[...] = random.uniform(0.5, 1.5, variance.shape)
            count[...] = 1
    return {
        f"{name}/{layer}/{index}": blob.data.copy()
        for layer, blobs in built.params.items()
        for index, blob in enumerate(blobs)
    }


def flop_of_a_pass(net: Message, built: Any) -> float:
    """Floating-point operations to take one image forward: 2 for each multiply-add.

    A convolution counts as direct, whatever algorithm computes it.
    """
    return sum(
        2.0 * built.params[layer.name][0].data.size * math.prod(built.blobs[layer.top[0]].shape[2:])
        for layer in net.layer
        if layer.type in ("Convolution", "InnerProduct")
    )
