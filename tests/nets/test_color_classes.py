"""Colours as classes: labels, weights, the loss and its gradient, and the colours of scores."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from colorgan.nets.color_classes import class_centers, class_weights, soft_labels
from colorgan.nets.deployed import DeployedGenerator, generate
from colorgan.nets.prototxt import deploy_form, read_net, write_prototxt
from colorgan.nets.runtime import load_caffe
from colorgan.processes import all_processes
from conftest import ROOT
from layer_nets import assert_gradient_of_scores, one_layer
from mpi import in_processes

ZHANG = ROOT / "prototxt/generator_zhang.prototxt"
CENTERS = class_centers(10)
LOSS = '{"step": 10, "neighbors": 5, "sigma": 5, "uniform": 0.5}'


def loss_net(scores: np.ndarray, color: np.ndarray):
    blobs = {"scores": scores, "color": color}
    return one_layer("colorgan.nets.color_classes", "ClassLoss", LOSS, blobs)


@pytest.fixture
def color() -> np.ndarray:
    return np.random.default_rng(4).random((2, 3, 16, 16), np.float32)


@pytest.fixture
def scores() -> np.ndarray:
    return np.random.default_rng(5).normal(0, 1, (2, len(CENTERS), 4, 4)).astype(np.float32)


def mean_ab(color: np.ndarray) -> np.ndarray:
    """(N, h, w, 2): means of a and b over 4 x 4 pixels, each face by itself."""
    labs = [cv2.cvtColor(np.dstack(list(face)), cv2.COLOR_BGR2Lab) for face in color]
    rows = [lab[4 * i : 4 * i + 4] for lab in labs for i in range(4)]
    cells = [row[:, 4 * j : 4 * j + 4, 1:].mean(axis=(0, 1)) for row in rows for j in range(4)]
    return np.reshape(cells, (len(color), 4, 4, 2)).astype(np.float64)


def reference(scores: np.ndarray, color: np.ndarray) -> float:
    """The source's formula (2), pixel by pixel in float64; no batch was counted before."""
    labels = np.zeros((2, 4, 4, len(CENTERS)))
    for place in np.ndindex(2, 4, 4):
        squares = np.square(CENTERS - mean_ab(color)[place]).sum(axis=1)
        nearest = np.argsort(squares)[:5]
        labels[place][nearest] = np.exp(-squares[nearest] / (2 * 5**2))
        labels[place] /= labels[place].sum()
    shares = labels.mean(axis=(0, 1, 2))
    weights = 1 / (0.5 * shares + 0.5 / len(CENTERS))
    weights /= (shares * weights).sum()
    loss = 0.0
    for n, i, j in np.ndindex(2, 4, 4):
        z = scores[n, :, i, j].astype(np.float64)
        logarithms = z - np.log(np.exp(z).sum())
        label = labels[n, i, j]
        loss -= weights[label.argmax()] * (label * logarithms).sum()
    return loss / (2 * 4 * 4)


def test_classes_are_the_squares_that_srgb_reaches() -> None:
    assert CENTERS.shape == (261, 2)
    assert (CENTERS % 10 == 0).all()
    assert [0, 0] in CENTERS.tolist()
    assert np.abs(CENTERS).max() <= 110


def test_a_colour_is_shared_among_the_five_nearest_classes() -> None:
    (label,) = soft_labels(np.float32([[12, 23]]), CENTERS, 5, 5)
    assert label.sum() == pytest.approx(1)
    assert np.count_nonzero(label) == 5
    assert CENTERS[label.argmax()].tolist() == [10, 20]
    ratio = label[CENTERS.tolist().index([20, 20])] / label.max()
    assert ratio == pytest.approx(np.exp(-((8**2 + 3**2) - (2**2 + 3**2)) / 50))


def test_rare_classes_count_more_and_a_pixel_1_in_the_mean() -> None:
    shares = np.float32([0.7, 0.2, 0.1, 0])
    weights = class_weights(shares, 0.5)
    assert (shares * weights).sum() == pytest.approx(1)
    assert weights[3] / weights[0] == pytest.approx((0.35 + 0.125) / 0.125)
    np.testing.assert_allclose(class_weights(shares, 1), 1)  # all classes alike


def test_the_loss_is_the_sources(scores: np.ndarray, color: np.ndarray) -> None:
    net = loss_net(scores, color)
    net.forward()
    assert float(net.blobs["top"].data) == pytest.approx(reference(scores, color), rel=1e-5)


