"""A pixel's features, and the filter along edges."""

from pathlib import Path

import numpy as np
import pytest

from colorgan.nets.deployed import DeployedGenerator
from colorgan.nets.pixel_features import features_of, joint_bilateral
from colorgan.nets.runtime import load_caffe
from conftest import ROOT
from layer_nets import one_layer

MODULE = "colorgan.nets.pixel_features"


@pytest.fixture
def gray() -> np.ndarray:
    return np.random.default_rng(4).random((20, 24))


def test_a_pixels_features_are_its_surroundings_its_daisy_and_its_place(gray: np.ndarray) -> None:
    features = features_of(gray, patch=7, radius=8)
    assert features.shape == (49 + 32 + 2, 20, 24)
    np.testing.assert_allclose(features[:49, 10, 12], (gray[7:14, 9:16] - 0.5).ravel(), atol=1e-6)
    np.testing.assert_allclose(features[24], gray - 0.5, atol=1e-6)  # also at the borders
    assert features[81:, 0, 0].tolist() == [-1, -1]
    assert features[81:, -1, 0].tolist() == [-1, 1]


def test_daisy_goes_with_what_it_describes_and_not_with_the_light(gray: np.ndarray) -> None:
    large = np.pad(gray, 20, mode="edge")
    images = (large, np.roll(large, 3, axis=1), large / 2)
    daisies = [features_of(image, 7, 8)[49:81] for image in images]
    np.testing.assert_allclose(daisies[0][:, 30, 30], daisies[1][:, 30, 33], atol=1e-6)
    np.testing.assert_allclose(daisies[0], daisies[2], atol=1e-6)
    assert daisies[0][:, 30, 30].std() > 0.02


def test_the_layer_gives_each_face_its_features() -> None:
    faces = np.random.default_rng(5).random((2, 1, 16, 16), np.float32)
    gray = np.repeat(faces, 3, axis=1)
    net = one_layer(MODULE, "PixelFeatures", '{"patch": 5, "radius": 4}', {"gray": gray})
    net.forward()
    for face, features in zip(faces, net.blobs["top"].data, strict=True):
        np.testing.assert_allclose(features, features_of(face[0], 5, 4), atol=1e-5)


def test_the_filter_is_a_mean_of_neighbours_by_distance_and_light() -> None:
    random = np.random.default_rng(6)
    maps, guide = random.random((1, 2, 9, 9)), random.random((1, 1, 9, 9))
    filtered = joint_bilateral(maps, guide, radius=2, space=1.5, light=0.2)
    offsets = np.arange(-2, 3)
    squares = (offsets[:, None] ** 2 + offsets**2) / 1.5**2
    near = np.s_[2:7, 3:8]  # around the pixel in row 4, column 5
    squares = squares + ((guide[0, 0][near] - guide[0, 0, 4, 5]) / 0.2) ** 2
    weights = np.exp(-squares / 2)
    expected = (weights * maps[0][(slice(None), *near)]).sum(axis=(1, 2)) / weights.sum()
    np.testing.assert_allclose(filtered[0, :, 4, 5], expected)


def test_colours_do_not_cross_an_edge_of_the_gray_face() -> None:
    sides = np.repeat([0.0, 1.0], 8).reshape(1, 1, 1, 16) * np.ones((1, 1, 16, 1))
    filtered = joint_bilateral(sides, sides, radius=4, space=2, light=0.1)
    np.testing.assert_allclose(filtered, sides, atol=1e-6)
    even = joint_bilateral(sides, np.zeros_like(sides), radius=4, space=2, light=0.1)
    assert 0.2 < even[0, 0, 8, 7] < 0.5


def test_the_filter_rests_while_a_net_learns() -> None:
    blobs = {
        "maps": np.random.default_rng(7).random((1, 2, 8, 8), np.float32),
        "gray": np.full((1, 3, 8, 8), 0.5, np.float32),
    }
    settings = '{"radius": 2, "space": 1, "light": 0.1}'
    net = one_layer(MODULE, "JointBilateral", settings, blobs)
    net.forward()
    np.testing.assert_array_equal(net.blobs["top"].data, blobs["maps"])
    net.blobs["top"].diff[...] = blobs["maps"]
    net.backward()
    np.testing.assert_array_equal(net.blobs["maps"].diff, blobs["maps"])


def test_the_filter_comes_with_the_weights(tmp_path: Path) -> None:
    training = load_caffe().Net(str(ROOT / "prototxt/generator_cheng.prototxt"), load_caffe().TRAIN)
    training.save(str(tmp_path / "cheng.caffemodel"))
    gray = np.random.default_rng(8).integers(0, 256, (1, 64, 64), np.uint8)
    fake = DeployedGenerator(tmp_path / "cheng.caffemodel").colorize(gray)
    training.blobs["gray"].reshape(1, 3, 64, 64)
    training.blobs["color"].reshape(1, 3, 64, 64)
    training.blobs["gray"].data[...] = gray[:, np.newaxis] / np.float32(255)
    training.forward()
    chroma = training.blobs["chroma"].data
    expected = joint_bilateral(chroma, training.blobs["gray"].data[:, :1], 4, 2, 0.1)
    blue = (fake[:, 0] - training.blobs["gray"].data[:, 0]) / 1.772
    np.testing.assert_allclose(blue, expected[:, 0], atol=1e-6)
    assert np.abs(expected - chroma).max() > 1e-4
