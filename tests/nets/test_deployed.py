"""Trained generators: what they give, and weights that are refused before Caffe sees them."""

from pathlib import Path

import numpy as np
import pytest

from colorgan.errors import UserError
from colorgan.nets.deployed import DeployedGenerator, begin_with, generate, read_weights
from colorgan.nets.prototxt import (
    DISCRIMINATOR_PROTOTXT,
)
from colorgan.nets.runtime import load_caffe
from conftest import ROOT


def save_trained(tmp_path: Path, stem: str = "generator_small") -> Path:
    """Weights of a generator whose BatchNorm has seen data, saved by Caffe."""
    net = load_caffe().Net(str(ROOT / f"prototxt/{stem}.prototxt"), load_caffe().TRAIN)
    for blob in ("gray", "color"):
        net.blobs[blob].reshape(2, 3, 64, 64)
        net.blobs[blob].data[...] = np.random.default_rng(1).random((2, 3, 64, 64))
    net.forward()
    weights = tmp_path / f"{stem}.caffemodel"
    net.save(str(weights))
    return weights


def test_deploy_net_gives_the_training_nets_output_in_test_phase(tmp_path: Path) -> None:
    caffe = load_caffe()
    weights = save_trained(tmp_path)
    gray = np.random.default_rng(2).integers(0, 256, (2, 64, 64), np.uint8)
    training = caffe.Net(str(ROOT / "prototxt/generator_small.prototxt"), str(weights), caffe.TEST)
    training.blobs["color"].reshape(2, 3, 64, 64)
    expected = generate(training, gray)
    deploy = caffe.Net(
        str(ROOT / "prototxt/generator_small_deploy.prototxt"), str(weights), caffe.TEST
    )
    np.testing.assert_array_equal(generate(deploy, gray), expected)
    np.testing.assert_array_equal(DeployedGenerator(weights).colorize(gray), expected)
    assert expected.std() > 0.01


def test_deployed_generator_takes_any_size_and_gray_is_repeated(tmp_path: Path) -> None:
    generator = DeployedGenerator(save_trained(tmp_path))
    gray = np.random.default_rng(2).integers(0, 256, (3, 50, 71), np.uint8)
    fake = generator.colorize(gray)
    assert fake.shape == (3, 3, 50, 71)
    assert fake.dtype == np.float32
    assert fake.min() >= 0
    assert fake.max() <= 1
    np.testing.assert_array_equal(generator.colorize(gray[1:2])[0], fake[1])


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "cannot be read"),
        (b"", "holds no weights"),
        (b"\xff\xd8\xff not weights", "not a .caffemodel"),
    ],
)
def test_files_that_are_no_weights_are_refused(
    tmp_path: Path, content: bytes | None, complaint: str
) -> None:
    path = tmp_path / "weights.caffemodel"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=complaint):
        DeployedGenerator(path)


def test_truncated_weights_are_refused(tmp_path: Path) -> None:
    weights = save_trained(tmp_path)
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(UserError, match="damaged"):
        DeployedGenerator(weights)


def test_weights_of_d_are_refused_as_a_generators(tmp_path: Path) -> None:
    net = load_caffe().Net(str(DISCRIMINATOR_PROTOTXT), load_caffe().TRAIN)
    net.save(str(tmp_path / "d.caffemodel"))
    with pytest.raises(UserError, match="not a generator"):
        DeployedGenerator(tmp_path / "d.caffemodel")


@pytest.mark.parametrize("damage", ["shape", "nan", "absent"])
def test_weights_that_do_not_fit_their_layers_are_refused(tmp_path: Path, damage: str) -> None:
    path = save_trained(tmp_path)
    weights = read_weights(path)
    layer = next(layer for layer in weights.layer if layer.name == "conv2")
    if damage == "shape":
        layer.blobs[0].shape.dim[0] += 1
    elif damage == "nan":
        layer.blobs[0].data[7] = float("nan")
    else:
        layer.ClearField("blobs")
    path.write_bytes(weights.SerializeToString())
    with pytest.raises(UserError, match="layer conv2"):
        DeployedGenerator(path)


def test_a_net_begins_with_the_layers_that_it_shares_and_keeps_its_others(tmp_path: Path) -> None:
    caffe = load_caffe()
    path = save_trained(tmp_path)
    weights = read_weights(path)
    conv5 = next(layer for layer in weights.layer if layer.name == "conv5")
    conv5.name = "another"
    path.write_bytes(weights.SerializeToString())
    net = caffe.Net(str(ROOT / "prototxt/generator_small.prototxt"), caffe.TRAIN)
    own = net.params["conv5"][0].data.copy()
    begin_with(net, path)
    stored = {layer.name: layer for layer in weights.layer}
    for name in net.params.keys() - {"conv5"}:
        first = stored[name].blobs[0]
        np.testing.assert_array_equal(net.params[name][0].data.ravel(), np.float32(first.data))
    np.testing.assert_array_equal(net.params["conv5"][0].data, own)


def test_a_net_does_not_begin_with_weights_that_do_not_fit_it(tmp_path: Path) -> None:
    caffe = load_caffe()
    path = save_trained(tmp_path)
    paper = caffe.Net(str(ROOT / "prototxt/generator.prototxt"), caffe.TRAIN)
    with pytest.raises(UserError, match="layer conv1 has"):
        begin_with(paper, path)
    weights = read_weights(path)
    for layer in weights.layer:
        layer.name = f"other {layer.name}"
    path.write_bytes(weights.SerializeToString())
    with pytest.raises(UserError, match="none of the generator's layers"):
        begin_with(paper, path)
