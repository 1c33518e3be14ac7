"""The prototxt files, their deploy forms, and what is refused before Caffe sees it."""

from pathlib import Path

import numpy as np
import pytest

from colorgan.errors import UserError
from colorgan.nets.deployed import begin_with, generate
from colorgan.nets.generators import BEST_WEIGHTS
from colorgan.nets.prototxt import (
    ADVERSARIAL_BLOB,
    BLOBS,
    CRITIC_PROTOTXT,
    DISCRIMINATOR_PROTOTXT,
    GENERATOR_PROTOTXT,
    PAPERS_SOLVERS,
    WASSERSTEIN_SOLVERS,
    adversarial_weight,
    check_adversary,
    deploy_form,
    read_net,
    read_solver,
    try_building,
    write_prototxt,
)
from colorgan.nets.runtime import load_caffe
from conftest import ROOT

PROTOTXT = ROOT / "prototxt"
CONDITIONAL = PROTOTXT / "discriminator_conditional.prototxt"
PATCH = PROTOTXT / "discriminator_patch.prototxt"
# The paper's D with one change, by file: layers that are added, and its own that differ.
CHANGED = {
    "conditional": ({"gray", "pair"}, ["conv1"]),
    "noisy": ({"noise", "its_noise", "noisy"}, ["conv1"]),
    "dropout": ({"dropout2", "dropout3", "dropout4"}, []),
    "narrow": (set(), ["conv1", "conv2", "conv3", "conv4"]),
    "pooled": ({"mean"}, ["score"]),
}
PAPERS = ("generator", "generator_small")
VARIANTS = ("generator_small_bottleneck", "generator_small_kernel5")
OURS = ("generator_chroma", "generator_unet")  # which make chroma alone
DEPLOYED = (*PAPERS, *OURS)  # those with a deploy file beside them
GENERATORS = sorted(
    path.stem for path in PROTOTXT.glob("generator*.prototxt") if "deploy" not in path.stem
)


def convolutions(stem: str) -> list:
    net = read_net(PROTOTXT / f"{stem}.prototxt")
    return [layer.convolution_param for layer in net.layer if layer.type == "Convolution"]


def fixed(stem: str) -> set[str]:
    """Layers whose blobs no solver moves."""
    layers = read_net(PROTOTXT / f"{stem}.prototxt").layer
    return {layer.name for layer in layers if layer.param and layer.param[0].lr_mult == 0}


@pytest.mark.parametrize("stem", PAPERS)
def test_generator_is_the_papers(stem: str) -> None:
    net = read_net(PROTOTXT / f"{stem}.prototxt", BLOBS["generator"])
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
    net = load_caffe().Net(str(DISCRIMINATOR_PROTOTXT), load_caffe().TRAIN)
    sides = [net.blobs[f"conv{i}"].shape[-1] for i in (1, 2, 3, 4)]
    assert sides == [32, 16, 8, 4]
    assert tuple(net.blobs["score"].shape) == (64, 1)
    assert [c.num_output for c in convolutions("discriminator")] == [32, 64, 128, 256]
    assert "BatchNorm" not in [layer.type for layer in net.layers]


def test_solvers_are_the_papers() -> None:
    for path in PAPERS_SOLVERS.values():
        solver = read_solver(path)
        assert (solver.type, solver.lr_policy, solver.max_iter) == ("Adam", "fixed", 20000)
        rates = (solver.base_lr, solver.momentum, solver.momentum2, solver.weight_decay)
        assert rates == pytest.approx((1e-4, 0.5, 0.999, 0))
        assert not solver.HasField("clip_gradients")  # it would make Adam's steps heed lambda


def test_lambda_stands_in_one_place_of_each_adversary_and_is_100() -> None:
    adversaries = {path for path in PROTOTXT.glob("*.prototxt") if "generator" not in path.stem}
    changed = {PROTOTXT / f"discriminator_{change}.prototxt" for change in CHANGED}
    assert adversaries == {DISCRIMINATOR_PROTOTXT, CRITIC_PROTOTXT, PATCH, *changed}
    for path in adversaries:
        net = read_net(path, BLOBS["discriminator"])
        assert [layer.name for layer in net.layer if layer.loss_weight] == ["adversarial"]
        assert adversarial_weight(net) == (1 if path == PATCH else 100)  # pix2pix weighs L1 instead


def test_the_critic_is_the_discriminator_up_to_its_score() -> None:
    critic, discriminator = (
        read_net(path).layer for path in (CRITIC_PROTOTXT, DISCRIMINATOR_PROTOTXT)
    )
    up_to_score = [layer.name for layer in discriminator].index("score") + 1
    assert list(critic[:up_to_score]) == list(discriminator[:up_to_score])
    assert not any("Sigmoid" in layer.type for layer in critic)


