"""The prototxt files, their deploy forms, and what is refused before Caffe sees it."""

from pathlib import Path

import numpy as np
import pytest

from colorgan import nets
from colorgan.caffe_runtime import load_caffe
from colorgan.errors import UserError

PROTOTXT = nets.PROJECT_ROOT / "prototxt"
GENERATORS = ("generator", "generator_small")


def save_trained(tmp_path: Path, stem: str = "generator_small") -> Path:
    """Weights of a generator whose BatchNorm has seen data, saved by Caffe."""
    net = load_caffe().Net(str(PROTOTXT / f"{stem}.prototxt"), load_caffe().TRAIN)
    for blob in ("gray", "color"):
        net.blobs[blob].reshape(2, 3, 64, 64)
        net.blobs[blob].data[...] = np.random.default_rng(1).random((2, 3, 64, 64))
    net.forward()
    weights = tmp_path / f"{stem}.caffemodel"
    net.save(str(weights))
    return weights


def convolutions(stem: str) -> list:
    net = nets.read_net(PROTOTXT / f"{stem}.prototxt")
    return [layer.convolution_param for layer in net.layer if layer.type == "Convolution"]


@pytest.mark.parametrize("stem", GENERATORS)
def test_generator_is_the_papers(stem: str) -> None:
    net = nets.read_net(PROTOTXT / f"{stem}.prototxt", nets.BLOBS["generator"])
    kinds = [layer.type for layer in net.layer if layer.type != "Input"]
    block = ["Convolution", "BatchNorm", "Scale", "ReLU"]
    assert kinds == 4 * block + ["Convolution", "Sigmoid", "EuclideanLoss"]
    maps = [c.num_output for c in convolutions(stem)]
    assert maps[:4] == sorted(set(maps[:4]))  # they grow towards the output
    assert maps[4] == 3
    assert all((c.kernel_size[0], c.pad[0], len(c.stride)) == (3, 1, 0) for c in convolutions(stem))


def test_generator_has_the_assumed_map_counts() -> None:
    assert [c.num_output for c in convolutions("generator")] == [32, 64, 128, 256, 3]


def test_discriminator_shrinks_to_one_score_and_has_no_batchnorm() -> None:
    net = load_caffe().Net(str(nets.DISCRIMINATOR_PROTOTXT), load_caffe().TRAIN)
    sides = [net.blobs[f"conv{i}"].shape[-1] for i in (1, 2, 3, 4)]
    assert sides == [32, 16, 8, 4]
    assert tuple(net.blobs["score"].shape) == (64, 1)
    assert [c.num_output for c in convolutions("discriminator")] == [32, 64, 128, 256]
    assert "BatchNorm" not in [layer.type for layer in net.layers]


def test_solvers_are_the_papers() -> None:
    for path in nets.SOLVERS.values():
        solver = nets.read_solver(path)
        assert (solver.type, solver.lr_policy, solver.max_iter) == ("Adam", "fixed", 20000)
        rates = (solver.base_lr, solver.momentum, solver.momentum2, solver.weight_decay)
        assert rates == pytest.approx((1e-4, 0.5, 0.999, 0))
        assert not solver.HasField("clip_gradients")  # it would make Adam's steps heed lambda


def test_lambda_stands_in_one_place_and_is_100() -> None:
    weighted = [
        (path.name, layer.name)
        for path in PROTOTXT.glob("*.prototxt")
        for layer in nets.read_net(path).layer
        if layer.loss_weight
    ]
    assert weighted == [("discriminator.prototxt", "adversarial")]
    assert nets.adversarial_weight(nets.read_net(nets.DISCRIMINATOR_PROTOTXT)) == 100


@pytest.mark.parametrize("stem", GENERATORS)
def test_deploy_file_is_the_training_file_without_loss_and_target(stem: str) -> None:
    training = nets.read_net(PROTOTXT / f"{stem}.prototxt")
    deploy = nets.read_net(PROTOTXT / f"{stem}_deploy.prototxt")
    assert nets.deploy_form(training) == deploy


def test_deploy_net_gives_the_training_nets_output_in_test_phase(tmp_path: Path) -> None:
    caffe = load_caffe()
    weights = save_trained(tmp_path)
    gray = np.random.default_rng(2).integers(0, 256, (2, 64, 64), np.uint8)
    training = caffe.Net(str(PROTOTXT / "generator_small.prototxt"), str(weights), caffe.TEST)
    training.blobs["color"].reshape(2, 3, 64, 64)
    expected = nets.generate(training, gray)
    deploy = caffe.Net(str(PROTOTXT / "generator_small_deploy.prototxt"), str(weights), caffe.TEST)
    np.testing.assert_array_equal(nets.generate(deploy, gray), expected)
    np.testing.assert_array_equal(nets.DeployedGenerator(weights).colorize(gray), expected)
    assert expected.std() > 0.01


def test_deployed_generator_takes_any_size_and_gray_is_repeated(tmp_path: Path) -> None:
    generator = nets.DeployedGenerator(save_trained(tmp_path))
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
        nets.DeployedGenerator(path)


def test_truncated_weights_are_refused(tmp_path: Path) -> None:
    weights = save_trained(tmp_path)
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(UserError, match="damaged"):
        nets.DeployedGenerator(weights)


def test_weights_of_d_are_refused_as_a_generators(tmp_path: Path) -> None:
    net = load_caffe().Net(str(nets.DISCRIMINATOR_PROTOTXT), load_caffe().TRAIN)
    net.save(str(tmp_path / "d.caffemodel"))
    with pytest.raises(UserError, match="not a generator"):
        nets.DeployedGenerator(tmp_path / "d.caffemodel")


@pytest.mark.parametrize("damage", ["shape", "nan", "absent"])
def test_weights_that_do_not_fit_their_layers_are_refused(tmp_path: Path, damage: str) -> None:
    path = save_trained(tmp_path)
    weights = nets.read_weights(path)
    layer = next(layer for layer in weights.layer if layer.name == "conv2")
    if damage == "shape":
        layer.blobs[0].shape.dim[0] += 1
    elif damage == "nan":
        layer.blobs[0].data[7] = float("nan")
    else:
        layer.ClearField("blobs")
    path.write_bytes(weights.SerializeToString())
    with pytest.raises(UserError, match="layer conv2"):
        nets.DeployedGenerator(path)


def test_prototxt_with_a_typing_error_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "broken.prototxt"
    path.write_text('name: "G"\nlayr { }\n')
    with pytest.raises(UserError, match="2:1"):
        nets.read_net(path)


def test_net_without_the_blobs_of_the_step_is_refused() -> None:
    with pytest.raises(UserError, match="'l2'"):
        nets.read_net(PROTOTXT / "generator_deploy.prototxt", ("gray", "fake", "l2"))


def test_net_that_caffe_would_abort_on_is_refused_with_caffes_reason(tmp_path: Path) -> None:
    net = nets.read_net(nets.GENERATOR_PROTOTXT)
    next(layer for layer in net.layer if layer.name == "conv3").bottom[0] = "nowhere"
    nets.write_prototxt(tmp_path / "net.prototxt", net, "for a test")
    solver = nets.read_solver(nets.SOLVERS["generator"])
    solver.net = str(tmp_path / "net.prototxt")
    nets.write_prototxt(tmp_path / "solver.prototxt", solver, "for a test")
    with pytest.raises(UserError, match="nowhere"):
        nets.try_building(tmp_path / "solver.prototxt")
