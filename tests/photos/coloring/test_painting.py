"""Chroma follows the photo's edges, stays where it belongs, and leaves luminance alone."""

import cv2
import numpy as np
import pytest

from colorgan.faces.celeba.aligned import CROP_SIDE
from colorgan.faces.finding.similarity import transformed
from colorgan.photos.coloring.painting import Layer, paint, refined_layer, trimmed
from conftest import chroma_in

IDENTITY = np.eye(2, 3)


def even_layer(cb: float, cr: float, opacity: float, side: int, place: np.ndarray) -> Layer:
    maps = np.zeros((side, side, 4), np.float32)
    maps[..., 2:] = cb, cr
    return Layer(maps, np.full((side, side), opacity, np.float32), place)


def placed(scale: float, x: float, y: float) -> np.ndarray:
    return np.array([[scale, 0, x], [0, scale, y]])


def test_refined_chroma_follows_an_edge_that_the_low_resolution_blurs() -> None:
    guide = np.full((CROP_SIDE, CROP_SIDE), 0.2, np.float32)
    guide[:, 91:] = 0.8
    truth = np.where(guide > 0.5, np.float32(0.2), np.float32(-0.1))
    low = cv2.resize(truth, (64, 64), interpolation=cv2.INTER_AREA)
    layer = refined_layer(np.stack([low, low]), guide, np.ones_like(guide), IDENTITY)
    refined = layer.maps[..., 0] * guide + layer.maps[..., 2]
    blurred = cv2.resize(low, guide.shape, interpolation=cv2.INTER_CUBIC)
    near = slice(20, -20), slice(86, 96)
    assert np.abs(refined - truth)[near].max() < 0.3 * np.abs(blurred - truth)[near].max()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_luminance_is_kept_to_the_last_bit(dtype: type) -> None:
    random = np.random.default_rng(1)
    gray = random.integers(0, np.iinfo(dtype).max + 1, (700, 1100)).astype(dtype)
    maps = random.normal(0, 0.3, (50, 50, 4)).astype(np.float32)
    layer = Layer(maps, np.ones((50, 50), np.float32), placed(17, 100, 30))
    colored = paint(gray, [layer])
    assert colored.dtype == dtype and colored.shape == (700, 1100, 3)
    assert np.ptp(colored.astype(int), axis=2).mean() > 0.05 * np.iinfo(dtype).max
    np.testing.assert_array_equal(cv2.cvtColor(colored, cv2.COLOR_BGR2GRAY), gray)


def test_outside_of_the_layers_the_photo_stays_gray() -> None:
    gray = np.random.default_rng(2).integers(0, 256, (900, 900), np.uint8)
    colored = paint(gray, [even_layer(0.1, 0.1, 1, 100, placed(2, 300, 400))])
    outside = np.ones(gray.shape, bool)
    outside[400:600, 300:500] = False
    assert (colored[outside] == gray[outside][:, np.newaxis]).all()
    assert np.ptp(colored[410:590, 310:490].astype(int), axis=2).mean() > 20


def test_tiles_leave_no_seam() -> None:
    gray = np.full((1200, 1300), 128, np.uint8)
    ramp = np.linspace(-0.1, 0.1, 60, dtype=np.float32)
    maps = np.zeros((60, 60, 4), np.float32)
    maps[..., 2], maps[..., 3] = ramp, ramp[:, np.newaxis]
    layer = Layer(maps, np.ones((60, 60), np.float32), placed(22, -5, -5))
    cb, cr = chroma_in(paint(gray, [layer]))
    step = 0.2 / 59 / 22
    assert np.abs(np.diff(cb, axis=1)).max() < step + 0.006  # and a level of rounding
    assert np.abs(np.diff(cr, axis=0)).max() < step + 0.006


def test_the_later_layer_is_in_front_as_far_as_it_is_opaque() -> None:
    gray = np.full((80, 80), 128, np.uint8)
    behind = even_layer(0.2, 0, 1, 80, IDENTITY)
    front = even_layer(0, 0.2, 0.25, 80, IDENTITY)
    cb, cr = chroma_in(paint(gray, [behind, front]))
    assert np.abs(cb - 0.15).max() < 0.005
    assert np.abs(cr - 0.05).max() < 0.005


def test_no_layer_no_color() -> None:
    gray = np.arange(64, dtype=np.uint8).reshape(8, 8)
    np.testing.assert_array_equal(paint(gray, []), cv2.merge([gray] * 3))


@pytest.mark.parametrize("place", [IDENTITY, placed(3, -7, 12)], ids=["as it is", "enlarged"])
def test_the_part_of_a_layer_that_is_seen_looks_like_all_of_it(place: np.ndarray) -> None:
    random = np.random.default_rng(2)
    maps = random.normal(0, 0.1, (40, 60, 4)).astype(np.float32)
    opacity = np.zeros((40, 60), np.float32)
    opacity[10:20, 30:60] = random.uniform(0.1, 1, (10, 30))
    layer = Layer(maps, opacity, place)
    part = trimmed(layer)
    assert part.maps.shape[:2] == part.opacity.shape == (12, 31)
    gray = random.integers(0, 256, (130, 190)).astype(np.uint8)
    assert cv2.absdiff(paint(gray, [part]), paint(gray, [layer])).max() <= 1
    unseen = even_layer(0.1, 0.1, 0, 9, IDENTITY)
    assert trimmed(unseen) is unseen


def test_the_layer_of_a_small_face_is_no_finer_than_the_photo() -> None:
    random = np.random.default_rng(6)
    chroma = random.uniform(-0.2, 0.2, (2, 64, 64)).astype(np.float32)
    guide = random.random((178, 178), np.float32)
    for scale, side in ((0.25, 44), (0.8, 142), (1, 178), (4, 178)):
        to_photo = np.array([[scale, 0, 30], [0, scale, 20]])
        layer = refined_layer(chroma, guide, np.ones_like(guide), to_photo)
        assert layer.maps.shape == (side, side, 4) and layer.opacity.shape == (side, side)
        corner = transformed(np.array([side, side]), layer.similarity)
        assert corner == pytest.approx([178 * scale + 30, 178 * scale + 20])