@pytest.mark.parametrize("change", CHANGED)
def test_a_changed_d_differs_from_the_papers_only_in_its_change(change: str) -> None:
    changed, papers = (
        {layer.name: layer for layer in read_net(path).layer}
        for path in (PROTOTXT / f"discriminator_{change}.prototxt", DISCRIMINATOR_PROTOTXT)
    )
    added, different = CHANGED[change]
    assert changed.keys() - papers.keys() == added
    assert [name for name, layer in papers.items() if changed[name] != layer] == different


def test_the_conditional_d_sees_the_gray_image_beside_the_colours() -> None:
    layers = {layer.name: layer for layer in read_net(CONDITIONAL).layer}
    assert list(layers["pair"].bottom) == ["data", "gray"]
    assert list(layers["conv1"].bottom) == ["pair"]


def test_noise_is_drawn_again_in_every_pass_and_fits_any_batch() -> None:
    net = load_caffe().Net(str(PROTOTXT / "discriminator_noisy.prototxt"), load_caffe().TRAIN)
    net.blobs["data"].reshape(5, 3, 64, 64)
    net.blobs["label"].reshape(5, 1)
    net.blobs["data"].data[...] = 0.5
    first, second = (net.forward(end="noisy")["noisy"] - 0.5 for _ in range(2))
    assert first.shape == (5, 3, 64, 64)
    assert first.std() == pytest.approx(0.1, rel=0.02)
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.02


def test_the_pooled_d_cannot_tell_places_apart() -> None:
    net = load_caffe().Net(str(PROTOTXT / "discriminator_pooled.prototxt"), load_caffe().TRAIN)
    maps = np.random.default_rng(3).random((64, 256, 4, 4), np.float32)
    scores = []
    for shown in (maps, np.roll(maps, (1, 2), axis=(2, 3))):
        net.blobs["conv4"].data[...] = shown
        net.forward(start="mean")
        scores.append(net.blobs["score"].data.copy())
    np.testing.assert_allclose(scores[0], scores[1], rtol=1e-4, atol=1e-6)


def test_pix2pix_judges_patches_of_34_pixels() -> None:
    net = load_caffe().Net(str(PATCH), load_caffe().TEST)  # where no statistics mix the patches
    net.forward()
    net.blobs["score"].diff[...] = 0
    net.blobs["score"].diff[0, 0, 6, 6] = 1
    net.backward(start="score")
    seen = np.abs(net.blobs["data"].diff[0]).max(axis=(0, 2))
    rows = np.flatnonzero(seen > 1e-4 * seen.max())  # the engine's rounding reaches further
    assert rows[-1] - rows[0] + 1 == 34


def test_pix2pix_loss_of_d_is_the_mean_over_patches() -> None:
    net = load_caffe().Net(str(PATCH), load_caffe().TRAIN)
    random = np.random.default_rng(3)
    for name in ("data", "gray"):
        net.blobs[name].reshape(2, 3, 64, 64)
        net.blobs[name].data[...] = random.random((2, 3, 64, 64))
    net.blobs["label"].reshape(2, 1, 14, 14)
    for label in (0, 1):
        net.blobs["label"].data[...] = label
        net.forward()
        score = net.blobs["score"].data.astype(np.float64)
        expected = np.logaddexp(0, score if label == 0 else -score).mean()
        assert float(net.blobs["adversarial"].data) == pytest.approx(expected, rel=1e-5)


def test_pix2pix_weighs_l1_by_100_of_images_of_minus_1_to_1() -> None:
    net = load_caffe().Net(str(PROTOTXT / "generator_pix2pix.prototxt"), load_caffe().TRAIN)
    net.blobs["color"].data[...] = np.random.default_rng(3).random((64, 3, 64, 64))
    net.forward()
    net.backward()
    error = net.blobs["fake"].data.astype(np.float64) - net.blobs["color"].data
    assert float(net.blobs["l1"].data) == pytest.approx(np.abs(error).mean(), rel=1e-5)
    expected = 100 * 2 * np.sign(error) / error.size
    np.testing.assert_allclose(net.blobs["fake_l2"].diff, expected, rtol=1e-4, atol=1e-9)