def test_its_gradient_is_that_of_the_loss(scores: np.ndarray, color: np.ndarray) -> None:
    assert_gradient_of_scores(loss_net(scores, color), lambda moved: reference(moved, color))


def test_the_shares_of_classes_are_those_of_all_batches_so_far(
    scores: np.ndarray, color: np.ndarray
) -> None:
    net = loss_net(scores, color)
    net.forward()
    first = net.params["layer"][0].data.copy()
    net.blobs["color"].data[...] = 0.5
    net.forward()
    counted = net.params["layer"][0].data
    gray = soft_labels(np.zeros((1, 2)), CENTERS, 5, 5)[0]
    np.testing.assert_allclose(counted, first + gray, atol=1e-5)
    assert first.sum() == pytest.approx(1)


def loss_of_share(scores: np.ndarray, color: np.ndarray) -> tuple[float, np.ndarray]:
    """The loss on this process's share of the faces, and what the layer has counted."""
    share = all_processes().share
    net = loss_net(scores[share], color[share])
    net.forward()
    return float(net.blobs["top"].data), net.params["layer"][0].data.copy()


def test_processes_that_share_a_batch_count_all_of_it(
    scores: np.ndarray, color: np.ndarray
) -> None:
    loss, counted = loss_of_share(scores, color)
    losses, counts = zip(*in_processes(2, loss_of_share, scores, color), strict=True)
    assert losses[0] != losses[1]
    assert np.mean(losses) == pytest.approx(loss, rel=1e-6)
    np.testing.assert_array_equal(*counts)
    np.testing.assert_allclose(counts[0], counted, atol=1e-7)


def color_of(scores: np.ndarray, gray: np.ndarray, temperature: float) -> np.ndarray:
    net = one_layer(
        "colorgan.nets.color_classes",
        "AnnealedMean",
        f'{{"step": 10, "temperature": {temperature}}}',
        {"scores": scores, "gray": np.repeat(gray, 3, axis=1)},
    )
    net.forward()
    return net.blobs["top"].data.copy()


def test_a_low_temperature_takes_the_likeliest_class_and_a_high_one_the_mean() -> None:
    gray = np.full((1, 1, 8, 8), 0.5, np.float32)
    scores = np.full((1, len(CENTERS), 2, 2), -100, np.float32)
    two = [CENTERS.tolist().index(ab) for ab in ([20, 20], [0, 20])]
    scores[:, two] = np.float32([1, 0]).reshape(2, 1, 1)

    def ab(temperature: float) -> np.ndarray:
        bgr = color_of(scores, gray, temperature)
        return cv2.cvtColor(np.dstack(list(bgr[0])), cv2.COLOR_BGR2Lab)[4, 4, 1:]

    np.testing.assert_allclose(ab(0.01), [20, 20], atol=0.2)
    np.testing.assert_allclose(ab(1), [20 * np.e / (1 + np.e), 20], atol=0.2)


def test_the_lightness_is_that_of_the_gray_face() -> None:
    gray = np.random.default_rng(7).uniform(0.3, 0.7, (2, 1, 8, 8)).astype(np.float32)
    scores = np.zeros((2, len(CENTERS), 2, 2), np.float32)
    scores[:, CENTERS.tolist().index([10, 10])] = 30
    faces = [np.dstack(list(face)) for face in color_of(scores, gray, 0.38)]
    lightness = [cv2.cvtColor(face, cv2.COLOR_BGR2Lab)[..., 0] for face in faces]
    expected = [cv2.cvtColor(np.dstack(3 * [face[0]]), cv2.COLOR_BGR2Lab)[..., 0] for face in gray]
    np.testing.assert_allclose(lightness, expected, atol=0.3)  # OpenCV looks Lab up in tables


def test_weights_carry_the_colouring_and_not_the_counted_shares(tmp_path: Path) -> None:
    training = load_caffe().Net(str(ZHANG), load_caffe().TRAIN)
    training.save(str(tmp_path / "zhang.caffemodel"))
    generator = DeployedGenerator(tmp_path / "zhang.caffemodel")
    learned = [bs for name, bs in training.params.items() if not name.startswith(("bn", "classes"))]
    assert generator.parameters == sum(blob.count for blobs in learned for blob in blobs)
    deploy = tmp_path / "deploy.prototxt"
    write_prototxt(deploy, deploy_form(read_net(ZHANG)), "for a test")
    net = load_caffe().Net(str(deploy), load_caffe().TEST)
    net.share_with(training)
    gray = np.random.default_rng(8).integers(0, 256, (2, 72, 64), np.uint8)
    np.testing.assert_array_equal(generator.colorize(gray), generate(net, gray))
