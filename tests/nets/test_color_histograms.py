"""Colours as histograms of hue and chroma: losses, their gradient, and the colours of scores."""

import colorsys
from pathlib import Path

import numpy as np
import pytest

from colorgan.nets.color_histograms import histograms, hue_and_chroma, with_hue_and_chroma
from colorgan.nets.deployed import DeployedGenerator
from colorgan.nets.runtime import load_caffe
from conftest import ROOT
from layer_nets import assert_gradient_of_scores, one_layer

MODULE = "colorgan.nets.color_histograms"
BINS = 8


@pytest.fixture
def color() -> np.ndarray:
    return np.random.default_rng(4).random((2, 3, 8, 8), np.float32)


@pytest.fixture
def scores() -> np.ndarray:
    return np.random.default_rng(5).normal(0, 1, (2, BINS, 4, 4)).astype(np.float32)


def reference(scores: np.ndarray, color: np.ndarray, layer: str) -> float:
    """The source's loss but for the targets' own entropy, pixel by pixel in float64."""
    loss = 0.0
    for n, i, j in np.ndindex(2, 4, 4):
        cell = color[n, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].reshape(3, 4).T.astype(np.float64)
        hues = [colorsys.rgb_to_hsv(red, green, blue)[0] for blue, green, red in cell]
        chromas = cell.max(axis=1) - cell.min(axis=1)
        values = hues if layer == "HueLoss" else chromas
        target = np.histogram(values, BINS, (0, 1))[0] / 4
        z = scores[n, :, i, j].astype(np.float64)
        weight = chromas.mean() if layer == "HueLoss" else 1
        loss -= weight * (target * (z - np.log(np.exp(z).sum()))).sum()
    return loss / (2 * 4 * 4)


LAYERS = ("HueLoss", "ChromaLoss")


@pytest.mark.parametrize("layer", LAYERS)
def test_the_loss_is_the_sources(layer: str, scores: np.ndarray, color: np.ndarray) -> None:
    net = one_layer(MODULE, layer, "", {"scores": scores, "color": color})
    net.forward()
    assert float(net.blobs["top"].data) == pytest.approx(reference(scores, color, layer), rel=1e-5)


@pytest.mark.parametrize("layer", LAYERS)
def test_its_gradient_is_that_of_the_loss(
    layer: str, scores: np.ndarray, color: np.ndarray
) -> None:
    net = one_layer(MODULE, layer, "", {"scores": scores, "color": color})
    assert_gradient_of_scores(net, lambda moved: reference(moved, color, layer))


def test_the_last_bin_holds_the_largest_value() -> None:
    (shares,) = histograms(np.float32([[[0, 1], [0.13, 0.99]]]), 8, (1, 1))
    assert shares.ravel().tolist() == [0.25, 0.25, 0, 0, 0, 0, 0, 0.5]


def test_hue_chroma_and_luminance_make_the_colour_again(color: np.ndarray) -> None:
    luminance = np.einsum("nchw,c->nhw", color, np.float32([0.114, 0.587, 0.299]))
    again = with_hue_and_chroma(luminance, *hue_and_chroma(color))
    np.testing.assert_allclose(again, color, atol=1e-4)


def colors_of(hues: np.ndarray, chromas: np.ndarray, gray: np.ndarray) -> np.ndarray:
    blobs = {"hues": hues, "chromas": chromas, "gray": np.repeat(gray, 3, axis=1)}
    net = one_layer(MODULE, "ExpectedColor", "", blobs)
    net.forward()
    return net.blobs["top"].data.copy()


def scored(bins: dict[int, float]) -> np.ndarray:
    """Scores (1, 32, 2, 2) that are the logarithms of these shares."""
    scores = np.full((1, 32, 2, 2), -100, np.float32)
    for place, share in bins.items():
        scores[:, place] = np.log(share)
    return scores


GRAY = np.random.default_rng(7).uniform(0.4, 0.6, (1, 1, 8, 8)).astype(np.float32)


def test_colours_have_the_expected_chroma_and_the_grays_luminance() -> None:
    colors = colors_of(scored({4: 1}), scored({6: 0.5, 10: 0.5}), GRAY)
    hue, chroma = hue_and_chroma(colors)
    np.testing.assert_allclose(chroma, 8.5 / 32, atol=1e-4)
    np.testing.assert_allclose(hue, 4.5 / 32, atol=1e-3)
    luminance = np.einsum("nchw,c->nhw", colors, np.float32([0.114, 0.587, 0.299]))
    np.testing.assert_allclose(luminance, GRAY[:, 0], atol=1e-5)


def test_the_mean_of_hues_on_both_sides_of_red_is_red() -> None:
    hue, _ = hue_and_chroma(colors_of(scored({0: 0.5, 31: 0.5}), scored({8: 1}), GRAY))
    assert np.minimum(hue, 1 - hue).max() < 1e-3


def test_colours_fade_where_hues_do_not_agree() -> None:
    chroma = scored({8: 1})
    _, opposite = hue_and_chroma(colors_of(scored({0: 0.5, 16: 0.5}), chroma, GRAY))
    _, alike = hue_and_chroma(colors_of(scored({0: 0.5, 1: 0.5}), chroma, GRAY))
    assert opposite.max() < 1e-3
    np.testing.assert_allclose(alike, 8.5 / 32, atol=1e-4)


def test_fixed_filters_are_no_learned_parameters(tmp_path: Path) -> None:
    larsson = ROOT / "prototxt/generator_larsson.prototxt"
    training = load_caffe().Net(str(larsson), load_caffe().TRAIN)
    training.save(str(tmp_path / "larsson.caffemodel"))
    generator = DeployedGenerator(tmp_path / "larsson.caffemodel")
    unlearned = ("bn", "column")
    learned = [bs for name, bs in training.params.items() if not name.startswith(unlearned)]
    assert generator.parameters == sum(blob.count for blobs in learned for blob in blobs)
    gray = np.full((1, 64, 64), 90, np.uint8)
    assert generator.colorize(gray).shape == (1, 3, 64, 64)