def test_pix2pix_hands_every_size_of_map_across() -> None:
    net = load_caffe().Net(str(PROTOTXT / "generator_pix2pix.prototxt"), load_caffe().TRAIN)
    sides = [net.blobs[f"conv{i}"].shape[-1] for i in range(1, 7)]
    assert sides == [32, 16, 8, 4, 2, 1]
    across = [layer for layer in read_net(PROTOTXT / "generator_pix2pix.prototxt").layer
              if layer.type == "Concat"]  # fmt: skip
    assert [layer.bottom[1] for layer in across] == [f"conv{i}" for i in range(5, 0, -1)]


def test_a_d_that_asks_for_what_g_has_not_is_refused() -> None:
    generator, discriminator = read_net(GENERATOR_PROTOTXT), read_net(CONDITIONAL)
    check_adversary(discriminator, generator, CONDITIONAL)
    gray = next(layer for layer in discriminator.layer if layer.name == "gray")
    gray.input_param.shape[0].dim[1] = 1
    with pytest.raises(UserError, match="'gray'"):
        check_adversary(discriminator, generator, CONDITIONAL)
    gray.top[0] = "depth"
    with pytest.raises(UserError, match="'depth'"):
        check_adversary(discriminator, generator, CONDITIONAL)


def test_wasserstein_solvers_are_its_authors() -> None:
    for path in WASSERSTEIN_SOLVERS.values():
        solver = read_solver(path)
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
    learned = {name for name in net.params if not name.startswith("bn")} - fixed(stem)
    for name in learned:
        assert net.params[name][0].diff.any(), name


@pytest.mark.parametrize("stem", ["generator_chroma", *PAPERS, *VARIANTS])
def test_feature_maps_keep_their_size(stem: str) -> None:
    net = load_caffe().Net(str(PROTOTXT / f"{stem}.prototxt"), load_caffe().TEST)
    assert {net.blobs[name].shape[-1] for name in net.blobs if name.startswith("conv")} == {64}


def test_the_bottleneck_has_two_thirds_of_the_maps() -> None:
    total = {
        stem: sum(c.num_output for c in convolutions(stem)) - 3
        for stem in ("generator_small", "generator_small_bottleneck")
    }
    assert total == {"generator_small": 240, "generator_small_bottleneck": 160}


CHROMA_LAYERS = {
    "generator_cheng": "chroma",
    "generator_chroma": "conv8",
    "generator_unet": "tenths",
    "generator_unet128": "tenths0",
}


@pytest.mark.parametrize("stem", CHROMA_LAYERS)
def test_generators_of_chroma_keep_the_inputs_luminance_whatever_they_have_learned(
    stem: str, tmp_path: Path
) -> None:
    deploy = tmp_path / "deploy.prototxt"
    write_prototxt(deploy, deploy_form(read_net(PROTOTXT / f"{stem}.prototxt")), "for a test")
    net = load_caffe().Net(str(deploy), load_caffe().TEST)
    for statistics in (blobs for name, blobs in net.params.items() if name.startswith("bn")):
        for blob in statistics:
            blob.data[...] = 1  # a net that has seen no face divides by almost nothing
    for blob in net.params[CHROMA_LAYERS[stem]]:
        blob.data[...] = np.random.default_rng(3).normal(0, 0.3, blob.data.shape)
    gray = np.random.default_rng(2).integers(0, 256, (2, 64, 64), np.uint8)
    blue, green, red = np.moveaxis(generate(net, gray), 1, 0)
    assert np.abs(red - blue).max() > 0.1
    np.testing.assert_allclose(0.114 * blue + 0.587 * green + 0.299 * red, gray / 255, atol=1e-5)


def test_the_unet_of_128_begins_with_what_the_unet_makes_of_half_the_size(tmp_path: Path) -> None:
    nets = []
    for stem in ("generator_unet", "generator_unet128"):
        deploy = tmp_path / f"{stem}.prototxt"
        write_prototxt(deploy, deploy_form(read_net(PROTOTXT / f"{stem}.prototxt")), "for a test")
        nets.append(load_caffe().Net(str(deploy), load_caffe().TEST))
        begin_with(nets[-1], BEST_WEIGHTS)
    unet, larger = nets
    for added in ("finer", "tenths0"):  # small at first
        larger.params[added][0].data[...] = 0
    gray = np.random.default_rng(2).integers(0, 256, (2, 64, 64), np.uint8)
    expected = generate(unet, gray).repeat(2, axis=2).repeat(2, axis=3)
    found = generate(larger, gray.repeat(2, axis=1).repeat(2, axis=2))
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("stem", DEPLOYED)
def test_deploy_file_is_the_training_file_without_loss_and_target(stem: str) -> None:
    training = read_net(PROTOTXT / f"{stem}.prototxt")
    deploy = read_net(PROTOTXT / f"{stem}_deploy.prototxt")
    assert deploy_form(training) == deploy


