"""Strokes and points: where a person has said a colour, and which."""

import cv2
import numpy as np
import pytest

from colorgan.photos.coloring.hints import Hints, Point
from conftest import chroma_in

RED, GRAY = (40, 30, 200), (90, 90, 90)


def strokes(height: int, width: int) -> np.ndarray:
    """A red stroke above, a gray one below, thin as a sixteenth of the height; BGRA."""
    picture = np.zeros((height, width, 4), np.uint8)
    picture[..., :3] = 255  # what is transparent has a colour as well, of no meaning
    thick = height // 16
    picture[height // 4 : height // 4 + thick, width // 4 : -width // 4] = *RED, 255
    picture[height // 2 : height // 2 + thick, width // 4 : -width // 4] = *GRAY, 255
    return picture


def chroma_of_color(bgr: tuple[int, int, int]) -> np.ndarray:
    return chroma_in(np.full((1, 1, 3), bgr, np.uint8))[:, 0, 0]


@pytest.mark.parametrize("size", [(64, 96), (32, 48), (256, 384), (1000, 1500)], ids=str)
def test_strokes_of_any_size_lie_where_they_are_painted(size: tuple[int, int]) -> None:
    hints = Hints.of_picture(strokes(*size), (64, 96))
    assert hints.chroma.shape == (2, 64, 96) and hints.chroma.dtype == np.float32
    within = np.zeros((64, 96), bool)
    within[15:22, 23:73] = within[31:38, 23:73] = True
    assert not (hints.mask & ~within).any()
    for row, color in ((17, RED), (33, GRAY)):
        assert hints.mask[row, 26:70].all()
        expected = chroma_of_color(color)[:, np.newaxis]
        np.testing.assert_allclose(hints.chroma[:, row, 26:70], np.tile(expected, 44), atol=0.01)


def test_sixteen_bits_say_what_eight_do() -> None:
    picture = strokes(64, 96)
    eight = Hints.of_picture(picture, (64, 96))
    sixteen = Hints.of_picture(picture.astype(np.uint16) * 257, (64, 96))
    np.testing.assert_array_equal(eight.mask, sixteen.mask)
    np.testing.assert_array_equal(eight.chroma, sixteen.chroma)


def test_a_thin_stroke_is_not_lost_in_a_small_photo() -> None:
    picture = np.zeros((2000, 3000, 4), np.uint8)
    cv2.line(picture, (100, 1000), (2900, 1000), (*RED, 255), 1)
    hints = Hints.of_picture(picture, (200, 300))
    assert hints.mask[100, 10:290].all() and hints.mask[:98].sum() == 0
    np.testing.assert_allclose(hints.chroma[:, 100, 150], chroma_of_color(RED), atol=0.02)


def test_hints_of_large_photos_take_little_memory() -> None:
    for hints in (
        Hints.of_picture(strokes(64, 96), (6400, 9600)),
        Hints.of_points([Point(9599, 6399, RED)], (6400, 9600)),
    ):
        assert hints.mask.shape == (683, 1024)
    assert hints.mask[-1, -1] and not hints.mask[:-20].any()


def test_points_are_small_discs_and_later_ones_lie_above() -> None:
    points = [Point(100, 50, RED), Point(300, 50, RED), Point(301, 50, GRAY)]
    hints = Hints.of_points(points, (200, 400))
    np.testing.assert_allclose(hints.chroma[:, 50, 100], chroma_of_color(RED), atol=1e-6)
    np.testing.assert_allclose(hints.chroma[:, 50, 301], 0, atol=1e-6)
    assert hints.mask[50, 100] and hints.mask[50, 301] and hints.mask.sum() < 60


@pytest.mark.parametrize("side", [1, 2, 3, 100])
def test_a_point_of_a_tiny_photo_is_its_pixel(side: int) -> None:
    last = side - 1
    hints = Hints.of_points([Point(last, last, (0, 0, 255))], (side, side))
    np.testing.assert_array_equal(np.argwhere(hints.mask), [[last, last]])


def test_hints_of_one_photo_are_joined() -> None:
    painted = Hints.of_picture(strokes(64, 96), (64, 96))
    point = Hints.of_points([Point(48, 17, GRAY)], (64, 96))
    both = Hints.joined([painted, point])
    np.testing.assert_array_equal(both.mask, painted.mask | point.mask)
    np.testing.assert_allclose(both.chroma[:, 17, 48], 0, atol=1e-6)
    np.testing.assert_allclose(both.chroma[:, 17, 30], chroma_of_color(RED), atol=0.01)


@pytest.mark.parametrize(
    ("picture", "told"),
    [
        (np.zeros((64, 96, 4), np.uint8), "holds no stroke"),
        (np.full((64, 96, 4), 255, np.uint8), "opaque all over"),
        (strokes(96, 64), "64 x 96 pixels do not have the proportions of the photo, 96 x 64"),
        (strokes(64, 96)[..., :3], r"uint8 \(64, 96, 3\), not"),
        (strokes(64, 96).astype(np.float32), "float32"),
    ],
    ids=["empty", "opaque", "turned", "without alpha", "of floats"],
)
def test_what_holds_no_strokes_for_the_photo_is_refused(picture: np.ndarray, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Hints.of_picture(picture, (64, 96))


@pytest.mark.parametrize(("x", "y"), [(-1, 0), (0, -1), (96, 0), (0, 64)])
def test_a_point_outside_of_the_photo_is_refused(x: int, y: int) -> None:
    with pytest.raises(ValueError, match=f"{x},{y} is outside of the photo, 96 x 64"):
        Hints.of_points([Point(x, y, RED)], (64, 96))


@pytest.mark.parametrize(
    ("chroma", "mask", "told"),
    [
        (
            np.zeros((2, 4, 4), np.float32),
            np.ones((4, 5), bool),
            r"float32 \(2, 4, 4\) and mask bool \(4, 5\)",
        ),
        (np.zeros((2, 4, 4)), np.ones((4, 4), bool), r"float64 \(2, 4, 4\)"),
        (np.zeros((2, 4, 4), np.float32), np.ones((4, 4)), "mask float64"),
        (np.zeros((2, 4, 4), np.float32), [True], "mask list"),
        (np.zeros((2, 4, 4), np.float32), np.zeros((4, 4), bool), "no stroke"),
        (np.full((2, 4, 4), 0.6, np.float32), np.ones((4, 4), bool), "outside of"),
        (np.full((2, 4, 4), np.nan, np.float32), np.ones((4, 4), bool), "outside of"),
    ],
    ids=["shapes", "float64", "no bool", "a list", "nowhere", "too strong", "nan"],
)
def test_arrays_that_are_no_hints_are_refused(chroma: object, mask: object, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Hints(chroma, mask)
