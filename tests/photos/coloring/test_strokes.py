"""Strokes colour the regions they lie in, as the whole linear system says, and nothing beyond."""

import cv2
import numpy as np
import pytest

from colorgan.luminance import in_unit_range, stretched
from colorgan.photos.coloring.painting import paint
from colorgan.photos.coloring.smoothness import neighbor_weights
from colorgan.photos.coloring.strokes import LARGEST, StrokeSpreader
from conftest import chroma_in, dense_laplacian

RED, BLUE, GREEN = (-0.1, 0.3), (0.3, -0.1), (-0.2, -0.2)


def strokes_on(
    shape: tuple[int, int], *strokes: tuple[tuple[slice, slice], tuple[float, float]]
) -> tuple[np.ndarray, np.ndarray]:
    """Chroma and mask of some strokes, each a window and its chroma."""
    chroma, mask = np.zeros((2, *shape), np.float32), np.zeros(shape, bool)
    for window, color in strokes:
        chroma[:, *window] = np.reshape(color, (2, 1, 1))
        mask[window] = True
    return chroma, mask


def dense_solution(gray: np.ndarray, chroma: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Every pixel the weighted mean of its neighbours but for the strokes', by dense algebra."""
    system = dense_laplacian(*neighbor_weights(in_unit_range(stretched(gray))))
    known = mask.ravel()
    system[known] = np.eye(known.size)[known]
    right = np.where(known, chroma.reshape(2, -1), 0).T
    return np.linalg.solve(system, right).T.reshape(chroma.shape)


def noise(shape: tuple[int, int], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize("shape", [(1, 2), (1, 9), (9, 1), (2, 2), (3, 3), (13, 17), (24, 20)])
def test_strokes_spread_as_the_dense_system_says(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(1)
    gray = cv2.blur(noise(shape, 2), (3, 3))
    mask = random.random(shape) < 0.1
    mask[0, 0] = True
    chroma = random.uniform(-0.3, 0.3, (2, *shape)).astype(np.float32)
    found = StrokeSpreader(gray).spread(chroma, mask)
    np.testing.assert_allclose(found, dense_solution(gray, chroma, mask), atol=1e-5)


def test_each_region_takes_the_color_of_the_one_stroke_in_it() -> None:
    gray = np.full((90, 120), 60, np.uint8)
    gray[:, 60:] = 110
    cv2.circle(gray, (60, 45), 25, 190, -1)
    gray = cv2.GaussianBlur(gray, (3, 3), 0)
    chroma, mask = strokes_on(
        gray.shape,
        (np.s_[70:73, 10:30], RED),
        (np.s_[10:30, 100:103], BLUE),
        (np.s_[44:46, 50:70], GREEN),
    )
    found = StrokeSpreader(gray).spread(chroma, mask)
    y, x = np.indices(gray.shape)
    disc = np.hypot(x - 60, y - 45)
    for region, color in (
        ((disc > 28) & (x < 57), RED),
        ((disc > 28) & (x > 62), BLUE),
        (disc < 22, GREEN),
    ):
        assert np.abs(found[:, region].T - color).max() < 0.03


def test_where_luminance_is_even_chroma_is_harmonic() -> None:
    chroma, mask = strokes_on((40, 61), (np.s_[:, :1], RED), (np.s_[:, 60:], BLUE))
    found = StrokeSpreader(np.full((40, 61), 128, np.uint8)).spread(chroma, mask)
    ramp = np.linspace(RED, BLUE, 61).T[:, np.newaxis]
    np.testing.assert_allclose(found, np.broadcast_to(ramp, found.shape), atol=1e-5)


def test_strokes_keep_their_own_chroma_and_nothing_goes_beyond_it() -> None:
    random = np.random.default_rng(3)
    gray = noise((60, 50), 4)
    mask = random.random(gray.shape) < 0.02
    chroma = random.uniform(-0.3, 0.3, (2, *gray.shape)).astype(np.float32)
    base = random.uniform(-0.2, 0.2, (2, 8, 7)).astype(np.float32)
    spreader = StrokeSpreader(gray)
    alone, over = spreader.spread(chroma, mask), spreader.spread(chroma, mask, base)
    for found in (alone, over):
        np.testing.assert_allclose(found[:, mask], chroma[:, mask], atol=1e-6)
    given = chroma[:, mask]
    assert alone.min() >= given.min() - 1e-6 and alone.max() <= given.max() + 1e-6
    least, most = min(given.min(), base.min()), max(given.max(), base.max())
    assert over.min() >= least - 1e-6 and over.max() <= most + 1e-6


@pytest.mark.parametrize("step", [25, 60, 120])
def test_over_a_base_a_stroke_recolors_its_region_alone(step: int) -> None:
    gray = np.full((120, 160), 100, np.uint8)
    gray[30:90, 40:100] += np.uint8(step)
    gray = cv2.GaussianBlur(gray, (3, 3), 0)
    base = np.full((2, 12, 16), 0.05, np.float32)
    chroma, mask = strokes_on(gray.shape, (np.s_[60:62, 60:80], RED))
    found = StrokeSpreader(gray).spread(chroma, mask, base)
    inside, outside = np.zeros(gray.shape, bool), np.ones(gray.shape, bool)
    inside[33:87, 43:97] = True
    outside[27:93, 37:103] = False
    assert np.abs(found[:, inside].T - RED).max() < 0.02
    assert np.abs(found[:, outside] - 0.05).max() < 0.02


def test_over_a_base_a_stroke_in_even_luminance_fades_with_distance() -> None:
    gray = np.full((20, 2000), 100, np.uint8)  # as large as a square of 200
    chroma, mask = strokes_on(gray.shape, (np.s_[:, 10:14], RED))
    cr = StrokeSpreader(gray).spread(chroma, mask, np.zeros((2, 1, 1), np.float32))[1, 10]
    assert (np.diff(cr[14:]) <= 1e-6).all()
    assert cr[200] > 0.29 and cr[1800] < 0.15


def test_a_layer_of_strokes_leaves_other_layers_where_they_do_not_reach() -> None:
    gray = np.full((1200, 1600), 70, np.uint8)
    gray[:, 800:] = 160
    chroma, mask = strokes_on(gray.shape, (np.s_[500:520, 200:600], RED))
    colored = paint(gray, [StrokeSpreader(gray).layer(chroma, mask)])
    assert np.abs(chroma_in(colored)[:, 100:1100, 100:780].transpose(1, 2, 0) - RED).max() < 0.03
    assert (colored[:, 830:] == gray[:, 830:, np.newaxis]).all()
    np.testing.assert_array_equal(cv2.cvtColor(colored, cv2.COLOR_BGR2GRAY), gray)


def test_strokes_do_not_run_into_a_face_unless_painted_there() -> None:
    gray = np.full((100, 160), 120, np.uint8)
    faces = np.zeros(gray.shape, int)
    faces[30:70, 20:60], faces[30:70, 90:130] = 1, 2
    on_wall = np.s_[10:13, 20:140], RED
    spreader = StrokeSpreader(gray)
    layer = spreader.layer(*strokes_on(gray.shape, on_wall), faces)
    assert not layer.opacity[faces > 0].any()
    assert layer.opacity[20, 75] == 1 and layer.opacity[50, 75] > 0
    both = strokes_on(gray.shape, on_wall, (np.s_[45:48, 100:120], BLUE))
    opacity = spreader.layer(*both, faces).opacity
    assert not opacity[faces == 1].any() and (opacity[faces == 2] == 1).all()


def test_the_next_stroke_gives_what_a_fresh_start_gives() -> None:
    gray = cv2.GaussianBlur(noise((80, 70), 5), (0, 0), 3)
    one = strokes_on(gray.shape, (np.s_[10:12, 10:40], RED))
    two = strokes_on(gray.shape, (np.s_[10:12, 10:40], RED), (np.s_[50:53, 20:60], BLUE))
    spreader = StrokeSpreader(gray)
    spreader.spread(*one)
    np.testing.assert_array_equal(spreader.spread(*two), StrokeSpreader(gray).spread(*two))
    np.testing.assert_array_equal(spreader.spread(*one), StrokeSpreader(gray).spread(*one))


def test_strokes_thinner_than_a_pixel_of_the_solution_count() -> None:
    gray = np.full((1500, 2000), 128, np.uint8)
    chroma, mask = strokes_on(gray.shape, (np.s_[700:701, 300:1700], RED))
    spreader = StrokeSpreader(gray)
    found = spreader.spread(chroma, mask)
    assert found.shape[1:] == spreader.guide.shape and found[0].size <= LARGEST
    assert np.abs(found.transpose(1, 2, 0) - RED).max() < 1e-5


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(1, 1), (3, 200_000), (200, 1)])
def test_photos_of_any_shape_without_strokes_keep_the_base(
    shape: tuple[int, int], dtype: type
) -> None:
    spreader = StrokeSpreader(np.full(shape, 7, dtype))
    chroma, mask = strokes_on(shape)
    base = np.full((2, 3, 3), 0.1, np.float32)
    assert not spreader.spread(chroma, mask).any()
    np.testing.assert_allclose(spreader.spread(chroma, mask, base), 0.1, atol=1e-6)
    mask[0, 0] = True
    assert np.isfinite(spreader.spread(chroma, mask, base)).all()
