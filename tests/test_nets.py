"""The prototxt files, their deploy forms, and what is refused before Caffe sees it."""

from pathlib import Path

import numpy as np
import pytest

from colorgan import nets
from colorgan.caffe_runtime import load_caffe
from colorgan.errors import UserError

PROTOTXT = nets.PROJECT_ROOT / "prototxt"
PAPERS = ("generator", "generator_small")
DEPLOYED = (*PAPERS, "generator_chroma")  # those with a deploy file beside them
GENERATORS = sorted(
    path.stem for path in PROTOTXT.glob("generator*.prototxt") if "deploy" not in path.stem
)


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


@pytest.mark.parametrize("stem", PAPERS)
def test_generator_is_the_papers(stem: str) -> None:
    net = nets.read_net(PROTOTXT / f"{stem}.prototxt", nets.BLOBS["generator"])
    kinds = [layer.type for layer in net.layer if layer.type != "Input"]
    block = ["Convolution", "BatchNorm", "Scale", "ReLU"]
    assert kinds == 4 * block + ["Convolution", "Sigmoid", "Split", "EuclideanLoss"]
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


def test_lambda_stands_in_one_place_of_each_adversary_and_is_100() -> None:
    weighted = {
        (path.name, layer.name)
        for path in PROTOTXT.glob("*.prototxt")
        for layer in nets.read_net(path).layer
        if layer.loss_weight
    }
    adversaries = (nets.DISCRIMINATOR_PROTOTXT, nets.CRITIC_PROTOTXT)
    assert weighted == {(path.name, "adversarial") for path in adversaries}
    for path in adversaries:
        assert nets.adversarial_weight(nets.read_net(path)) == 100


def test_the_critic_is_the_discriminator_up_to_its_score() -> None:
    critic, discriminator = (
        nets.read_net(path).layer for path in (nets.CRITIC_PROTOTXT, nets.DISCRIMINATOR_PROTOTXT)
    )
    up_to_score = [layer.name for layer in discriminator].index("score") + 1
    assert list(critic[:up_to_score]) == list(discriminator[:up_to_score])
    assert not any("Sigmoid" in layer.type for layer in critic)


def test_wasserstein_solvers_are_its_authors() -> None:
    for path in nets.WASSERSTEIN_SOLVERS.values():
        solver = nets.read_solver(path)
        assert (solver.type, solver.lr_policy, solver.momentum) == ("RMSProp", "fixed", 0)
        assert solver.base_lr == pytest.approx(5e-5)


@pytest.mark.parametrize("stem", GENERATORS)
def test_every_generator_takes_and_gives_64_pixels_and_trains(stem: str) -> None:
    path = PROTOTXT / f"{stem}.prototxt"
    net = load_caffe().Net(str(path), load_caffe().TRAIN)
    for blob in ("gray", "color"):
        net.blobs[blob].reshape(2, 3, 64, 64)
        net.blobs[blob].data[...] = np.random.default_rng(1).random((2, 3, 64, 64))
    net.forward()
    assert net.blobs["fake"].data.shape == (2, 3, 64, 64)
    net.backward()
    for name, (weights, *_) in net.params.items():
        assert name.startswith("bn") or weights.diff.any()


@pytest.mark.parametrize("stem", sorted(set(GENERATORS) - {"generator_autoencoder"}))
def test_feature_maps_keep_their_size(stem: str) -> None:
    net = load_caffe().Net(str(PROTOTXT / f"{stem}.prototxt"), load_caffe().TEST)
    assert {net.blobs[name].shape[-1] for name in net.blobs if name.startswith("conv")} == {64}


def test_the_bottleneck_has_two_thirds_of_the_maps() -> None:
    total = {
        stem: sum(c.num_output for c in convolutions(stem)) - 3
        for stem in ("generator_small", "generator_small_bottleneck")
    }
    assert total == {"generator_small": 240, "generator_small_bottleneck": 160}


def test_the_chroma_generator_keeps_the_inputs_luminance_whatever_it_has_learned() -> None:
    net = load_caffe().Net(str(PROTOTXT / "generator_chroma_deploy.prototxt"), load_caffe().TEST)
    for blob in net.params["conv8"]:
        blob.data[...] = np.random.default_rng(3).normal(0, 0.3, blob.data.shape)
    gray = np.random.default_rng(2).integers(0, 256, (2, 64, 64), np.uint8)
    blue, green, red = np.moveaxis(nets.generate(net, gray), 1, 0)
    assert np.abs(red - blue).max() > 0.1
    np.testing.assert_allclose(0.114 * blue + 0.587 * green + 0.299 * red, gray / 255, atol=1e-5)


@pytest.mark.parametrize("stem", DEPLOYED)
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
