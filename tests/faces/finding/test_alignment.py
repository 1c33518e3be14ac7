"""A face is found again where the similarity says, and comes out as training's faces did."""

import cv2
import numpy as np
import pytest

from colorgan.faces.celeba.aligned import CROP_SIDE
from colorgan.faces.finding.alignment import (
    CROP_POINTS,
    bounds,
    cut_crop,
    face_similarity,
    scale_of,
    spread,
)

CROP = (CROP_SIDE, CROP_SIDE)


def similarity(degrees: float, scale: float, x: float, y: float) -> np.ndarray:
    turn = scale * np.exp(1j * np.deg2rad(degrees))
    return np.array([[turn.real, -turn.imag, x], [turn.imag, turn.real, y]])


def moved(points: np.ndarray, by: np.ndarray) -> np.ndarray:
    return points @ by[:, :2].T + by[:, 2]


def smooth_crop(seed: int = 1) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 256, CROP, np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 6) // 2 * 2


@pytest.mark.parametrize("degrees", [0, 30, 135, -90])
@pytest.mark.parametrize("scale", [0.2, 1, 7.5])
def test_the_similarity_of_moved_points_is_the_move(degrees: float, scale: float) -> None:
    true = similarity(degrees, scale, 310.5, -42)
    found = face_similarity(moved(CROP_POINTS, true))
    np.testing.assert_allclose(found, true, atol=1e-4)
    assert scale_of(found) == pytest.approx(scale, rel=1e-6)


def test_the_similarity_is_the_nearest_where_points_are_not_celebas() -> None:
    random = np.random.default_rng(2)
    landmarks = 3 * CROP_POINTS + random.normal(0, 8, (5, 2))
    best = face_similarity(landmarks)

    def squares(matrix: np.ndarray) -> float:
        return float(np.square(moved(CROP_POINTS, matrix) - landmarks).sum())

    turn, rest = complex(best[0, 0], best[1, 0]), best[:, 2]
    for change in (0.01, 0.01j, -0.01, -0.01j):
        z = turn + change
        other = np.array([[z.real, -z.imag, rest[0]], [z.imag, z.real, rest[1]]])
        assert squares(other) > squares(best)


def test_a_face_that_stands_as_celebas_is_cut_out_bit_for_bit() -> None:
    photo = np.random.default_rng(3).integers(0, 256, (400, 300), np.uint8)
    crop = cut_crop(photo, similarity(0, 1, 57, 120))
    assert np.array_equal(crop, photo[120 : 120 + CROP_SIDE, 57 : 57 + CROP_SIDE])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("degrees", "scale"), [(0, 2.5), (25, 0.7), (180, 1.4), (-40, 6)])
def test_what_is_spread_over_a_photo_is_cut_out_again(
    dtype: type, degrees: float, scale: float
) -> None:
    crop = smooth_crop()
    place = similarity(degrees, scale, 900, 800)
    size = np.array([2600, 2200])
    laid = spread(crop.astype(np.float32), place, np.zeros(2, int), size)
    assert laid.shape == (2200, 2600)
    level = np.iinfo(dtype).max / 255
    again = cut_crop(np.rint(laid * level).astype(dtype), place)
    assert again.dtype == dtype
    inner = slice(4, -4), slice(4, -4)
    assert np.abs(again[inner] / level - crop[inner].astype(float)).max() < 3


def test_colours_are_cut_out_as_gray_is() -> None:
    photo = np.random.default_rng(3).integers(0, 256, (900, 700, 3), np.uint8)
    place = similarity(20, 2.4, 150, 120)
    planes = [cut_crop(plane, place) for plane in cv2.split(photo)]
    assert np.array_equal(cut_crop(photo, place), cv2.merge(planes))


def test_a_large_photo_is_averaged_down_not_sampled() -> None:
    photo = np.zeros((8 * CROP_SIDE, 8 * CROP_SIDE), np.uint8)
    photo[::2] = 200  # stripes that a sampling warp would turn into 0 or 200
    crop = cut_crop(photo, similarity(0, 8, 0, 0))
    assert np.abs(crop.astype(int) - 100).max() <= 1


def test_beyond_the_photo_its_border_is_repeated() -> None:
    photo = np.tile(np.arange(50, 150, dtype=np.uint8)[:, np.newaxis], (1, 80))
    crop = cut_crop(photo, similarity(0, 1, -40, -60))
    assert (crop[:60] == 50).all()
    assert (crop[160:] == 149).all()


def test_bounds_hold_the_map_and_stay_within_the_photo() -> None:
    first, last = bounds(similarity(45, 1, 100, 50), CROP, (400, 400))
    half = CROP_SIDE * np.sqrt(0.5)
    np.testing.assert_array_equal(first, [0, 50])
    np.testing.assert_array_equal(last, [int(np.ceil(100 + half)), int(np.ceil(50 + 2 * half))])


def test_a_map_beside_the_photo_still_has_a_pixel() -> None:
    first, last = bounds(similarity(0, 1, 1000, -900), CROP, (400, 400))
    assert (last - first == 1).all()
    assert (first >= 0).all() and (last <= (400, 300)).all()


@pytest.mark.parametrize(
    "columns, left, scale", [(30, 0, 7.3), (12, 9, 7.3), (5, 3, 1.0), (1, 0, 4)]
)
def test_maps_that_are_only_enlarged_are_interpolated_exactly(
    columns: int, left: int, scale: float
) -> None:
    maps = np.random.default_rng(1).random((20, columns, 4)).astype(np.float32)
    place = np.array([[scale, 0, left * scale], [0, 5.5, 11.25]])
    first = np.array([int(left * scale) + 1, 20])
    last = np.array([int((left + columns) * scale), 100])
    x, y = (
        (np.arange(first[axis], last[axis]) + 0.5 - place[axis, 2]) / place[axis, axis] - 0.5
        for axis in (0, 1)
    )
    rows = np.apply_along_axis(lambda line: np.interp(y, np.arange(20), line), 0, maps)
    exact = np.apply_along_axis(lambda line: np.interp(x, np.arange(columns), line), 1, rows)
    np.testing.assert_allclose(spread(maps, place, first, last), exact, atol=1e-6)
    alone = spread(np.ascontiguousarray(maps[..., 1]), place, first, last)
    np.testing.assert_allclose(alone, exact[..., 1], atol=1e-6)