def test_prototxt_with_a_typing_error_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "broken.prototxt"
    path.write_text('name: "G"\nlayr { }\n')
    with pytest.raises(UserError, match="2:1"):
        read_net(path)


@pytest.mark.parametrize("stem", ["generator_larsson", "generator_zhang"])
def test_a_net_that_learns_from_scores_is_not_trained_against_d(stem: str) -> None:
    with pytest.raises(UserError, match="'fake_adversarial'"):
        read_net(PROTOTXT / f"{stem}.prototxt", [ADVERSARIAL_BLOB])


def test_net_without_the_blobs_of_the_step_is_refused() -> None:
    with pytest.raises(UserError, match="'l2'"):
        read_net(PROTOTXT / "generator_deploy.prototxt", ("gray", "fake", "l2"))


def test_net_that_caffe_would_abort_on_is_refused_with_caffes_reason(tmp_path: Path) -> None:
    net = read_net(GENERATOR_PROTOTXT)
    next(layer for layer in net.layer if layer.name == "conv3").bottom[0] = "nowhere"
    write_prototxt(tmp_path / "net.prototxt", net, "for a test")
    solver = read_solver(PAPERS_SOLVERS["generator"])
    solver.net = str(tmp_path / "net.prototxt")
    write_prototxt(tmp_path / "solver.prototxt", solver, "for a test")
    with pytest.raises(UserError, match="nowhere"):
        try_building(tmp_path / "solver.prototxt")


def changed(path: Path, out: Path, old: str, new: str) -> Path:
    """A copy of a prototxt file with its first `old` replaced."""
    text = path.read_text()
    assert old in text
    out.write_text(text.replace(old, new, 1))
    return out


FACES = "dim: 64 dim: 3 dim: 64 dim: 64"


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (FACES, FACES.replace("3", "1"), r"'gray' is \(64, 1, 64, 64\), not N x 3 x side x side"),
        (FACES, "dim: 64 dim: 3 dim: 48 dim: 64", "not N x 3 x side x side"),
        (FACES, "dim: 64 dim: 3 dim: 48 dim: 48", "gray and color differ in size"),
        (FACES, "dim: 64 dim: 64", r"is \(64, 64\), not N x 3"),
        (f"shape {{ {FACES} }}", "", "Input layer 'gray' must have one top and a shape"),
        ('top: "gray"', 'top: "gray" top: "x"', "must have one top"),
        ('type: "Input"', 'type: "DummyData"', "'gray' must be made by a layer of type Input"),
        ('name: "conv2"', 'name: "conv1"', "2 layers are called 'conv1'"),
        ('name: "GeneratorSmall"', 'input: "gray"', "has `input`, Caffe's old form"),
        ('name: "GeneratorSmall"', "layers { }", "has `layers`, Caffe's old form"),
    ],
)
def test_a_net_that_training_cannot_fill_is_refused(
    tmp_path: Path, old: str, new: str, complaint: str
) -> None:
    path = changed(PROTOTXT / "generator_small.prototxt", tmp_path / "net.prototxt", old, new)
    with pytest.raises(UserError, match=complaint):
        read_net(path, BLOBS["generator"])


def test_prototxt_may_begin_with_a_byte_order_mark_and_must_be_utf_8(tmp_path: Path) -> None:
    path, text = tmp_path / "net.prototxt", GENERATOR_PROTOTXT.read_text()
    path.write_text(text, encoding="utf-8-sig", newline="\r\n")
    assert read_net(path) == read_net(GENERATOR_PROTOTXT)
    path.write_text(text, encoding="utf-16")
    with pytest.raises(UserError, match="not text in UTF-8"):
        read_net(path)


def test_what_caffe_refuses_is_reported_with_its_layer(tmp_path: Path) -> None:
    small = PROTOTXT / "generator_small.prototxt"
    python = 'name: "fake" type: "Python" python_param { module: "no_such" layer: "L" }'
    solver = tmp_path / "solver.prototxt"
    for old, new, complaint in (
        ("num_output: 3\n", "num_output: 1\n", "layer l2: .* must have the same dimension"),
        ('"ReLU"', '"RelU"', "layer relu1: .*Unknown layer type: RelU"),
        ('name: "fake"\n  type: "Sigmoid"', python, "layer fake: ModuleNotFoundError: .*no_such"),
    ):
        net = changed(small, tmp_path / "net.prototxt", old, new)
        changed(PAPERS_SOLVERS["generator"], solver, "prototxt/generator.prototxt", str(net))
        with pytest.raises(UserError, match=f"G: refused by Caffe: {complaint}"):
            try_building(solver, called="G")
